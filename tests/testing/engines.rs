//! What differs from engine to engine has to be found.

use super::{panic_of, says};
use standin::engine::{self, Control, Engine};
use standin::testing::{Equivalence, Error, Place, assert_equivalent, on_every_engine};
use standin::thread;

/// What no function may depend on.
fn own_engine() -> Option<Engine> {
    Control::current(|control| control?.engine())
}

/// One of those that are compiled.
fn some() -> Engine {
    engine::all()[0]
}

#[test]
fn a_body_runs_in_a_thread_of_its_engine() {
    let report = on_every_engine(|| {
        let engine = own_engine().expect("a thread of an engine");
        let child = thread::spawn(own_engine).join().unwrap();
        assert_eq!(child, Some(engine));
    });
    assert!(!report.ran().is_empty());
    let plain = Equivalence::new().engines([Place::PLAIN]).check(own_engine);
    assert_eq!(plain.unwrap().into_result().unwrap(), None);
}

#[test]
fn a_body_may_be_run_by_a_thread_of_an_engine() {
    for engine in engine::all() {
        engine.run(|| {
            let report = on_every_engine(|| assert!(own_engine().is_some()));
            assert!(!report.ran().is_empty());
            assert_eq!(assert_equivalent(|| 7), 7);
        });
    }
}

#[test]
fn a_panic_on_one_engine_is_that_ones() {
    let wrong = some();
    let text = panic_of(|| {
        on_every_engine(|| assert_ne!(own_engine(), Some(wrong), "deliberately"));
    });
    says(&text, "failed on 1 of ");
    says(
        &text,
        &format!("\non {wrong}: assertion `left != right` failed: deliberately"),
    );
    for other in engine::all() {
        assert_eq!(
            text.contains(&format!("\non {other}: ")),
            other == wrong,
            "{text}"
        );
    }
}

/// The function that is deliberately wrong.
#[test]
fn a_difference_between_engines_is_found() {
    let wrong = some();
    let answers = || if own_engine() == Some(wrong) { 41 } else { 42 };
    let text = panic_of(|| assert_equivalent(answers));
    says(&text, "calls of one function ended in 2 ways");
    says(&text, "    returned 41");
    says(&text, "    returned 42");
    says(&text, &format!("{wrong}:\n    returned 41"));
    says(&text, "plain");
    assert!(!text.contains("alone did not agree"), "{text}");
    let error = Equivalence::new()
        .engines([Place::PLAIN, wrong.into()])
        .times(2)
        .note("an input")
        .check(answers)
        .unwrap_err();
    let Error::Different(difference) = error else {
        panic!("{error}");
    };
    let expected = format!(
        "4 calls of one function ended in 2 ways, with an input:\n\
         plain:\n    returned 42\n{wrong}:\n    returned 41\nrun: plain, {wrong}"
    );
    assert_eq!(difference.to_string(), expected);
    let outcomes: Vec<_> = difference.outcomes().collect();
    assert_eq!(outcomes.len(), 2);
    assert_eq!(outcomes[1], (&[Place::from(wrong); 2][..], "returned 41"));
}

#[test]
fn a_long_difference_is_shown_by_lines() {
    let wrong = some();
    let lines = || {
        let mut lines: Vec<_> = (0..60).map(|n| format!("line {n}")).collect();
        if own_engine() == Some(wrong) {
            lines[55].push('!');
        }
        lines
    };
    let text = panic_of(|| assert_equivalent(lines));
    for side in ["    \"line 55\",\n", "    \"line 55!\",\n"] {
        assert_eq!(
            text.matches(side).count(),
            1,
            "in the lines that differ: {text}"
        );
    }
    says(&text, "more lines");
}

#[test]
fn a_panic_on_one_engine_is_a_difference() {
    let wrong = some();
    let text = panic_of(|| {
        assert_equivalent(|| assert_ne!(own_engine(), Some(wrong), "deliberately"));
    });
    says(&text, "returned ()");
    says(
        &text,
        &format!("{wrong}:\n    panicked: assertion `left != right` failed: deliberately"),
    );
}

#[test]
fn the_first_place_is_what_others_are_compared_with() {
    let report = Equivalence::new().check(|| ()).unwrap().report().clone();
    let first = if cfg!(feature = "threads") {
        "threads"
    } else {
        "plain"
    };
    assert_eq!(report.ran()[0].name(), first);
    assert!(report.ran().contains(&Place::PLAIN));
}

/// An engine that cannot start a thread has not run.
#[test]
#[cfg(feature = "green")]
fn an_engine_that_cannot_start_is_a_failure() {
    super::isolated(&[("STANDIN_TEST", "no-free")], || {
        let text = panic_of(|| on_every_engine(|| ()));
        says(&text, "on green: cannot be run: ");
        let error = Equivalence::new().check(|| ()).unwrap_err();
        assert!(
            matches!(error, Error::NotRun { place, .. } if place == engine::GREEN.into()),
            "{error}"
        );
        // One that was asked for and not promised is not skipped.
        let pinned = Equivalence::new()
            .engines([engine::GREEN_PINNED])
            .check(|| ());
        says(
            &pinned.unwrap_err().to_string(),
            "nothing can be run on green-pinned: ",
        );
    })
    .succeeds();
}

#[test]
#[cfg(feature = "green")]
fn pinned_threads_run_when_they_were_promised() {
    super::isolated(&[], || {
        // SAFETY: nothing of this program's part uses a thread-local or a lock of std's across a park.
        unsafe { engine::green::accept_pinned() };
        let report = on_every_engine(|| ());
        assert!(
            report.ran().contains(&engine::GREEN_PINNED.into()),
            "{report}"
        );
        assert!(
            report
                .skipped()
                .iter()
                .all(|skipped| skipped.name() != "green-pinned")
        );
        assert_eq!(assert_equivalent(|| 7), 7);
    })
    .succeeds();
}

/// An engine from outside whose threads do not say that they are its own, so nobody knows whose they are.
mod impostor {
    use super::{Engine, Equivalence, engine, says};
    use standin::engine::{Contract, NewThread, Sleep, Socket, Spawn};
    use std::io;
    use std::thread::JoinHandle;

    struct Impostor;

    impl Contract for Impostor {
        fn name(&self) -> &'static str {
            "impostor"
        }
    }

    impl Spawn for Impostor {
        fn start(&'static self, thread: NewThread) -> io::Result<Option<JoinHandle<()>>> {
            std::thread::Builder::new()
                .spawn(move || drop(thread.run()))
                .map(Some)
        }

        fn blocking(&self, section: &mut (dyn FnMut() + Send)) -> io::Result<()> {
            section();
            Ok(())
        }
    }

    impl Sleep for Impostor {}
    impl Socket for Impostor {}

    #[test]
    fn a_thread_of_no_engine_has_not_run() {
        static IMPOSTOR: Impostor = Impostor;
        let engines = [engine::all()[0], Engine::new(&IMPOSTOR)];
        let error = Equivalence::new()
            .engines(engines)
            .check(|| ())
            .unwrap_err();
        says(
            &error.to_string(),
            "the thread that the engine impostor started does not belong to it",
        );
    }
}
