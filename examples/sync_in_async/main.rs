//! A service by axum, on tokio, whose handlers run a blocking library unchanged, thousands at a time.
//!
//!     cargo run --release --features async --example sync_in_async
//!     cargo run --release --features async --example sync_in_async -- --help
//!
//! `store.rs` is the blocking library, `service.rs` the async service that calls it: by `standin::unblock`, and
//! for comparison by `tokio::task::spawn_blocking`, each in a process of its own. `clients.rs` asks and checks,
//! `backend.rs` is the database. The program ends with status 1 if an answer is wrong, or if a request that was
//! dropped was not cancelled.

mod backend;
mod clients;
#[path = "../common/descriptors.rs"]
mod descriptors;
#[path = "../common/loopback.rs"]
mod loopback;
#[path = "../common/measure.rs"]
mod measure;
mod service;
mod store;
#[path = "../common/table.rs"]
mod table;

use clients::Report;
use lexopt::{Arg, Parser, ValueExt};
use service::{Service, Way};
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::Builder;

const USAGE: &str = "\
usage: sync_in_async [OPTIONS]

  --requests N  how many clients store a value and read it back, all at once [2000]
  --gone N      how many go away in the middle, and how many outlast the service's patience [50]
  --delay MS    how long the database takes for an answer [20]

STANDIN_ENGINE says on which engine `unblock` runs the library, of those that are compiled.
";

/// Descriptors that are no connections: the standard streams, epoll and the like.
const SPARE_DESCRIPTORS: u64 = 64;

/// How many OS threads tokio has for `spawn_blocking` unless told otherwise.
const BLOCKING_POOL: usize = 512;

struct Options {
    requests: usize,
    gone: usize,
    delay: Duration,
    /// What a child process is told: how it calls the library, and where the database is.
    with: Option<(Way, SocketAddr)>,
}

fn main() -> ExitCode {
    let result = options().and_then(|options| match options {
        None => {
            print!("{USAGE}");
            Ok(true)
        }
        Some(options) => match options.with {
            Some((way, backend)) => child(way, backend, &options),
            None => compare(&options),
        },
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("sync_in_async: {error} (--help shows the usage)");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Option<Options>, Box<dyn Error>> {
    let mut options = Options {
        requests: 2000,
        gone: 50,
        delay: Duration::from_millis(20),
        with: None,
    };
    let mut parser = Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Long("requests") => options.requests = parser.value()?.parse()?,
            Arg::Long("gone") => options.gone = parser.value()?.parse()?,
            Arg::Long("delay") => options.delay = Duration::from_millis(parser.value()?.parse()?),
            Arg::Long("with") => {
                options.with = Some((parser.value()?.parse()?, parser.value()?.parse()?));
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    if 2 * options.gone > BLOCKING_POOL {
        return Err(format!(
            "--gone: at most {}, or spawn_blocking has no OS thread left",
            BLOCKING_POOL / 2
        )
        .into());
    }
    Ok(Some(options))
}

/// Each way does the same in a process of its own; false if one got it wrong.
fn compare(options: &Options) -> Result<bool, Box<dyn Error>> {
    // A client's end, the service's end, and the connection to the database.
    let descriptors = 3 * (options.requests + 2 * options.gone) as u64 + SPARE_DESCRIPTORS;
    let limit = descriptors::raise_limit();
    if limit < descriptors {
        return Err(format!(
            "{} requests at once need {descriptors} descriptors, and this process may open {limit} (`ulimit -Hn`)",
            options.requests
        )
        .into());
    }
    let head = [
        "handlers call",
        "right answers",
        "seconds",
        "peak memory",
        "OS threads",
        "dropped",
        "of these ended early",
    ];
    let mut good = true;
    let mut rows = vec![head.map(String::from).to_vec()];
    for way in Way::ALL {
        let words = [
            format!("--requests={}", options.requests),
            format!("--gone={}", options.gone),
            "--with".to_string(),
            way.to_string(),
            backend::serve(options.delay)?.to_string(),
        ];
        let run = measure::Run::of_self(words, "")?;
        good &= run.status.success();
        let value = |key: &str| run.value(key).unwrap_or("?").to_string();
        rows.push(vec![
            way.to_string(),
            value("right"),
            value("seconds"),
            value("peak memory"),
            run.os_threads.to_string(),
            value("dropped"),
            match run.status.success() {
                true => value("cancelled"),
                false => format!("{}; failed: {}", value("cancelled"), run.status),
            },
        ]);
    }
    println!(
        "{} requests at once, for each the database is asked twice and takes {} ms:",
        options.requests,
        options.delay.as_millis()
    );
    table::print(&rows);
    Ok(good)
}

/// A child's part: the service, and the clients that ask it, on one runtime.
fn child(way: Way, backend: SocketAddr, options: &Options) -> Result<bool, Box<dyn Error>> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let report: Report = runtime.block_on(async {
        let service = Service::new(way, backend);
        let address = service.serve()?;
        clients::run(&service, address, options.requests, options.gone).await
    })?;
    for failure in report.failures.iter().take(10) {
        eprintln!("sync_in_async: by {way}: {failure}");
    }
    println!("right\t{}", report.right);
    println!("seconds\t{:.3}", report.seconds);
    println!(
        "peak memory\t{:.1} MiB",
        measure::peak_resident_kib() as f64 / 1024.0
    );
    println!("dropped\t{}", report.dropped);
    println!("cancelled\t{}", report.cancelled);
    // Calls that nobody cancelled are still under way; the end of the process is theirs.
    runtime.shutdown_background();
    Ok(report.failures.is_empty())
}
