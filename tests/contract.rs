//! The contract (`standin::engine::Contract`) as tests: one body for every engine, also for one that is
//! implemented outside of the crate.
//!
//! The suite lies in `contract/`; whoever writes an engine can include it from there by its path, with
//! `common/` beside it.

#![cfg(all(
    feature = "green",
    feature = "async",
    feature = "threads",
    target_os = "linux"
))]

mod common;
#[path = "../examples/engine/os_threads.rs"]
mod os_threads;
#[path = "contract/mod.rs"]
#[macro_use]
mod suite;

use standin::engine::{ASYNC, ASYNC_PINNED, Engine, GREEN, GREEN_PINNED, THREADS, green, tokio};
#[cfg(feature = "may")]
use standin::engine::{MAY, MAY_PINNED};

contract_suite!(free, || GREEN);
contract_suite!(pinned, || {
    // SAFETY: between two parking calls no test keeps a pointer through a thread-local or a lock that standin
    // does not know, and none parks while it unwinds.
    unsafe { green::accept_pinned() };
    GREEN_PINNED
});
contract_suite!(async_free, || ASYNC);
contract_suite!(async_current, || ASYNC, in common::current::enter());
contract_suite!(async_pinned, || {
    // SAFETY: as above.
    unsafe { tokio::accept_pinned() };
    ASYNC_PINNED
});
contract_suite!(threads, || THREADS);
contract_suite!(example, || {
    static EXAMPLE: os_threads::OsThreads = os_threads::OsThreads;
    const { Engine::new(&EXAMPLE) }
});
#[cfg(feature = "may")]
contract_suite!(may_pinned, || {
    common::may::accept();
    MAY_PINNED
}, unless common::may::is_moved().then_some("in this process may has several workers"));
#[cfg(feature = "may")]
contract_suite!(
    may,
    || {
        common::may::accept();
        MAY
    },
    unless(!common::may::is_moved()).then_some("see may_in_a_process_of_its_own")
);

#[cfg(feature = "may")]
#[test]
fn may_in_a_process_of_its_own() {
    if !common::may::is_moved() {
        common::may::run_moved("may::");
    }
}
