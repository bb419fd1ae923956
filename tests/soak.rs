//! Whatever users do to each other, nothing is lost and everything is given back: random connects, closes,
//! timeouts, cancellations and panics from many threads on two processors.
//!
//! A run is a process of its own. `STANDIN_SOAK_SEED` chooses the seed, which is printed when a run fails;
//! `STANDIN_SOAK` makes the tests go on with larger runs and further seeds for so many minutes each, and print
//! what was done; `STANDIN_WORKERS` chooses another number of processors.

#![cfg(all(feature = "green", feature = "threads", target_os = "linux"))]

mod common;
#[path = "soak/mod.rs"]
mod parts;

use common::isolated;
use parts::rounds::Rounds;
use standin::engine::{Engine, GREEN, GREEN_PINNED, THREADS};

/// glibc gives every thread a cache of freed memory, and a stack that waits for its next thread keeps it. Without
/// them it can be seen that everything that was allocated was freed.
const NO_CACHES: &str = "glibc.malloc.tcache_count=0";

/// Runs so many users, or as many as there is time for.
#[track_caller]
fn runs<F: Fn() -> Engine>(engine: F, switches: &str, tunables: &str, users: usize) {
    let test = isolated::test_of(&engine);
    let mut rounds = Rounds::new(test, users);
    while let Some(round) = rounds.next() {
        isolated::named(test, &round.environment(switches, tunables), || {
            parts::run::run(engine(), round.users, round.seed);
        })
        .succeeds();
    }
    rounds.print();
}

fn promise() {
    // SAFETY: on this engine no user keeps a pointer through a thread-local, holds a lock of std's across a call
    // that parks, waits for another by what standin does not know, or parks while it unwinds.
    unsafe { standin::engine::green::accept_pinned() };
}

#[test]
fn free_threads() {
    runs(|| GREEN, "", NO_CACHES, 600);
}

#[test]
fn pinned_threads() {
    let engine = || {
        promise();
        GREEN_PINNED
    };
    runs(engine, "", NO_CACHES, 600);
}

#[cfg(feature = "may")]
#[test]
fn threads_of_may() {
    let engine = || {
        // SAFETY: as in `promise`; nor does a user keep anything that belongs to its OS thread.
        unsafe { standin::engine::may::accept_moved() };
        standin::engine::MAY
    };
    runs(engine, "", NO_CACHES, 300);
}

#[cfg(feature = "may")]
#[test]
fn threads_of_may_on_one_worker() {
    let engine = || {
        promise();
        standin::engine::MAY_PINNED
    };
    runs(engine, "", NO_CACHES, 300);
}

#[test]
fn os_threads() {
    runs(|| THREADS, "", NO_CACHES, 200);
}

#[test]
fn free_threads_that_lose_their_processors() {
    runs(|| GREEN, "hasty", "", 150);
}

#[test]
fn free_threads_that_move() {
    runs(|| GREEN, "hop", "", 150);
}

#[test]
fn pinned_threads_beside_a_hasty_monitor() {
    let engine = || {
        promise();
        GREEN_PINNED
    };
    runs(engine, "hasty", "", 150);
}

/// Five thousand connections to one server, from the same process.
fn five_thousand(engine: impl Fn() -> Engine, test: &str) {
    let workers = std::env::var("STANDIN_WORKERS").unwrap_or_else(|_| "2".to_owned());
    let environment = [
        ("STANDIN_WORKERS", &*workers),
        ("STANDIN_TEST", ""),
        ("STANDIN_ENGINE", ""),
    ];
    isolated::named(test, &environment, || parts::echo::echo(engine(), 5000)).succeeds();
}

#[test]
fn five_thousand_connections_of_free_threads() {
    let engine = || GREEN;
    five_thousand(engine, isolated::test_of(&engine));
}

#[test]
fn five_thousand_connections_of_pinned_threads() {
    let engine = || {
        promise();
        GREEN_PINNED
    };
    five_thousand(engine, isolated::test_of(&engine));
}
