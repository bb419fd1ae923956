//! A crawler in plain blocking style, one thread a page, that calls an async client.
//!
//!     cargo run --release --features green,async,threads,may --example async_in_sync
//!     cargo run --release --features green,async,threads --example async_in_sync -- --engine threads
//!
//! `crawl.rs` is the blocking code, `client.rs` the async code; neither was written for the other, and
//! `standin::block_on` is all that is between them. `site.rs` is what is crawled. Each engine crawls it in a
//! process of its own. The program ends with status 1 if what it found is not what the site is.

mod client;
mod crawl;
#[path = "../common/descriptors.rs"]
mod descriptors;
#[path = "../common/engines.rs"]
mod engines;
#[path = "../common/loopback.rs"]
mod loopback;
#[path = "../common/measure.rs"]
mod measure;
mod site;
#[path = "../common/table.rs"]
mod table;

use lexopt::{Arg, Parser, ValueExt};
use site::Site;
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "\
usage: async_in_sync [OPTIONS]

  --engine NAME  crawl on this engine; may be repeated [all of this build]
  --pages N      how many pages the site has [2000]
  --delay MS     how long it waits before each answer [100]
";

struct Options {
    engines: Vec<String>,
    site: Site,
    /// What a child process is told: its engine, and where the site is.
    on: Option<(String, SocketAddr)>,
}

fn main() -> ExitCode {
    let result = options().and_then(|options| match options {
        None => {
            print!("{USAGE}");
            Ok(true)
        }
        Some(Options {
            on: Some((engine, address)),
            site,
            ..
        }) => child(&engine, address, site),
        Some(options) => compare(&options),
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("async_in_sync: {error} (--help shows the usage)");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Option<Options>, Box<dyn Error>> {
    let mut options = Options {
        engines: Vec::new(),
        site: Site {
            pages: 2000,
            delay: Duration::from_millis(100),
        },
        on: None,
    };
    let mut parser = Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Long("engine") => options.engines.push(parser.value()?.string()?),
            Arg::Long("pages") => options.site.pages = parser.value()?.parse()?,
            Arg::Long("delay") => {
                options.site.delay = Duration::from_millis(parser.value()?.parse()?);
            }
            Arg::Long("on") => {
                options.on = Some((parser.value()?.string()?, parser.value()?.parse()?));
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    if options.site.pages == 0 {
        return Err("--pages 0 leaves nothing to crawl".into());
    }
    Ok(Some(options))
}

/// Every engine crawls the same site; false if one got it wrong.
fn compare(options: &Options) -> Result<bool, Box<dyn Error>> {
    let engines = match options.engines.as_slice() {
        [] => engines::names().into_iter().map(String::from).collect(),
        chosen => chosen.to_vec(),
    };
    let pages = options.site.pages.to_string();
    descriptors::raise_limit();
    let mut good = true;
    let head = [
        "engine",
        "pages",
        "links",
        "seconds",
        "at once",
        "peak memory",
        "OS threads",
        "the graph is",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for engine in engines {
        // A port of its own for each engine: the last one's connections linger on theirs.
        let address = options.site.serve()?.to_string();
        let words = ["--pages", &pages, "--on", &engine, &address];
        let run = measure::Run::of_self(words, "")?;
        good &= run.status.success();
        let value = |key: &str| run.value(key).unwrap_or("?").to_string();
        rows.push(vec![
            engine.clone(),
            value("pages"),
            value("links"),
            value("seconds"),
            value("at once"),
            value("peak memory"),
            run.os_threads.to_string(),
            match run.status.success() {
                true => "complete".to_string(),
                false => format!("wrong: {}", run.status),
            },
        ]);
    }
    println!(
        "{pages} pages, each answered after {} ms, a thread a page:",
        options.site.delay.as_millis()
    );
    table::print(&rows);
    Ok(good)
}

/// A child's part: crawls the site on one engine, and compares what it found with what there is.
fn child(engine: &str, address: SocketAddr, site: Site) -> Result<bool, Box<dyn Error>> {
    let start = Instant::now();
    let found = engines::run(engine, move || crawl::crawl(address))??;
    println!("seconds\t{:.3}", start.elapsed().as_secs_f64());
    println!("pages\t{}", found.links.len());
    println!(
        "links\t{}",
        found.links.values().map(Vec::len).sum::<usize>()
    );
    println!("at once\t{}", found.most_at_once);
    println!(
        "peak memory\t{:.1} MiB",
        measure::peak_resident_kib() as f64 / 1024.0
    );
    for failure in &found.failures {
        eprintln!("async_in_sync: on {engine}: {failure}");
    }
    let is_right = site.graph() == found.links;
    if !is_right {
        eprintln!("async_in_sync: on {engine}: what was found is not what the site is");
    }
    Ok(is_right && found.failures.is_empty())
}
