//! How often a test runs, with which seeds, and what all its runs did together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The users of a round where there are several: about a minute's worth.
const LONG: u64 = 8000;
const SEED: &str = "STANDIN_SOAK_SEED";
const MINUTES: &str = "STANDIN_SOAK";
/// How many users a run has: set for the process that it runs in, or by hand.
const USERS: &str = "STANDIN_SOAK_USERS";
const SUMMARY: &str = "STANDIN_SOAK_SUMMARY";

pub(crate) struct Rounds {
    users: usize,
    seed: u64,
    done: u64,
    /// `None` for a single round.
    until: Option<Instant>,
    summary: PathBuf,
}

pub(crate) struct Round {
    pub(crate) users: usize,
    pub(crate) seed: u64,
    texts: [String; 4],
}

impl Rounds {
    pub(crate) fn new(test: &str, users: usize) -> Self {
        let minutes: Option<u64> = number(MINUTES);
        let until = minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
        let summary = std::env::var_os(SUMMARY).map_or_else(
            || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.counts")),
            PathBuf::from,
        );
        let users = number(USERS).unwrap_or(if until.is_some() { LONG } else { users as u64 });
        Self {
            users: users as usize,
            seed: number(SEED).unwrap_or(1),
            done: 0,
            until,
            summary,
        }
    }

    pub(crate) fn next(&mut self) -> Option<Round> {
        let is_over = match self.until {
            Some(until) => Instant::now() >= until,
            None => self.done > 0,
        };
        if self.done == 0 && !self.is_child() {
            let _ = std::fs::remove_file(&self.summary);
        }
        let seed = self.seed + self.done;
        self.done += 1;
        (!is_over).then(|| Round {
            users: self.users,
            seed,
            texts: [
                seed.to_string(),
                self.users.to_string(),
                self.summary.display().to_string(),
                std::env::var("STANDIN_WORKERS").unwrap_or_else(|_| "2".to_owned()),
            ],
        })
    }

    fn is_child(&self) -> bool {
        std::env::var_os(SUMMARY).is_some()
    }

    /// What was done, if it was asked for.
    pub(crate) fn print(&self) {
        if self.until.is_none() {
            return;
        }
        let text = std::fs::read_to_string(&self.summary).expect("the runs have written it");
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("#", memory)) => println!("{memory}"),
                Some((name, count)) => {
                    *counts.entry(name).or_default() += count.parse::<u64>().expect("a number");
                }
                None => {}
            }
        }
        println!("{} rounds:", self.done - 1);
        for (name, count) in counts {
            println!("{count:>10} {name}");
        }
    }
}

impl Round {
    /// For the process that it runs in.
    pub(crate) fn environment<'a>(
        &'a self,
        switches: &'a str,
        tunables: &'a str,
    ) -> [(&'a str, &'a str); 8] {
        let [seed, users, summary, workers] = &self.texts;
        [
            (SEED, seed),
            (USERS, users),
            (SUMMARY, summary),
            ("STANDIN_WORKERS", workers),
            ("STANDIN_TEST", switches),
            ("GLIBC_TUNABLES", tunables),
            ("STANDIN_ENGINE", ""),
            (MINUTES, ""),
        ]
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is {text:?}, which should be a number")))
}
