//! Measures a run from outside: each engine runs in a child process of its own, so that
//! its memory and its OS threads are counted alone.
//!
//! The child is this same program with other arguments. It reports through lines
//! `key<TAB>value` on its standard output.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

/// How often the number of the child's OS threads is looked at.
const SAMPLE: Duration = Duration::from_millis(2);

/// What a child process did.
pub(crate) struct Run {
    pub(crate) status: ExitStatus,
    /// The most OS threads that it was seen to have at once.
    pub(crate) os_threads: u64,
    report: Vec<(String, String)>,
}

impl Run {
    /// Starts this program again with `arguments` and `input`, and watches it to its end.
    pub(crate) fn of_self<I>(arguments: I, input: &str) -> io::Result<Run>
    where
        I: IntoIterator<Item: Into<OsString>>,
    {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments.into_iter().map(Into::into))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A child that ended early says why by its status.
            let _ = stdin.write_all(input.as_bytes());
        }
        let mut os_threads = 0;
        let status = loop {
            os_threads = os_threads.max(status_of(&child.id().to_string(), "Threads"));
            match child.try_wait()? {
                Some(status) => break status,
                None => thread::sleep(SAMPLE),
            }
        };
        let mut output = String::new();
        if let Some(mut stdout) = child.stdout.take() {
            stdout.read_to_string(&mut output)?;
        }
        let report = output
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        Ok(Run {
            status,
            os_threads,
            report,
        })
    }

    /// A value of the child's report.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        let entry = self.report.iter().find(|(name, _)| name == key)?;
        Some(&entry.1)
    }
}

/// The most memory that this process has had resident until now, in KiB.
pub(crate) fn peak_resident_kib() -> u64 {
    status_of("self", "VmHWM")
}

/// A number of `/proc/PROCESS/status`; 0 when the process has just ended.
fn status_of(process: &str, key: &str) -> u64 {
    std::fs::read_to_string(format!("/proc/{process}/status"))
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
        .and_then(|value| value.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
