//! What it is measured on, with which versions, and when.

use crate::options::Options;
use crate::peers;
use std::fs;
use std::time::SystemTime;

pub(crate) fn name() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = rustix::system::uname();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let release = kernel.release().to_string_lossy();
    // Without what its builder added.
    let release = release.split('-').next().unwrap_or_default();
    let system = kernel.sysname().to_string_lossy();
    format!("{model}, {cores} cores, {system} {release}")
}

pub(crate) fn versions(options: &Options) -> String {
    let go = match peers::has_go(options) {
        true => peers::go_version().map_or(String::new(), |version| format!(", Go {version}")),
        false => String::new(),
    };
    let (rustc, may, tokio) = (env!("BENCH_RUSTC"), env!("BENCH_MAY"), env!("BENCH_TOKIO"));
    format!("{rustc}, may {may}, tokio {tokio}{go}")
}

/// The average number of threads that ran or waited for a core in the last minute.
pub(crate) fn load() -> String {
    read("/proc/loadavg")
        .split(' ')
        .next()
        .unwrap_or_default()
        .to_string()
}

/// Today in UTC, as in 2026-01-31.
pub(crate) fn today() -> String {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let mut days = since.as_secs() / 86_400;
    let mut year = 1970;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
