//! The peers. Each file has the same functions in the same order, those of [`Peer`], so that
//! two files side by side show how the peers differ in use.

mod go;
mod may;
mod native;
mod os_threads;
mod standin;
mod tokio;

use crate::options::Options;
use crate::workload::Peer;
use std::io;

pub(crate) use go::{NAME as GO, version as go_version};

/// In the order of the tables.
pub(crate) static ALL: &[&dyn Peer] = &[
    &native::Native,
    &os_threads::OsThreads,
    &may::May,
    &tokio::CURRENT_THREAD,
    &tokio::MULTI_THREAD,
    &go::Go,
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

pub(crate) fn has_go(options: &Options) -> bool {
    let mut contestants = options.contestants.iter();
    contestants.any(|contestant| contestant.peer.name() == GO)
}

/// Makes what the peers of a run need.
pub(crate) fn prepare(options: &Options) -> io::Result<()> {
    match has_go(options) {
        true => go::build(),
        false => Ok(()),
    }
}
