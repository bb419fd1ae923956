//! The comparison: every engine fetches the same pages in a child process of its own.

use crate::certificate::Certificate;
use crate::measure::Run;
use crate::options::Options;
use crate::{descriptors, engines, server, table, trust};
use std::error::Error;

const HEAD: [&str; 8] = [
    "engine",
    "seconds",
    "at once",
    "fetched",
    "failed",
    "peak memory",
    "OS threads",
    "failures",
];

/// Descriptors that are not connections: the standard streams, epoll, name resolution.
const SPARE_DESCRIPTORS: u64 = 64;

/// Runs the engines in turn and prints the table; false if what happened is a failure.
pub(crate) fn compare(mut options: Options) -> Result<bool, Box<dyn Error>> {
    choose_engines(&mut options)?;
    // Every child reads the files; a mistake in one is better said once.
    trust::client(&options.trust, None)?;
    let listed = listed_urls(&options)?;
    let embedded = listed.is_none();
    let pages = listed.as_ref().map_or(options.count, Vec::len);
    let at_once = at_once(pages.min(options.limit));
    let certificate = match embedded && options.https {
        true => Some(Certificate::self_signed()?),
        false => None,
    };
    options.trust_pem = certificate.as_ref().map(|made| made.pem.clone());
    if let Some(warning) = server::backlog_warning().filter(|_| embedded) {
        eprintln!("fetch: {warning}");
    }

    let mut good = true;
    let mut rows = vec![HEAD.map(String::from).to_vec()];
    for engine in &options.engines {
        let urls = match &listed {
            Some(urls) => urls.join("\n"),
            // A port of its own for each engine: the last one's connections linger on theirs.
            None => embedded_urls(&options, certificate.as_ref())?,
        };
        let run = Run::of_self(options.for_child(engine, at_once), &urls)?;
        let complete = run.status.success();
        good &= complete && !(options.strict && run.value("failed") != Some("0"));
        rows.push(match complete {
            true => row(engine, &run),
            false => vec![engine.clone(), format!("failed: {}", run.status)],
        });
    }
    println!("{pages} pages, at most {at_once} at once:");
    table::print(&rows);
    Ok(good)
}

fn choose_engines(options: &mut Options) -> Result<(), String> {
    let built = engines::names();
    if options.engines.is_empty() {
        options.engines = built.iter().map(ToString::to_string).collect();
    }
    let mut chosen = options.engines.iter();
    match chosen.find(|name| !built.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(format!(
            "this build has no engine {name:?}, it has: {}",
            built.join(", ")
        )),
    }
}

fn row(engine: &str, run: &Run) -> Vec<String> {
    let cell = |head: &&str| match *head {
        "engine" => engine.to_string(),
        "OS threads" => run.os_threads.to_string(),
        key => run.value(key).unwrap_or("?").to_string(),
    };
    HEAD.iter().map(cell).collect()
}

/// Starts a server, and lists the pages to fetch from it.
fn embedded_urls(
    options: &Options,
    certificate: Option<&Certificate>,
) -> Result<String, Box<dyn Error>> {
    let address = server::start(options.delay, certificate)?;
    let scheme = if options.https { "https" } else { "http" };
    let url = |page| format!("{scheme}://{address}/{page}\n");
    Ok((0..options.count).map(url).collect())
}

/// The URLs of the command line and of `--file`; none if the embedded server is to be used.
fn listed_urls(options: &Options) -> Result<Option<Vec<String>>, Box<dyn Error>> {
    let mut urls = options.urls.clone();
    if let Some(file) = &options.file {
        let text = std::fs::read(file).map_err(|error| format!("--file {file}: {error}"))?;
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().map(str::trim);
        urls.extend(
            lines
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(str::to_string),
        );
    }
    match urls.is_empty() && options.file.is_none() {
        true => Ok(None),
        false => Ok(Some(urls)),
    }
}

/// How many connections the limit of open descriptors allows, up to `wanted`.
fn at_once(wanted: usize) -> usize {
    let limit = descriptors::raise_limit();
    let allowed = limit.saturating_sub(SPARE_DESCRIPTORS).max(1) as usize;
    if allowed < wanted {
        eprintln!(
            "fetch: {wanted} pages at once need {} descriptors, and this process may open \
             {limit} (`ulimit -Hn`): fetching {allowed} at once",
            wanted as u64 + SPARE_DESCRIPTORS
        );
    }
    wanted.clamp(1, allowed)
}
