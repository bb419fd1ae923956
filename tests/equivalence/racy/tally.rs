//! How often each action of racy programs was done on each family, and what came of it.

use super::history::History;
use crate::compare::Family;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Every action that has to be done.
pub const ACTIONS: &[&str] = &[
    "Lock",
    "TryLock",
    "Unlock",
    "Read",
    "TryRead",
    "EndRead",
    "Write",
    "TryWrite",
    "EndWrite",
    "Send",
    "Offer",
    "Taken",
    "TrySend",
    "Receive",
    "TryReceive",
    "ReceiveFor",
    "LeaveSender",
    "LeaveReceiver",
    "Raise",
    "Await",
    "AwaitFor",
    "Close",
    "Init",
    "Yield",
    "Sleep",
    "Join",
    "Drain",
];

/// What has to come of them somewhere: else nobody ever stood in another's way.
const RARE: &[(&str, &str)] = &[
    ("TryLock", "Taken"),
    ("TryRead", "Taken"),
    ("TryWrite", "Taken"),
    ("TrySend", "Full"),
    ("TryReceive", "Empty"),
    ("ReceiveFor", "TimedOut"),
    ("AwaitFor", "TimedOut"),
    ("Send", "Gone"),
    ("Taken", "Gone"),
    ("Await", "Gone"),
];

/// Counts by action and answer.
#[derive(Default)]
pub struct Tally(Mutex<BTreeMap<(String, String), u64>>);

impl Tally {
    pub fn add(&self, history: &History) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for call in history.threads.iter().flatten() {
            *counts
                .entry((name(&call.action), name(&call.answer)))
                .or_default() += 1;
        }
    }

    /// How often an action was done.
    pub fn of(&self, action: &str) -> u64 {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .iter()
            .filter(|((other, _), _)| other == action)
            .map(|(_, count)| count)
            .sum()
    }

    fn entry(&self, key: &(String, String)) -> u64 {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(key).copied().unwrap_or(0)
    }
}

/// The name of an action or an answer, without its numbers.
fn name(what: &dyn Debug) -> String {
    let text = format!("{what:?}");
    text.split('(').next().unwrap_or_default().to_owned()
}

/// A table of what was done on each family. Here they may differ: the schedule decides.
pub fn table(families: &[Arc<Family>]) -> String {
    let mut keys = BTreeSet::new();
    for family in families {
        let counts = family
            .tally
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        keys.extend(counts.keys().cloned());
    }
    let mut text = format!("{:>24}", "");
    for family in families {
        let _ = write!(text, "{:>14}", family.name);
    }
    for key in keys {
        let _ = write!(text, "\n{:>24}", format!("{} {}", key.0, key.1));
        for family in families {
            let _ = write!(text, "{:>14}", family.tally.entry(&key));
        }
    }
    text + "\n"
}

/// Whether every action was done at least `least` times on each family, and, if asked for, every rare answer given on one.
///
/// # Errors
///
/// The first that was not.
pub fn enough(families: &[Arc<Family>], least: u64, with_rare: bool) -> Result<(), String> {
    for family in families {
        for action in ACTIONS {
            let count = family.tally.of(action);
            if count < least {
                return Err(format!(
                    "{}: {action} was done {count} times; {least} are wanted at least",
                    family.name
                ));
            }
        }
    }
    for (action, answer) in RARE.iter().filter(|_| with_rare) {
        let key = ((*action).to_owned(), (*answer).to_owned());
        if families.iter().all(|family| family.tally.entry(&key) == 0) {
            return Err(format!("no {action} was ever answered with {answer}"));
        }
    }
    Ok(())
}
