//! Programs worth keeping: those that found something, each with what it was.

use super::compare::{Family, GENEROUS, check};
use super::every_act::every_act;
use super::program::Act::*;
use super::program::{Board, End, Join, Park, Program, Thread, Wait};

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
