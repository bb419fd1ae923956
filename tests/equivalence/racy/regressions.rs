//! Racy programs worth keeping.

use super::program::{Op::*, Race, Side, Worker};
use super::suite::check;
use crate::compare::{Family, GENEROUS};
use crate::program::Via;

/// Every test of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("racy_regressions_every_op", racy_regressions_every_op),
    (
        "racy_regressions_refused_while_held",
        racy_regressions_refused_while_held,
    ),
];

fn racy_regressions_every_op() {
    for channel in [Via::Unbounded, Via::Bounded(1), Via::Rendezvous] {
        for drains in [false, true] {
            check(&every_op(channel, drains), &Family::all(), 5, GENEROUS).unwrap();
        }
    }
}

/// Two producers and two consumers, and every operation.
pub fn every_op(channel: Via, drains: bool) -> Race {
    let locks = [
        Add { mutex: 0, add: 1 },
        TryAdd { mutex: 0, add: 2 },
        Read,
        TryRead,
        Write { add: 3 },
        TryWrite { add: 4 },
        Init,
        Yield,
        Sleep { micros: 50 },
    ];
    let gives = [
        Send,
        Raise,
        Wake { thread: 1 },
        TrySend,
        Raise,
        Wake { thread: 3 },
    ];
    let takes = [
        Receive,
        Await,
        Park,
        TryReceive,
        ReceiveFor { micros: 100 },
        AwaitFor { micros: 100 },
        ParkFor { micros: 100 },
    ];
    let worker = |side, ops: &[_]| Worker {
        side,
        ops: [ops, &locks[..]].concat(),
    };
    let (producer, consumer) = (
        worker(Side::Produces, &gives),
        worker(Side::Consumes, &takes),
    );
    Race::new(
        channel,
        drains,
        vec![producer.clone(), consumer.clone(), producer, consumer],
    )
}

/// No finding: short, and with something to be refused to both.
fn racy_regressions_refused_while_held() {
    check(&refused_while_held(), &Family::all(), 5, GENEROUS).unwrap();
}

/// As a failure prints it.
pub fn refused_while_held() -> Race {
    Race {
        channel: Via::Bounded(1),
        drains: true,
        threads: vec![
            Worker {
                side: Side::Produces,
                ops: vec![Write { add: 1 }, TryAdd { mutex: 0, add: 2 }, TrySend, Send],
            },
            Worker {
                side: Side::Consumes,
                ops: vec![TryRead, Add { mutex: 0, add: 3 }, ReceiveFor { micros: 50 }],
            },
        ],
    }
}
