//! Whether the checks of racy programs would notice: a wrong family has to fail them, and so has a history
//! with anything in it changed.

use super::history::History;
use super::model;
use super::program::{Action, Op, Race, Side, Worker};
use super::regressions::{every_op, refused_while_held};
use super::spec::Answer;
use super::suite::{LIMIT, among, check, explained, modelled};
use super::tally::enough;
use crate::compare::{Family, GENEROUS, Patience};
use crate::faulty::{self, Fault};
use crate::program::Via;
use crate::trace::Trace;
use std::sync::Arc;
use std::time::Duration;

/// Every test of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    (
        "racy_honesty_family_without_fault_passes",
        family_without_fault_passes,
    ),
    ("racy_honesty_finds_no_exclusion", || {
        finds(Fault::DoesNotExclude)
    }),
    ("racy_honesty_finds_lost_messages", || {
        finds(Fault::LosesMessages)
    }),
    ("racy_honesty_finds_reordered_messages", || {
        finds(Fault::ReordersMessages)
    }),
    ("racy_honesty_finds_early_timeouts", || {
        finds(Fault::TimesOutEarly)
    }),
    ("racy_honesty_finds_lost_unparks", || {
        finds(Fault::LosesUnparks)
    }),
    ("racy_honesty_finds_lost_notifications", || {
        finds(Fault::LosesNotifications)
    }),
    ("racy_honesty_finds_short_sleeps", || {
        finds(Fault::SleepsTooShort)
    }),
    ("racy_honesty_finds_refused_readers", || {
        finds(Fault::RefusesReaders)
    }),
    ("racy_honesty_finds_overfull_channels", || {
        finds(Fault::OverfillsChannels)
    }),
    ("racy_honesty_finds_second_values", || {
        finds(Fault::KeepsOwnValues)
    }),
    ("racy_honesty_model_finds_no_exclusion", || {
        model_finds(Fault::DoesNotExclude)
    }),
    ("racy_honesty_model_finds_lost_messages", || {
        model_finds(Fault::LosesMessages)
    }),
    ("racy_honesty_model_finds_second_values", || {
        model_finds(Fault::KeepsOwnValues)
    }),
    (
        "racy_honesty_changed_histories_fail",
        changed_histories_fail,
    ),
    ("racy_honesty_idle_family_fails", idle_family_fails),
    ("racy_honesty_model_is_exact", model_is_exact),
    (
        "racy_honesty_printed_program_is_code",
        printed_program_is_code,
    ),
];

/// Some faults show as a program that does not end; no program takes nearly as long.
const PATIENCE: Patience = Patience::Fail(Duration::from_secs(2));

fn family_without_fault_passes() {
    let _fault = faulty::plant(None);
    explained(&[faulty::family()], 40, 1, GENEROUS).unwrap();
    modelled(&[faulty::family()], 20, 1, GENEROUS).unwrap();
}

fn finds(fault: Fault) {
    let _fault = faulty::plant(Some(fault));
    let report =
        explained(&[faulty::family()], 300, 1, PATIENCE).expect_err("the fault must be found");
    assert!(report.contains("Race {"), "{report}");
}

fn model_finds(fault: Fault) {
    let _fault = faulty::plant(Some(fault));
    let report =
        modelled(&[faulty::family()], 300, 1, PATIENCE).expect_err("the fault must be found");
    assert!(report.contains("Race {"), "{report}");
}

/// A run that is explained, and is not with any one thing in it changed.
fn changed_histories_fail() {
    let race = Arc::new(every_op(Via::Bounded(1), true));
    let history = Family::std().race(&race, GENEROUS).unwrap();
    history.check(&race).unwrap();
    let fails = |history: &History, what: &str| {
        assert!(history.check(&race).is_err(), "{what}: {history:#?}");
    };
    fails(&History::default(), "nothing in it");
    for (thread, calls) in history.threads.iter().enumerate() {
        for (place, call) in calls.iter().enumerate() {
            let change = |what: &str, change: &dyn Fn(&mut History)| {
                let mut changed = history.clone();
                change(&mut changed);
                fails(&changed, what);
            };
            change("left out", &|history| {
                let _ = history.threads[thread].remove(place);
            });
            change("early", &|history| {
                history.threads[thread][place].is_early = true
            });
            if let Answer::Value(_) = call.answer {
                change("invented", &|history| {
                    history.threads[thread][place].answer = Answer::Value(999_999)
                });
            }
            if let Action::Join(_) = call.action {
                change("joined before its end", &|history| {
                    let call = &mut history.threads[thread][place];
                    (call.invoked, call.answered) = (0, 0);
                });
                change("joined, and not all to be seen", &|history| {
                    history.threads[thread][place].is_missing = true;
                });
            }
        }
    }
}

/// A family that does nothing.
fn idle_family_fails() {
    let idle = || Family::new("idle", |_, _| Trace::default(), |_| History::default());
    let race = every_op(Via::Unbounded, true);
    assert!(check(&race, &[idle()], 1, GENEROUS).is_err());
    assert!(explained(&[idle()], 1, 1, GENEROUS).is_err());
    assert!(modelled(&[idle()], 1, 1, GENEROUS).is_err());
    let families = [Family::std()];
    assert!(enough(&families, 1, true).is_err());
    // There is no refusal yet, or not of every kind.
    check(&race, &families, 1, GENEROUS).unwrap();
    check(&every_op(Via::Rendezvous, true), &families, 1, GENEROUS).unwrap();
    assert!(enough(&families, 1_000, true).is_err());
}

/// The text of a program is the code that made it, but for white space.
fn printed_program_is_code() {
    let bare = |text: &str| {
        text.replace(char::is_whitespace, "")
            .replace(",}", "}")
            .replace(",]", "]")
    };
    let source = bare(include_str!("regressions.rs"));
    assert!(source.contains(&bare(&format!("{:?}", refused_while_held()))));
}

/// Programs of which it is plain what may come of them.
fn model_is_exact() {
    let worker = |side, ops: &[Op]| Worker {
        side,
        ops: ops.to_vec(),
    };
    let outcomes = |channel, drains, threads| {
        let race = Arc::new(Race::new(channel, drains, threads));
        let outcomes = model::outcomes(&race, LIMIT).unwrap();
        among(&race, &Family::std(), &outcomes, GENEROUS).unwrap();
        outcomes.len()
    };
    let add = Op::Add { mutex: 0, add: 1 };
    let both = |op: Op| vec![worker(Side::Consumes, &[op]), worker(Side::Consumes, &[op])];
    assert_eq!(
        outcomes(Via::Unbounded, false, both(add)),
        2,
        "one comes first"
    );
    // Each alone, or one refused while the other holds it.
    assert_eq!(
        outcomes(Via::Unbounded, false, both(Op::TryAdd { mutex: 0, add: 1 })),
        4
    );
    assert_eq!(outcomes(Via::Unbounded, false, both(Op::Init)), 2);
    assert_eq!(outcomes(Via::Unbounded, false, both(Op::Read)), 1);
    assert_eq!(
        outcomes(Via::Unbounded, false, both(Op::Receive)),
        1,
        "nobody sends"
    );
    let pair = |gives: &[Op], takes: &[Op]| {
        vec![worker(Side::Produces, gives), worker(Side::Consumes, takes)]
    };
    for channel in [Via::Unbounded, Via::Bounded(1), Via::Rendezvous] {
        assert_eq!(
            outcomes(channel, true, pair(&[Op::Send], &[Op::Receive])),
            1
        );
        // The message, nothing yet; that it is over only after the message, for the main thread here.
        assert_eq!(
            outcomes(channel, true, pair(&[Op::Send], &[Op::TryReceive])),
            2
        );
    }
    // There in time, or after the receiver went.
    assert_eq!(
        outcomes(Via::Unbounded, false, pair(&[Op::Send], &[Op::TryReceive])),
        3
    );
    assert_eq!(
        outcomes(Via::Unbounded, false, pair(&[Op::Raise], &[Op::Await])),
        1
    );
    assert_eq!(
        outcomes(
            Via::Unbounded,
            false,
            pair(&[Op::Raise], &[Op::AwaitFor { micros: 50 }])
        ),
        2
    );
    assert_eq!(
        outcomes(Via::Unbounded, false, pair(&[], &[Op::Await])),
        1,
        "nobody raises"
    );
}
