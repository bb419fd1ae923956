//! The peers. Each file has the same functions in the same order, those of [`Peer`], so that
//! two files side by side show how the peers differ in use.

mod may;
mod os_threads;
mod standin;
mod tokio;

use crate::workload::Peer;

/// In the order of the tables.
pub(crate) static ALL: &[&dyn Peer] = &[
    &os_threads::OsThreads,
    &may::May,
    &tokio::CURRENT_THREAD,
    &tokio::MULTI_THREAD,
    &standin::GREEN,
    &standin::GREEN_PINNED,
    &standin::ASYNC,
    &standin::ASYNC_PINNED,
    &standin::THREADS,
    &standin::MAY_PINNED,
    &standin::MAY,
];

pub(crate) fn named(name: &str) -> Option<&'static dyn Peer> {
    ALL.iter().copied().find(|peer| peer.name() == name)
}
