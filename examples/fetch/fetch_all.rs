//! One thread a URL: the part of the example that an engine runs.

use crate::failure::{Failure, Kind};
use crate::get::get;
use indicatif::ProgressBar;
use rustls::ClientConfig;
use standin::sync::{Arc, mpsc};
use standin::thread;
use standin::time::{Duration, Instant};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What to fetch, and how.
pub(crate) struct Job {
    pub(crate) urls: Vec<String>,
    /// The most fetches to run at once.
    pub(crate) at_once: usize,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) patience: Duration,
    pub(crate) bar: ProgressBar,
    /// How many failures to print; all are counted.
    pub(crate) failures_shown: u64,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) fetched: u64,
    pub(crate) bytes: u64,
    pub(crate) failed: BTreeMap<Kind, u64>,
    /// The most threads that there were at once.
    pub(crate) most_at_once: usize,
    pub(crate) wall: Duration,
}

/// Fetches every URL of the job, each in a thread of its own.
pub(crate) fn fetch_all(job: &Job) -> Tally {
    let start = Instant::now();
    let mut tally = Tally::default();
    let mut at_once = job.at_once;
    let mut running = 0;
    let (sender, results) = mpsc::channel();
    for url in &job.urls {
        loop {
            while running >= at_once {
                tally.count(results.recv().expect("`sender` is open"), job);
                running -= 1;
            }
            match start_one(url, job, sender.clone()) {
                Ok(_) => {
                    running += 1;
                    tally.most_at_once = tally.most_at_once.max(running);
                }
                Err(error) if running == 0 => {
                    let failure = Failure::new(Kind::NoThread, error);
                    tally.count((url.clone(), Err(failure)), job);
                }
                Err(error) => {
                    job.bar.suspend(|| {
                        eprintln!("fetch: {error}: from here {running} threads at once, no more");
                    });
                    at_once = running;
                    continue;
                }
            }
            break;
        }
        while let Ok(result) = results.try_recv() {
            tally.count(result, job);
            running -= 1;
        }
    }
    drop(sender);
    for result in results {
        tally.count(result, job);
    }
    tally.wall = start.elapsed();
    tally
}

type Outcome = (String, Result<Vec<u8>, Failure>);

fn start_one(
    url: &str,
    job: &Job,
    done: mpsc::Sender<Outcome>,
) -> std::io::Result<thread::JoinHandle<()>> {
    let (url, tls, patience) = (url.to_string(), job.tls.clone(), job.patience);
    thread::Builder::new().spawn(move || {
        // A thread that ended without a word would be waited for without end.
        let result = catch_unwind(AssertUnwindSafe(|| get(&url, &tls, patience)))
            .unwrap_or_else(|_| Err(Failure::new(Kind::Panicked, "see the message above")));
        // The other end waits for every thread's word.
        let _ = done.send((url, result));
    })
}

impl Tally {
    fn count(&mut self, (url, result): Outcome, job: &Job) {
        match result {
            Ok(body) => {
                self.fetched += 1;
                self.bytes += body.len() as u64;
            }
            Err(failure) => {
                *self.failed.entry(failure.kind).or_default() += 1;
                if self.failures() <= job.failures_shown {
                    job.bar.suspend(|| eprintln!("{url}: {failure}"));
                }
            }
        }
        job.bar.inc(1);
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failed.values().sum()
    }
}
