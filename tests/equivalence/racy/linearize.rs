//! Whether the answers of an object can be explained by an order of the calls: linearizability.
//!
//! The search of Wing and Gong (1993) with the memory of Lowe (2017): a set of calls that are done and a state
//! of the object need not be looked at twice. Herlihy and Wing (1990) show that each object can be looked at
//! by itself.

use super::history::{Call, History};
use super::spec::State;
use std::collections::HashSet;
use std::fmt::Write;

/// The calls to an object, each with its thread.
pub fn calls_of(history: &History, object: usize) -> Vec<(usize, Call)> {
    let threads = history.threads.iter().enumerate();
    let calls =
        threads.flat_map(|(thread, calls)| calls.iter().map(move |call| (thread, call.clone())));
    calls
        .filter(|(_, call)| call.action.object() == Some(object))
        .collect()
}

/// Looks for an order.
///
/// # Errors
///
/// There is none; the calls in the order of their beginnings.
pub fn check(object: &State, calls: &[(usize, Call)]) -> Result<(), String> {
    assert!(
        calls.len() <= 128,
        "a program of this size is not generated"
    );
    let mut search = Search {
        calls,
        seen: HashSet::new(),
    };
    if search.explain(0, object) {
        return Ok(());
    }
    let mut sorted: Vec<_> = calls.iter().collect();
    sorted.sort_by_key(|(_, call)| call.invoked);
    let mut text =
        format!("no order of these calls explains their answers; it begins as {object:?}\n");
    for (thread, call) in sorted {
        let Call {
            action,
            answer,
            invoked,
            answered,
            ..
        } = call;
        let _ = writeln!(
            text,
            "  {invoked:>4} to {answered:>4}, thread {thread}: {action:?} -> {answer:?}"
        );
    }
    Err(text)
}

struct Search<'a> {
    calls: &'a [(usize, Call)],
    seen: HashSet<(u128, State)>,
}

impl Search<'_> {
    fn explain(&mut self, done: u128, state: &State) -> bool {
        let calls = self.calls;
        let open = || {
            calls
                .iter()
                .enumerate()
                .filter(move |(place, _)| done & (1 << place) == 0)
        };
        // Whatever comes next has begun before any of the rest has ended.
        let Some(end) = open().map(|(_, (_, call))| call.answered).min() else {
            return true;
        };
        if !self.seen.insert((done, state.clone())) {
            return false;
        }
        for (place, (thread, call)) in open().filter(|(_, (_, call))| call.invoked < end) {
            let others_queue = open().any(|(_, (other, waiting))| {
                other != thread && waiting.action.queues() && waiting.invoked < call.answered
            });
            for (next, answer) in state.step(*thread, call.action, others_queue) {
                if answer == call.answer && self.explain(done | 1 << place, &next) {
                    return true;
                }
            }
        }
        false
    }
}
