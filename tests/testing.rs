//! `standin::testing` itself: that it fails where it has to, and says why. With every set of features.

mod common;

use common::isolated::isolated;
use standin::sync::{Condvar, Mutex};
use standin::testing::{
    self, Delay, Equivalence, Error, Outcome, Place, Shake, Shaken, Turns, assert_equivalent,
    on_every_engine, on_every_engine_within,
};
use standin::thread;
use std::io::{Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

#[cfg(feature = "_engine")]
#[path = "testing/engines.rs"]
mod engines;
#[path = "testing/one_an_engine.rs"]
mod one_an_engine;
#[cfg(feature = "proptest")]
#[path = "testing/strategies.rs"]
mod strategies;

/// The engines that run without a promise.
const ENGINES: &[&str] = &[
    #[cfg(feature = "green")]
    "green",
    #[cfg(feature = "async")]
    "async",
    #[cfg(feature = "threads")]
    "threads",
    #[cfg(not(feature = "_engine"))]
    "std",
];
/// More than one call is made where there is more than one place.
const COMPARES: bool = cfg!(feature = "_engine");

/// A limit for what is to hang. Nothing that ends is measured with it.
const SHORT: Duration = Duration::from_millis(200);

/// The message of the panic that `f` ends with.
#[track_caller]
fn panic_of<T>(f: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        panic!("it did not panic");
    };
    let text = payload.downcast::<String>();
    *text.unwrap_or_else(|_| panic!("its message is not a String"))
}

#[track_caller]
fn says(text: &str, words: &str) {
    assert!(text.contains(words), "{words:?} is not in: {text}");
}

/// Ends never, wherever it is called.
fn hang() {
    let (never, condition) = (Mutex::new(()), Condvar::new());
    let mut guard = never.lock().unwrap();
    loop {
        guard = condition.wait(guard).unwrap();
    }
}

#[test]
fn a_body_runs_once_on_each_engine() {
    let calls = AtomicUsize::new(0);
    let report = on_every_engine(|| {
        calls.fetch_add(1, Relaxed);
    });
    let ran: Vec<_> = report.ran().iter().map(|place| place.name()).collect();
    // Pinned threads are there too once another test of this program has made the promise.
    let unpromised: Vec<_> = ran
        .iter()
        .filter(|name| !name.ends_with("-pinned"))
        .collect();
    assert_eq!(unpromised, ENGINES.iter().collect::<Vec<_>>());
    assert_eq!(calls.into_inner(), ran.len());
}

#[test]
fn what_is_skipped_is_told() {
    isolated(&[], || {
        let report = on_every_engine(|| ());
        let names: Vec<_> = report.ran().iter().map(|place| place.name()).collect();
        assert_eq!(names, ENGINES, "nothing that was skipped counts as run");
        for name in ["green", "async", "threads", "green-pinned", "async-pinned"] {
            let skipped = report
                .skipped()
                .iter()
                .find(|skipped| skipped.name() == name);
            assert_eq!(skipped.is_none(), ENGINES.contains(&name), "{report}");
        }
        let skipped = report.skipped().last().expect("there is the pinned one");
        says(
            &report.to_string(),
            &format!("not run: async-pinned: {}", skipped.why()),
        );
        if cfg!(feature = "async") {
            says(skipped.why(), "accept_pinned");
        } else {
            says(skipped.why(), "feature");
        }
        let agreement = Equivalence::new().check(|| 1).expect("it is 1");
        assert_eq!(agreement.report().skipped(), report.skipped());
    })
    .succeeds()
    .says("not run: async-pinned: ");
}

#[test]
fn a_panic_names_its_engine_and_keeps_its_message() {
    let calls = AtomicUsize::new(0);
    let text = panic_of(|| {
        on_every_engine(|| {
            calls.fetch_add(1, Relaxed);
            assert_eq!(2 + 2, 5, "arithmetic");
        })
    });
    assert!(calls.into_inner() >= ENGINES.len(), "all of them ran");
    for engine in ENGINES {
        says(
            &text,
            &format!(
                "\non {engine}: assertion `left == right` failed: arithmetic\n  left: 4\n right: 5"
            ),
        );
    }
    says(&text, "passed on: nothing\nrun: ");
    let text = panic_of(|| on_every_engine(|| std::panic::panic_any(5)));
    says(&text, "a panic whose payload is no text");
}

#[test]
fn a_body_has_the_name_of_its_callers_thread() {
    let here = std::thread::current().name().map(str::to_owned);
    assert!(here.is_some(), "the harness names it");
    on_every_engine(|| assert_eq!(thread::current().name(), here.as_deref()));
}

#[test]
fn a_hang_is_found_and_named() {
    isolated(&[], || {
        on_every_engine_within(SHORT, hang);
    })
    .aborts()
    .says("it hangs: ")
    .says(&format!(" on {}, at ", ENGINES[0]))
    .says("tests/testing.rs:")
    .says("no end after 200ms");
    isolated(&[("STANDIN_TESTING_LIMIT", "1")], || {
        on_every_engine(hang);
    })
    .aborts()
    .says("no end after 1s");
}

/// A panic could be the one that `#[should_panic]` expects, and whoever catches it goes on.
#[test]
fn a_hang_cannot_be_caught() {
    isolated(&[], || {
        let equivalence = Equivalence::new().limit(SHORT).note("the number 7");
        let _ = catch_unwind(|| equivalence.check(hang));
        println!("it went on");
    })
    .aborts()
    .says("with the number 7: no end after 200ms")
    .does_not_say("it went on");
}

/// Standard error is where it is told, and the thread that hangs may have it.
#[test]
fn a_hang_that_holds_standard_error_is_ended() {
    isolated(&[], || {
        let _held = std::io::stderr().lock();
        on_every_engine_within(SHORT, hang);
    })
    .aborts();
}

#[test]
fn a_limit_that_is_none_is_an_error() {
    isolated(&[("STANDIN_TESTING_LIMIT", "soon")], || {
        let text = panic_of(|| on_every_engine(|| ()));
        says(
            &text,
            "STANDIN_TESTING_LIMIT is \"soon\": it has to be a number of seconds",
        );
        // What the test says itself holds.
        on_every_engine_within(Duration::from_secs(600), || ());
    })
    .succeeds();
    isolated(&[("STANDIN_TESTING_LIMIT", "0")], || {
        says(&panic_of(|| on_every_engine(|| ())), "from 1 up");
    })
    .succeeds();
    isolated(&[("STANDIN_TESTING_LIMIT", "none")], || {
        on_every_engine(|| ());
    })
    .succeeds();
}

#[test]
fn nothing_ran_is_a_failure() {
    let nowhere = Equivalence::new().engines::<Place>([]).check(|| 1);
    assert!(matches!(nowhere, Err(Error::NothingRan)), "{nowhere:?}");
    let never = Equivalence::new()
        .times(0)
        .check(|| 1)
        .expect_err("it was not called");
    assert!(matches!(never, Error::NothingRan), "{never:?}");
    says(&never.to_string(), "nothing was run, which proves nothing");
}

#[test]
fn equal_values_are_returned() {
    let calls = AtomicUsize::new(0);
    let value = assert_equivalent(|| {
        calls.fetch_add(1, Relaxed);
        thread::spawn(|| "value".to_owned()).join().unwrap()
    });
    assert_eq!(value, "value");
    assert!(calls.into_inner() >= ENGINES.len() + usize::from(COMPARES));
    let borrowed = String::from("borrowed");
    assert_eq!(assert_equivalent(|| borrowed.len()), 8);
}

#[test]
fn each_call_is_compared() {
    let calls = AtomicUsize::new(0);
    let equivalence = Equivalence::new().engines([Place::PLAIN]).times(5);
    let agreement = equivalence.check(|| calls.fetch_add(1, Relaxed) == 9);
    assert_eq!(
        agreement.expect("none was the tenth").report().ran(),
        [Place::PLAIN]
    );
    assert_eq!(calls.load(Relaxed), 5);
    // The tenth is another one, the last of these five.
    let error = equivalence
        .check(|| calls.fetch_add(1, Relaxed) == 9)
        .expect_err("not equal");
    let text = error.to_string();
    let plain = Place::PLAIN;
    says(
        &text,
        &format!("{plain} (4 of 5 calls, first in call 1):\n    returned false"),
    );
    says(&text, &format!("{plain} (call 5 of 5):\n    returned true"));
    says(&text, &format!("The calls on {plain} alone did not agree"));
}

#[test]
fn a_panic_is_an_outcome() {
    let fails = || -> u32 { panic!("no {}", "luck") };
    let agreement = Equivalence::new().check(fails).expect("all panic alike");
    let Outcome::Panicked(panic) = agreement.outcome() else {
        panic!("{agreement:?}");
    };
    assert_eq!(panic.message(), Some("no luck"));
    assert_eq!(agreement.into_result().unwrap_err().to_string(), "no luck");
    // But who asserts something within the function is not to pass because all fail.
    says(&panic_of(|| assert_equivalent(fails)), "alike: no luck");
    let calls = AtomicUsize::new(0);
    let error = Equivalence::new()
        .engines([Place::PLAIN])
        .times(2)
        .check(|| {
            let call = calls.fetch_add(1, Relaxed);
            assert!(call != 1, "the second");
        });
    let text = error.expect_err("one panics").to_string();
    says(&text, "returned ()");
    says(&text, "panicked: the second");
    // A text is compared, a payload of no text is not equal to one of another type.
    let calls = AtomicUsize::new(0);
    let any = Equivalence::new()
        .engines([Place::PLAIN])
        .times(2)
        .check(|| match calls.fetch_add(1, Relaxed) {
            0 => std::panic::panic_any(1_u8),
            _ => std::panic::panic_any(1_u16),
        });
    assert!(matches!(any, Err(Error::Different(_))), "{any:?}");
}

#[test]
fn turns_come_in_their_order() {
    for order in [vec![0, 0, 1, 1], vec![1, 0, 1, 0], vec![1, 1, 0, 0]] {
        let taken = assert_equivalent(|| {
            let (turns, taken) = (Turns::new(order.clone()), Mutex::new(Vec::new()));
            thread::scope(|scope| {
                for actor in 0..2 {
                    let (turns, taken) = (&turns, &taken);
                    scope.spawn(move || {
                        for _ in 0..2 {
                            turns.take(actor, || taken.lock().unwrap().push(actor));
                        }
                    });
                }
            });
            assert!(turns.is_over());
            taken.into_inner().unwrap()
        });
        assert_eq!(taken, order);
    }
}

#[test]
fn a_turn_that_cannot_come_is_a_panic() {
    on_every_engine(|| {
        let turns = Turns::new([0, 1, 0]);
        says(
            &panic_of(|| turns.take(2, || ())),
            "actor 2 has no more turn in [0, 1, 0]",
        );
        turns.take(0, || {
            says(
                &panic_of(|| turns.take(7, || ())),
                "actor 7 has no more turn",
            );
        });
        assert!(!turns.is_over());
        thread::scope(|scope| {
            // Whether it waits already or not.
            let waits = scope.spawn(|| panic_of(|| turns.take(0, || ())));
            let text = panic_of(|| turns.take(1, || panic!("{}", "in its turn")));
            assert_eq!(text, "in its turn");
            says(&waits.join().unwrap(), "another one panicked in its own");
        });
        assert!(!turns.is_over());
    });
}

#[test]
fn a_shaken_stream_has_every_byte() {
    let shakes = [
        Shake {
            at_most: 3,
            delay: Delay::Yields(2),
        },
        Shake {
            at_most: 0,
            delay: Delay::Sleeps(Duration::from_micros(50)),
        },
    ];
    let lengths = assert_equivalent(|| {
        let mut stream = Shaken::new(&b"eight bytes"[..8], shakes);
        let (mut buffer, mut lengths, mut all) = ([0; 8], Vec::new(), Vec::new());
        loop {
            match stream.read(&mut buffer).unwrap() {
                0 => break,
                length => {
                    lengths.push(length);
                    all.extend_from_slice(&buffer[..length]);
                }
            }
        }
        assert_eq!(all, b"eight by");
        lengths
    });
    assert_eq!(lengths, [3, 1, 3, 1]);
    let mut sink = Shaken::new(Vec::new(), shakes);
    assert_eq!(sink.write(b"hello").unwrap(), 3);
    sink.write_all(b"lo, you").unwrap();
    assert_eq!(sink.into_inner(), b"hello, you");
    let mut smooth = Shaken::new(Vec::new(), []);
    assert_eq!(smooth.write(b"hello").unwrap(), 5);
}

#[test]
fn noise_ends() {
    on_every_engine(|| (0..100).for_each(|_| testing::noise()));
}
