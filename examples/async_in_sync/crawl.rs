//! The blocking code: a thread a page, a channel for the links, a mutex around what is known.
//!
//! With `std::` for `standin::` this would be plain std, but for [`block_on`](standin::block_on).

use crate::client;
use standin::sync::{Arc, Mutex, mpsc};
use standin::thread;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::net::SocketAddr;

/// What a crawl found.
#[derive(Default)]
pub(crate) struct Found {
    /// The pages, and where their links lead.
    pub(crate) links: BTreeMap<String, Vec<String>>,
    pub(crate) failures: Vec<String>,
    /// The most pages that were asked for at once.
    pub(crate) most_at_once: usize,
}

/// Crawls everything that can be reached from the page `/0`.
pub(crate) fn crawl(address: SocketAddr) -> io::Result<Found> {
    let found = Arc::new(Mutex::new(Found::default()));
    let (sender, receiver) = mpsc::channel::<Vec<String>>();
    let mut known = HashSet::new();
    let mut under_way = 0;
    let mut most_at_once = 0;
    let mut links = vec!["/0".to_string()];
    loop {
        for path in links {
            if known.insert(path.clone()) {
                let (found, sender) = (found.clone(), sender.clone());
                thread::Builder::new().spawn(move || {
                    let links = visit(address, path, &found);
                    sender.send(links).expect("the crawl waits for all pages");
                })?;
                under_way += 1;
            }
        }
        most_at_once = most_at_once.max(under_way);
        if under_way == 0 {
            break;
        }
        links = receiver.recv().expect("there is a sender here");
        under_way -= 1;
    }
    let mut found = found.lock().expect("no thread panicked with it");
    found.most_at_once = most_at_once;
    Ok(std::mem::take(&mut *found))
}

/// Fetches a page, notes what it says, and returns its links.
fn visit(address: SocketAddr, path: String, found: &Mutex<Found>) -> Vec<String> {
    // The one line where blocking code waits for async code.
    let page = standin::block_on(client::get(address, &path));
    let mut found = found.lock().expect("no thread panics with it");
    match page {
        Ok(page) => {
            let links = links(&page);
            found.links.insert(path, links.clone());
            links
        }
        Err(error) => {
            found.failures.push(format!("{path}: {error}"));
            Vec::new()
        }
    }
}

fn links(page: &str) -> Vec<String> {
    let quoted = page.split("href=\"").skip(1);
    quoted
        .filter_map(|rest| Some(rest.split_once('"')?.0.to_string()))
        .collect()
}
