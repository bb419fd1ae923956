//! Fetches ten thousand pages at once in plain blocking code, one thread a page.
//!
//!     cargo run --release --features green,async,threads,may --example fetch
//!     cargo run --release --features green,async,threads --example fetch -- --help
//!
//! `get.rs` fetches one page, `fetch_all.rs` starts the threads: read those two. The rest
//! is a server to fetch from, and the comparison: each engine fetches the same pages in a
//! child process of its own.

mod answer;
mod certificate;
mod compare;
mod connection;
#[path = "../common/descriptors.rs"]
mod descriptors;
#[path = "../common/engines.rs"]
mod engines;
mod failure;
mod fetch_all;
mod get;
#[path = "../common/measure.rs"]
mod measure;
mod options;
mod server;
#[path = "../common/table.rs"]
mod table;
#[cfg(test)]
mod tests;
mod trust;
mod url;

use certificate::Certificate;
use fetch_all::{Job, Tally, fetch_all};
use indicatif::{ProgressBar, ProgressStyle};
use options::Options;
use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = Options::parse().and_then(|options| match &options.on {
        _ if options.help => {
            print!("{}", options::USAGE);
            Ok(true)
        }
        Some(engine) => child(engine, &options),
        None if options.serve => serve(&options),
        None => compare::compare(options),
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fetch: {error} (--help shows the usage)");
            ExitCode::from(2)
        }
    }
}

/// A child's part: fetches the URLs of its standard input on one engine, and reports.
fn child(engine: &str, options: &Options) -> Result<bool, Box<dyn Error>> {
    let urls: Vec<String> = std::io::stdin().lines().collect::<Result<_, _>>()?;
    let style = "{prefix:>12} {wide_bar} {pos}/{len} {elapsed}";
    let bar = ProgressBar::new(urls.len() as u64)
        .with_style(ProgressStyle::with_template(style)?)
        .with_prefix(engine.to_string());
    let job = Job {
        urls,
        at_once: options.limit,
        tls: trust::client(&options.trust, options.trust_pem.as_deref())?,
        patience: options.timeout,
        bar: bar.clone(),
        failures_shown: options.failures,
    };
    let tally = engines::run(engine, move || fetch_all(&job))?;
    bar.finish_and_clear();
    report(&tally, options);
    Ok(true)
}

fn report(tally: &Tally, options: &Options) {
    let failures = tally.failures();
    if failures > options.failures {
        let more = failures - options.failures;
        eprintln!("and {more} more failures (--failures {failures} shows them)");
    }
    let kinds: Vec<String> = tally
        .failed
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    println!("seconds\t{:.3}", tally.wall.as_secs_f64());
    println!("at once\t{}", tally.most_at_once);
    println!("fetched\t{}", tally.fetched);
    println!("failed\t{failures}");
    println!(
        "peak memory\t{:.1} MiB",
        measure::peak_resident_kib() as f64 / 1024.0
    );
    println!("failures\t{}", kinds.join(", "));
}

fn serve(options: &Options) -> Result<bool, Box<dyn Error>> {
    descriptors::raise_limit();
    let certificate = match options.https {
        true => Some(Certificate::self_signed()?),
        false => None,
    };
    let address = server::start(options.delay, certificate.as_ref())?;
    println!("LISTENING {}", address.port());
    if let Some(certificate) = certificate {
        print!("{}", certificate.pem);
    }
    loop {
        std::thread::park();
    }
}
