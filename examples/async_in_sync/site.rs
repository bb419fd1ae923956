//! What is crawled: pages that link to each other, served after a delay.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

/// How many pages a page is the first one to link to.
const CHILDREN: usize = 10;

#[derive(Clone, Copy)]
pub(crate) struct Site {
    pub(crate) pages: usize,
    pub(crate) delay: Duration,
}

impl Site {
    /// Serves it on a free port of the loopback address, from one OS thread, until the process ends.
    pub(crate) fn serve(self) -> io::Result<SocketAddr> {
        let (runtime, listener) = crate::loopback::listen()?;
        let address = listener.local_addr()?;
        let pages = Router::new().route("/{page}", get(page)).with_state(self);
        thread::Builder::new()
            .spawn(move || runtime.block_on(async { axum::serve(listener, pages).await }))?;
        Ok(address)
    }

    /// Every page, and where its links lead: what a crawl has to find.
    pub(crate) fn graph(self) -> BTreeMap<String, Vec<String>> {
        let pages = 0..self.pages;
        pages
            .map(|page| (format!("/{page}"), self.links(page)))
            .collect()
    }

    /// A tree, so that every page can be reached, and a link across it and one back to the front page.
    fn links(self, page: usize) -> Vec<String> {
        let children = page * CHILDREN + 1..(page + 1) * CHILDREN + 1;
        let across = [page * 7 % self.pages, 0];
        let linked = children.filter(|child| *child < self.pages).chain(across);
        linked.map(|page| format!("/{page}")).collect()
    }
}

async fn page(
    State(site): State<Site>,
    Path(page): Path<usize>,
) -> Result<Html<String>, StatusCode> {
    tokio::time::sleep(site.delay).await;
    if page >= site.pages {
        return Err(StatusCode::NOT_FOUND);
    }
    let links = site.links(page).into_iter();
    let items = links.map(|link| format!("<li><a href=\"{link}\">{link}</a></li>"));
    Ok(Html(format!(
        "<h1>Page {page}</h1><ul>{}</ul>",
        items.collect::<String>()
    )))
}
