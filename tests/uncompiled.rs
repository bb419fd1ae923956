//! An engine that was not compiled: its name is an error that says which feature it takes. For sets of
//! features that lack one; with all of them there is nothing to see here.

#![cfg(all(
    feature = "_engine",
    not(all(feature = "green", feature = "async", feature = "threads")),
    target_os = "linux"
))]

mod common;

use common::isolated::isolated;
use standin::engine;
use standin::thread::{self, Builder};
use std::io::ErrorKind;

#[test]
fn an_engine_that_is_not_compiled() {
    let engines = [
        ("green", cfg!(feature = "green")),
        ("async", cfg!(feature = "async")),
        ("threads", cfg!(feature = "threads")),
    ];
    let first = |is_there| {
        let found = engines.iter().find(|engine| engine.1 == is_there);
        found.expect("some are there, some are not").0
    };
    let (there, missing) = (first(true), first(false));
    isolated(&[("STANDIN_ENGINE", missing)], || {
        let error = Builder::new().spawn(|| ()).expect_err("it is not there");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        for word in [
            "STANDIN_ENGINE",
            &format!("{missing:?}"),
            there,
            "Cargo feature",
        ] {
            assert!(text.contains(word), "{word:?} is not in: {text}");
        }
        assert!(std::panic::catch_unwind(|| thread::spawn(|| ())).is_err());
        // Nothing falls back, but the program can still say what it wants.
        let chosen = engine::named(there).expect("it is compiled");
        engine::set_default(chosen).expect("none was chosen");
        assert_eq!(thread::spawn(|| 1).join().ok(), Some(1));
    })
    .succeeds();
}
