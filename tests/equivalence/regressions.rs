//! Programs worth keeping: those that found something, each with what it was, and one with every act.

use super::compare::{Family, GENEROUS, check};
use super::program::Act::*;
use super::program::{
    Board, End, Hold, Join, Park, Program, Receive, Talk, Thread, Timer, Via, Wait,
};

/// Every test of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("regressions_every_act", regressions_every_act),
    ("regressions_nothing_to_do", regressions_nothing_to_do),
    (
        "regressions_idle_child_of_a_joined_thread",
        regressions_idle_child_of_a_joined_thread,
    ),
    (
        "regressions_poison_left_and_cleared_at_once",
        regressions_poison_left_and_cleared_at_once,
    ),
];

fn agree(program: Program) {
    check(&program, &Family::all(), GENEROUS)
        .unwrap_or_else(|difference| panic!("{difference}{program:?}"));
}

fn regressions_every_act() {
    agree(every_act());
}

fn regressions_nothing_to_do() {
    agree(Program {
        threads: vec![
            Thread {
                parent: 0,
                name: None,
                join: Join::Late,
                end: End::Panic("one"),
            },
            Thread {
                parent: 0,
                name: Some("idle"),
                join: Join::Early,
                end: End::Return(1),
            },
            Thread {
                parent: 1,
                name: None,
                join: Join::Late,
                end: End::PanicLocked(0),
            },
        ],
        acts: vec![],
    });
}

/// Found in the plan: it spawned the child, which has no acts, after its parent had been joined.
fn regressions_idle_child_of_a_joined_thread() {
    agree(Program {
        threads: vec![
            Thread {
                parent: 0,
                name: None,
                join: Join::Early,
                end: End::Return(0),
            },
            Thread {
                parent: 0,
                name: None,
                join: Join::Early,
                end: End::Return(0),
            },
            Thread {
                parent: 0,
                name: None,
                join: Join::Early,
                end: End::Return(0),
            },
            Thread {
                parent: 1,
                name: None,
                join: Join::Early,
                end: End::Return(0),
            },
        ],
        acts: vec![Notify {
            from: 2,
            to: 1,
            board: Board::Shared(0),
            wait: Wait::Plain,
        }],
    });
}

/// Found in the plan: it took for determined what the last act sees, although the first two may come in any
/// order.
fn regressions_poison_left_and_cleared_at_once() {
    agree(Program {
        threads: vec![
            Thread {
                parent: 0,
                name: None,
                join: Join::Late,
                end: End::Return(0),
            },
            Thread {
                parent: 0,
                name: None,
                join: Join::Late,
                end: End::Return(0),
            },
        ],
        acts: vec![
            Yield { thread: 1 },
            ClearPoison {
                thread: 1,
                mutex: 1,
            },
            Poison {
                thread: 0,
                mutex: 1,
            },
            Unpark {
                from: 0,
                to: 1,
                park: Park::Timed,
            },
            Poison {
                thread: 1,
                mutex: 1,
            },
        ],
    });
}

/// Every act, and every way to do it.
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
        ],
    }
}
