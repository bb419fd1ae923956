//! What is counted, where and how often.

use crate::baseline::Count;
use crate::callgrind::Measured;
use crate::on_standin::bodies as standin;
use crate::on_std::bodies as std_;
use crate::request;
use ::standin::engine::{self, green};
use std::error::Error;
use std::ffi::CString;

/// How many operations are counted; then twice as many.
const OPERATIONS: u64 = 20_000;
/// How often each is counted, after once that is not.
const ROUNDS: usize = 3;
/// Operations where nothing is counted.
const FEW: u64 = standin::AT_ONCE;

struct Operation {
    name: &'static str,
    place: &'static str,
    /// As many operations as it is told.
    body: fn(u64),
}

/// Each place in one piece.
const ALL: [Operation; 14] = [
    on(
        PINNED,
        "spawn and join, 1,000 at once",
        standin::spawn_and_join,
    ),
    on(PINNED, "yield to another thread", standin::yield_in_turn),
    on(
        PINNED,
        "message to a waiting thread, capacity 1",
        standin::bounded_in_turn,
    ),
    on(
        PINNED,
        "message to a waiting thread, unbounded",
        standin::unbounded_in_turn,
    ),
    on(PINNED, "unpark and park", standin::park_in_turn),
    on(PINNED, LOCK, standin::lock),
    on(PINNED, BOUNDED, standin::bounded),
    on(PINNED, UNBOUNDED, standin::unbounded),
    on(PLAIN, LOCK, standin::lock),
    on(PLAIN, BOUNDED, standin::bounded),
    on(PLAIN, UNBOUNDED, standin::unbounded),
    on(STD, LOCK, std_::lock),
    on(STD, BOUNDED, std_::bounded),
    on(STD, UNBOUNDED, std_::unbounded),
];

const PINNED: &str = "green-pinned";
const PLAIN: &str = "OS thread";
/// The place that others are compared with.
pub(crate) const STD: &str = "OS thread, std";

const LOCK: &str = "lock and unlock, uncontended";
const BOUNDED: &str = "send and receive, capacity 1, nobody waits";
const UNBOUNDED: &str = "send and receive, unbounded, nobody waits";

const fn on(place: &'static str, name: &'static str, body: fn(u64)) -> Operation {
    Operation { name, place, body }
}

/// Counts all of them: the program that valgrind runs.
///
/// # Errors
///
/// It runs without.
pub(crate) fn count_all() -> Result<(), Box<dyn Error>> {
    if !request::is_heard() {
        return Err("this is for a run under valgrind".into());
    }
    each(|operation| {
        (operation.body)(OPERATIONS);
        for _ in 0..ROUNDS {
            for n in sizes() {
                request::toggle();
                (operation.body)(n);
                request::toggle();
                let name = CString::new(operation.profile(n)).expect("there is no zero in it");
                request::dump(&name);
            }
        }
    });
    Ok(())
}

/// Runs each of them, and counts nothing.
pub(crate) fn run_all() {
    each(|operation| (operation.body)(FEW));
    println!("{} operations ran; `just instructions` counts", ALL.len());
}

/// From what was counted, of each operation how many instructions one takes.
///
/// # Errors
///
/// Something was not counted.
pub(crate) fn evaluate(measured: &Measured) -> Result<Vec<Count>, Box<dyn Error>> {
    let count = |operation: &Operation| {
        let [few, twice] = sizes().map(|n| {
            let profile = operation.profile(n);
            measured
                .least(&profile)
                .ok_or_else(|| format!("callgrind counted nothing for {profile:?}"))
        });
        Ok(Count {
            operation: operation.name.to_owned(),
            place: operation.place.to_owned(),
            instructions: (twice? as f64 - few? as f64) / OPERATIONS as f64,
        })
    };
    ALL.iter().map(count).collect()
}

fn sizes() -> [u64; 2] {
    [OPERATIONS, 2 * OPERATIONS]
}

/// Calls `f` with each of them, where it belongs.
fn each(f: fn(&Operation)) {
    // SAFETY: the threads use no thread-local and no lock but standin's, wait only by standin's own
    // means, and have no destructor that parks.
    unsafe { green::accept_pinned() }
    // Under valgrind everything takes long.
    green::on_blocked(|_| ());
    let (pinned, others) = ALL.split_at(ALL.partition_point(|operation| operation.place == PINNED));
    others.iter().for_each(f);
    engine::GREEN_PINNED.run(|| pinned.iter().for_each(f));
}

impl Operation {
    /// The name of its profile.
    fn profile(&self, n: u64) -> String {
        format!("{n} x {} ({})", self.name, self.place)
    }
}
