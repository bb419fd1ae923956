//! What is counted, where and how often.

use crate::baseline::Count;
use crate::callgrind;
use crate::on_standin::bodies as standin;
use crate::on_std::bodies as std_;
use crate::request;
use ::standin::engine::{self, green};
use std::error::Error;
use std::ffi::CString;
use std::path::Path;
use std::{panic, process};

/// How many operations are counted; then twice as many.
const OPERATIONS: u64 = 20_000;
const SIZES: [u64; 2] = [OPERATIONS, 2 * OPERATIONS];
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
/// Beside which standin's are shown.
pub(crate) const STD: &str = "OS thread, std";

const LOCK: &str = "lock and unlock, uncontended";
const BOUNDED: &str = "send and receive, capacity 1, nobody waits";
const UNBOUNDED: &str = "send and receive, unbounded, nobody waits";

const fn on(place: &'static str, name: &'static str, body: fn(u64)) -> Operation {
    Operation { name, place, body }
}

/// Counts one of them, by its index: the program that valgrind runs. A process of its own, because
/// what an allocation takes depends on what was allocated before.
///
/// # Errors
///
/// There is no such, or the process runs without valgrind.
pub(crate) fn count(index: &str) -> Result<(), Box<dyn Error>> {
    let operation = ALL
        .get(index.parse::<usize>()?)
        .ok_or("no such operation")?;
    if !request::is_heard() {
        return Err("this is for a run under valgrind".into());
    }
    // A machine that panics would leave the others waiting for it.
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        report(panic);
        process::abort();
    }));
    operation.on_its_thread(|| {
        (operation.body)(OPERATIONS);
        for _ in 0..ROUNDS {
            for n in SIZES {
                request::toggle();
                (operation.body)(n);
                request::toggle();
                let name = CString::new(n.to_string()).expect("there is no zero in a number");
                request::dump(&name);
            }
        }
    });
    Ok(())
}

/// Runs each of them, and counts nothing.
pub(crate) fn run_all() {
    for operation in &ALL {
        operation.on_its_thread(|| (operation.body)(FEW));
    }
    println!("{} operations ran; `just instructions` counts", ALL.len());
}

/// Has all of them counted, each by a process under callgrind, which leaves its profiles in
/// `folder`: how many instructions one operation takes.
///
/// # Errors
///
/// Something could not be counted.
pub(crate) fn count_all(folder: &Path) -> Result<Vec<Count>, Box<dyn Error>> {
    let count = |(index, operation): (usize, &Operation)| {
        let Operation { name, place, .. } = operation;
        let profile = folder.join(file_name(&format!("{name} {place}")));
        let measured = callgrind::run(&index.to_string(), &profile)
            .map_err(|error| format!("cannot count {name} ({place}): {error}"))?;
        let [few, twice] = SIZES.map(|n| measured.least(&n.to_string()));
        let (few, twice) = few.zip(twice).ok_or("callgrind left no profile")?;
        Ok(Count {
            operation: operation.name.to_owned(),
            place: operation.place.to_owned(),
            instructions: (twice as f64 - few as f64) / OPERATIONS as f64,
        })
    };
    ALL.iter().enumerate().map(count).collect()
}

/// The words with dashes between them.
fn file_name(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

impl Operation {
    fn on_its_thread(&self, f: impl FnOnce() + Send) {
        if self.place != PINNED {
            return f();
        }
        // SAFETY: the threads use no thread-local and no lock but standin's, wait only by standin's
        // own means, and have no destructor that parks.
        unsafe { green::accept_pinned() }
        // Under valgrind everything takes long.
        green::on_blocked(|_| ());
        engine::GREEN_PINNED.run(f);
    }
}
