//! Which form a process has, and what a program has to say first.

use super::common::isolated::isolated;
use super::{moved, pinned};
use standin::engine::{self, Engine, MAY, MAY_PINNED};
use standin::thread;
use std::io::ErrorKind;

#[test]
fn both_have_to_be_accepted() {
    isolated(&[], || {
        for (engine, words) in [
            (MAY, ["accept_moved", "may-pinned"]),
            (MAY_PINNED, ["accept_pinned", "green"]),
        ] {
            let spawned = engine.spawn(|| ()).map(drop);
            let named = engine::named(engine.name()).map(drop);
            let chosen = engine::set_default(engine);
            for error in [spawned, named, chosen].map(|refused| refused.expect_err("no promise")) {
                assert_eq!(error.kind(), ErrorKind::PermissionDenied);
                for word in words {
                    assert!(error.to_string().contains(word), "{error}");
                }
            }
            assert!(!engine::all().contains(&engine));
        }
        assert!(pinned().contract().shares_locals());
        assert_eq!(engine::all().last(), Some(&MAY_PINNED));
        engine::named("may").expect_err("that was another promise");
        assert_eq!(on(MAY_PINNED), "may-pinned");
    })
    .succeeds();
}

/// The engine that a child belongs to, of a thread of `engine`.
fn on(engine: Engine) -> &'static str {
    let name = || engine::Control::current(|control| control.and_then(|control| control.engine()));
    let child = engine.run(|| thread::spawn(name).join());
    child.expect("no panic").map_or("none", Engine::name)
}

#[test]
fn the_environment_chooses_it_only_afterwards() {
    isolated(&[("STANDIN_ENGINE", "may")], || {
        let error = thread::Builder::new().spawn(|| ());
        let error = error.expect_err("no promise");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(error.to_string().contains("STANDIN_ENGINE"), "{error}");
        moved();
        assert_eq!(engine::default().ok(), Some(MAY));
        assert_eq!(on(MAY), "may");
    })
    .succeeds();
    isolated(&[("STANDIN_ENGINE", "may-pinned")], || {
        thread::Builder::new().spawn(|| ()).expect_err("no promise");
        pinned();
        assert_eq!(engine::default().ok(), Some(MAY_PINNED));
    })
    .succeeds();
}

#[test]
fn it_is_never_the_default() {
    isolated(&[("STANDIN_ENGINE", "")], || {
        pinned();
        moved();
        let default = engine::default().expect("nothing is wrong");
        assert!(!default.name().starts_with("may"), "{default}");
    })
    .succeeds();
}

#[test]
fn a_program_that_accepted_moves_has_no_pinned_threads() {
    isolated(&[("STANDIN_WORKERS", "2")], || {
        pinned();
        moved();
        let error = MAY_PINNED
            .spawn(|| ())
            .expect_err("there may be two workers");
        assert!(error.to_string().contains("accept_moved"), "{error}");
        assert!(!engine::all().contains(&MAY_PINNED));
        assert_eq!(on(MAY), "may");
        MAY_PINNED.spawn(|| ()).expect_err("there are two workers");
    })
    .succeeds();
}

/// Pinned threads that run go on; threads of the other form are on the same worker.
#[test]
fn pinned_threads_that_came_first_stay() {
    isolated(&[("STANDIN_WORKERS", "")], || {
        assert_eq!(on(pinned()), "may-pinned");
        assert_eq!(on(moved()), "may");
        assert_eq!(on(MAY_PINNED), "may-pinned");
        assert!(engine::all().contains(&MAY_PINNED));
    })
    .succeeds();
}

#[test]
fn a_program_that_started_may_itself() {
    isolated(&[], || {
        may::config().set_workers(3);
        // SAFETY: it does nothing.
        let coroutine = unsafe { may::coroutine::spawn(|| ()) };
        coroutine.join().expect("no panic");
        let error = pinned().spawn(|| ()).expect_err("there are three workers");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(!engine::all().contains(&MAY_PINNED), "that is known now");
        assert_eq!(on(moved()), "may");
    })
    .succeeds();
    isolated(&[], || {
        may::config().set_workers(1);
        // SAFETY: as above.
        let coroutine = unsafe { may::coroutine::spawn(|| ()) };
        coroutine.join().expect("no panic");
        assert_eq!(on(pinned()), "may-pinned");
    })
    .succeeds();
}

/// may's own configuration says how many workers there are, unless the environment does.
#[test]
fn how_many_workers_there_are() {
    isolated(&[("STANDIN_WORKERS", "")], || {
        may::config().set_workers(3);
        assert_eq!(on(moved()), "may");
        assert_eq!(may::config().get_workers(), 3);
    })
    .succeeds();
    isolated(&[("STANDIN_WORKERS", "2")], || {
        assert_eq!(on(moved()), "may");
        assert_eq!(may::config().get_workers(), 2);
    })
    .succeeds();
    isolated(&[("STANDIN_WORKERS", "two")], || {
        for engine in [pinned, moved] {
            let error = engine().spawn(|| ()).expect_err("that is no number");
            assert!(error.to_string().contains("STANDIN_WORKERS"), "{error}");
        }
    })
    .succeeds();
}
