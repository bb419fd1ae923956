//! Whether the suite would notice: a wrong family has to fail it, and so has a family that notes nothing.

use super::compare::{Family, GENEROUS, Patience, check, complete, enough};
use super::every_act::every_act;
use super::faulty::{self, Fault};
use super::plan::{Known, Plan};
use super::program::Act::*;
use super::program::{End, Hold, Join, Program, Receive, Thread, Via};
use super::racy::history::History;
use super::suite::agree;
use super::trace::Trace;
use std::sync::Arc;
use std::time::Duration;

/// Every test of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    (
        "honesty_family_without_fault_passes",
        honesty_family_without_fault_passes,
    ),
    ("honesty_finds_lost_messages", || {
        finds(Fault::LosesMessages)
    }),
    ("honesty_finds_reordered_messages", || {
        finds(Fault::ReordersMessages)
    }),
    ("honesty_finds_early_timeouts", || {
        finds(Fault::TimesOutEarly)
    }),
    ("honesty_finds_missed_disconnects", || {
        finds(Fault::MissesDisconnects)
    }),
    ("honesty_finds_early_joins", || finds(Fault::JoinsEarly)),
    ("honesty_finds_no_exclusion", || {
        finds(Fault::DoesNotExclude)
    }),
    ("honesty_finds_lost_poison", || finds(Fault::LosesPoison)),
    ("honesty_finds_lost_unparks", || finds(Fault::LosesUnparks)),
    ("honesty_finds_lost_notifications", || {
        finds(Fault::LosesNotifications)
    }),
    ("honesty_finds_short_sleeps", || {
        finds(Fault::SleepsTooShort)
    }),
    ("honesty_finds_lost_names", || finds(Fault::LosesNames)),
    ("honesty_finds_a_second_initialiser", || {
        finds(Fault::InitialisesTwice)
    }),
    ("honesty_finds_rounds_without_leader", || {
        finds(Fault::LeadsNobody)
    }),
    ("honesty_finds_refused_readers", || {
        finds(Fault::RefusesReaders)
    }),
    ("honesty_finds_overfull_channels", || {
        finds(Fault::OverfillsChannels)
    }),
    ("honesty_finds_bytes_lost_in_partial_reads", || {
        finds(Fault::LosesTheRest)
    }),
    ("honesty_finds_peeks_that_take", || finds(Fault::PeekTakes)),
    ("honesty_empty_trace_fails", honesty_empty_trace_fails),
    ("honesty_idle_family_fails", honesty_idle_family_fails),
    ("honesty_counts_are_bounded", honesty_counts_are_bounded),
    (
        "honesty_printed_program_is_code",
        honesty_printed_program_is_code,
    ),
    (
        "honesty_plan_knows_what_is_determined",
        honesty_plan_knows_what_is_determined,
    ),
];

/// A family without a fault passes; so what fails is the fault.
fn honesty_family_without_fault_passes() {
    let _fault = faulty::plant(None);
    let families = [Family::std(), faulty::family()];
    check(&every_act(), &families, GENEROUS).unwrap();
    agree(&families, 30, 1, GENEROUS).unwrap();
}

fn finds(fault: Fault) {
    let _fault = faulty::plant(Some(fault));
    // Some faults show as a program that does not end; no program takes nearly as long.
    let patience = Patience::Fail(Duration::from_secs(2));
    let found = agree(&[Family::std(), faulty::family()], 300, 1, patience);
    let report = found.expect_err("the fault must be found");
    assert!(report.contains("Program {"), "{report}");
}

fn honesty_empty_trace_fails() {
    let plan = Plan::new(every_act());
    assert!(complete(&plan, &Trace::default()).is_err());
    let threads = vec![Vec::new(); plan.scripts.len()];
    let silent = Trace {
        threads,
        mutexes: vec![(0, None)],
        graves: 0,
        result: Some(Ok(0)),
    };
    assert!(complete(&plan, &silent).is_err());
}

/// Two families that agree in doing nothing.
fn honesty_idle_family_fails() {
    let idle = || Family::new("idle", |_, _| Trace::default(), |_| History::default());
    assert!(check(&every_act(), &[idle(), idle()], GENEROUS).is_err());
    assert!(agree(&[idle(), idle()], 1, 1, GENEROUS).is_err());
}

fn honesty_counts_are_bounded() {
    let families = [Family::std(), Family::std()];
    assert!(enough(&families, 1).is_err());
    check(&every_act(), &families, GENEROUS).unwrap();
    enough(&families, 1).unwrap();
    assert!(enough(&families, 1_000).is_err());
    check(&every_act(), &families[..1], GENEROUS).unwrap();
    assert!(enough(&families, 1).is_err(), "one did more than the other");
}

/// The text of a program is the code that made it, but for white space.
fn honesty_printed_program_is_code() {
    let bare = |text: &str| {
        text.replace(char::is_whitespace, "")
            .replace(",}", "}")
            .replace(",]", "]")
    };
    let source = bare(include_str!("every_act.rs"));
    assert!(source.contains(&bare(&format!("{:?}", every_act()))));
}

fn honesty_plan_knows_what_is_determined() {
    let thread = |end| Thread {
        parent: 0,
        name: None,
        join: Join::Late,
        end,
    };
    let add = |thread| Add {
        thread,
        mutex: 0,
        add: 1,
        hold: Hold::Briefly,
    };
    let message = Send {
        from: 0,
        to: 1,
        via: Via::Unbounded,
        value: 0,
        receive: Receive::Plain,
    };
    let known = |threads: Vec<Thread>, acts| {
        Arc::new(Plan::new(Program::new(threads, acts)))
            .known
            .clone()
    };
    let two = vec![thread(End::Return(0)); 2];
    let nothing = Known {
        value: false,
        poison: true,
    };
    let all = Known {
        value: true,
        poison: true,
    };
    // The schedule decides, or a message does.
    let begin = Yield { thread: 1 };
    assert_eq!(
        known(two.clone(), vec![begin, add(0), add(1)])[1..],
        [nothing; 2]
    );
    assert_eq!(
        known(two.clone(), vec![begin, add(0), message, add(1)])[1..],
        [all, Known::default(), all]
    );
    // A message orders what is before it at the sender and after it at the receiver, and nothing else.
    assert_eq!(
        known(two.clone(), vec![begin, add(1), message, add(0)])[1],
        nothing
    );
    assert_eq!(
        known(two, vec![add(0), add(1)]),
        [all; 2],
        "spawned in between"
    );
    // So does a join, which also orders how a thread ended.
    let poisons = vec![
        thread(End::Return(0)),
        Thread {
            join: Join::Early,
            ..thread(End::PanicLocked(0))
        },
    ];
    assert_eq!(known(poisons.clone(), vec![begin, add(0)])[1], all);
    let late = vec![thread(End::Return(0)), thread(End::PanicLocked(0))];
    let unclear = Known {
        value: true,
        poison: false,
    };
    assert_eq!(known(late, vec![begin, add(0)])[1], unclear);
    // Two that come before may come in any order, and then what they leave is not determined.
    let (mark, clear) = (
        Poison {
            thread: 1,
            mutex: 0,
        },
        ClearPoison {
            thread: 0,
            mutex: 0,
        },
    );
    let two = vec![thread(End::Return(0)); 2];
    assert_eq!(
        known(two.clone(), vec![begin, mark, clear, message, add(1)])[4],
        unclear
    );
    assert_eq!(
        known(two, vec![begin, clear, message, mark, add(1)])[4],
        all
    );
}
