//! A program with every act, and every way to do it.

use super::program::Act::*;
use super::program::{
    Board, Duet, End, Hold, Join, Park, Program, Receive, Solo, Talk, Thread, Timer, Via, Wait,
};

/// Several threads, and each act at least once.
pub fn every_act() -> Program {
    Program {
        threads: vec![
            Thread {
                parent: 0,
                name: None,
                join: Join::Late,
                end: End::Return(3),
            },
            Thread {
                parent: 0,
                name: Some("worker"),
                join: Join::Early,
                end: End::Panic("one"),
            },
            Thread {
                parent: 1,
                name: None,
                join: Join::Late,
                end: End::PanicLocked(2),
            },
            Thread {
                parent: 0,
                name: Some(""),
                join: Join::Late,
                end: End::Return(7),
            },
        ],
        acts: vec![
            Yield { thread: 0 },
            Sleep {
                thread: 1,
                micros: 100,
            },
            Local {
                thread: 1,
                key: 0,
                add: 2,
            },
            Local {
                thread: 1,
                key: 1,
                add: 3,
            },
            Local {
                thread: 2,
                key: 2,
                add: 4,
            },
            Name { thread: 1 },
            Add {
                thread: 0,
                mutex: 0,
                add: 5,
                hold: Hold::Briefly,
            },
            Add {
                thread: 1,
                mutex: 0,
                add: 6,
                hold: Hold::Yielding,
            },
            Add {
                thread: 2,
                mutex: 0,
                add: 7,
                hold: Hold::Sleeping,
            },
            Poison {
                thread: 2,
                mutex: 1,
            },
            ClearPoison {
                thread: 2,
                mutex: 1,
            },
            TimeOut {
                thread: 0,
                on: Timer::Receive(Via::Bounded(1)),
            },
            TimeOut {
                thread: 1,
                on: Timer::Wait,
            },
            TimeOut {
                thread: 2,
                on: Timer::Park,
            },
            Contend {
                holder: 0,
                other: 2,
            },
            Scope {
                thread: 3,
                width: 3,
                panics: true,
            },
            Send {
                from: 0,
                to: 1,
                via: Via::Unbounded,
                value: 1,
                receive: Receive::Plain,
            },
            Send {
                from: 0,
                to: 1,
                via: Via::Bounded(1),
                value: 2,
                receive: Receive::Polling,
            },
            Send {
                from: 1,
                to: 0,
                via: Via::Rendezvous,
                value: 3,
                receive: Receive::Timed,
            },
            Send {
                from: 2,
                to: 0,
                via: Via::Unbounded,
                value: 4,
                receive: Receive::Patient,
            },
            HangUp {
                from: 0,
                to: 1,
                via: Via::Unbounded,
            },
            Refuse {
                from: 0,
                to: 1,
                via: Via::Bounded(1),
                value: 5,
            },
            Gather {
                from: [1, 2],
                to: 0,
                via: Via::Rendezvous,
                each: 3,
            },
            Unpark {
                from: 0,
                to: 1,
                park: Park::Plain,
            },
            Unpark {
                from: 1,
                to: 0,
                park: Park::Timed,
            },
            Unpark {
                from: 2,
                to: 0,
                park: Park::Token,
            },
            Notify {
                from: 0,
                to: 1,
                board: Board::Shared(0),
                wait: Wait::Plain,
            },
            Notify {
                from: 2,
                to: 1,
                board: Board::Own,
                wait: Wait::While,
            },
            Notify {
                from: 1,
                to: 2,
                board: Board::Shared(0),
                wait: Wait::Timed,
            },
            Notify {
                from: 3,
                to: 2,
                board: Board::Own,
                wait: Wait::Patient,
            },
            Converse {
                client: 0,
                server: 1,
                talk: Talk::Exchange {
                    bytes: 100,
                    chunk: 30,
                },
            },
            Converse {
                client: 1,
                server: 2,
                talk: Talk::Silence,
            },
            Converse {
                client: 2,
                server: 3,
                talk: Talk::Reset,
            },
            Alone {
                thread: 0,
                what: Solo::SharedLock,
                size: 1,
            },
            Alone {
                thread: 1,
                what: Solo::PoisonedShared,
                size: 2,
            },
            Alone {
                thread: 2,
                what: Solo::PoisonedOnce,
                size: 3,
            },
            Alone {
                thread: 3,
                what: Solo::FullChannel,
                size: 4,
            },
            Alone {
                thread: 0,
                what: Solo::NestedScopes,
                size: 1,
            },
            Alone {
                thread: 1,
                what: Solo::Finished,
                size: 2,
            },
            Alone {
                thread: 2,
                what: Solo::LateLocal,
                size: 3,
            },
            Alone {
                thread: 3,
                what: Solo::IdleSockets,
                size: 4,
            },
            Alone {
                thread: 0,
                what: Solo::ShutEnds,
                size: 1,
            },
            Alone {
                thread: 1,
                what: Solo::Cancelled,
                size: 2,
            },
            Pair {
                one: 0,
                other: 1,
                what: Duet::Readers,
                size: 0,
            },
            Pair {
                one: 1,
                other: 2,
                what: Duet::Writer,
                size: 1,
            },
            Pair {
                one: 2,
                other: 3,
                what: Duet::Downgrade,
                size: 2,
            },
            Pair {
                one: 3,
                other: 0,
                what: Duet::OneTime,
                size: 3,
            },
            Pair {
                one: 0,
                other: 2,
                what: Duet::OneValue,
                size: 0,
            },
            Pair {
                one: 1,
                other: 3,
                what: Duet::LateValue,
                size: 1,
            },
            Pair {
                one: 2,
                other: 0,
                what: Duet::Rounds,
                size: 2,
            },
            Pair {
                one: 3,
                other: 1,
                what: Duet::SlowNotice,
                size: 3,
            },
            Pair {
                one: 0,
                other: 3,
                what: Duet::Backpressure,
                size: 0,
            },
            Pair {
                one: 1,
                other: 0,
                what: Duet::Datagrams,
                size: 1,
            },
            Pair {
                one: 2,
                other: 1,
                what: Duet::UnixExchange,
                size: 2,
            },
            Pair {
                one: 3,
                other: 2,
                what: Duet::UnixDatagrams,
                size: 3,
            },
            Pair {
                one: 0,
                other: 1,
                what: Duet::PartialReads,
                size: 0,
            },
            Pair {
                one: 1,
                other: 2,
                what: Duet::BrokenPipe,
                size: 1,
            },
            Pair {
                one: 2,
                other: 3,
                what: Duet::NonBlocking,
                size: 2,
            },
            Pair {
                one: 3,
                other: 0,
                what: Duet::PollingAccept,
                size: 3,
            },
        ],
    }
}
