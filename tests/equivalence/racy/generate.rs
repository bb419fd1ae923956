//! Generates racy programs.

use super::program::{Op, Race, Side, Worker};
use crate::program::Via;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Programs of up to this many threads, each with up to so many operations.
pub fn races(threads: usize, ops: usize) -> impl Strategy<Value = Race> {
    let channel = select(vec![
        Via::Unbounded,
        Via::Unbounded,
        Via::Bounded(1),
        Via::Bounded(2),
        Via::Rendezvous,
    ]);
    // Two of a program's objects are much in use, so that there is something to race for.
    let focus = vec(0..FOCUSES, 2..=3);
    (
        channel,
        any::<bool>(),
        focus,
        vec(
            (any::<bool>(), vec((0..8_usize, any::<u64>()), 1..=ops)),
            2..=threads,
        ),
    )
        .prop_map(|(channel, drains, focus, threads)| {
            let threads = threads.into_iter().map(|(produces, picks)| {
                let side = if produces {
                    Side::Produces
                } else {
                    Side::Consumes
                };
                let ops = picks
                    .into_iter()
                    .map(|(object, pick)| op(focus[object % focus.len()], side, pick));
                Worker {
                    side,
                    ops: ops.collect(),
                }
            });
            Race::new(channel, drains, threads.collect())
        })
}

const FOCUSES: usize = 7;

/// An operation on an object.
fn op(object: usize, side: Side, pick: u64) -> Op {
    let (number, choice) = ((pick >> 32) as usize % 8, pick % 8);
    let produces = side == Side::Produces;
    let micros = 50 * (number as u64);
    match (object, choice) {
        (_, 0) => Op::Yield,
        (_, 1) if number == 0 => Op::Sleep { micros: 100 },
        (0, 1..5) => Op::Add {
            mutex: 0,
            add: number as u64 + 1,
        },
        (0, _) => Op::TryAdd {
            mutex: 0,
            add: number as u64 + 1,
        },
        (1, 1..3) => Op::Read,
        (1, 3) => Op::TryRead,
        (1, 4) => Op::TryWrite {
            add: number as u64 + 1,
        },
        (1, _) => Op::Write {
            add: number as u64 + 1,
        },
        (2 | 3, 1..5) if produces => Op::Send,
        (2 | 3, _) if produces => Op::TrySend,
        (2 | 3, 1..4) => Op::Receive,
        (2 | 3, 4 | 5) => Op::TryReceive,
        (2 | 3, _) => Op::ReceiveFor { micros },
        (4, _) if produces => Op::Raise,
        (4, 1..5) => Op::Await,
        (4, _) => Op::AwaitFor { micros },
        (5, _) if produces => Op::Wake { thread: number },
        (5, 1..5) => Op::Park,
        (5, _) => Op::ParkFor { micros },
        (_, 1..5) => Op::Init,
        (_, _) => Op::Add { mutex: 1, add: 1 },
    }
}
