//! `standin::tests!` with the promise of `may`: there is a test with that name beside the others.

use standin::engine::{Control, Engine};
use std::process::Command;

standin::tests! {
    // SAFETY: nothing of these tests keeps what belongs to its OS thread across a call that parks.
    moved = unsafe { standin::engine::may::accept_moved() };

    fn runs() {
        let name = standin::thread::current().name().map(str::to_owned).unwrap();
        let engine = Control::current(|control| control.and_then(|control| control.engine()));
        let engine = engine.map(Engine::name).unwrap();
        assert!(name.starts_with("one_an_engine::runs::"), "{name}");
        assert!(name.ends_with(engine) || engine == "async", "{name} on {engine}");
    }
}

#[test]
fn there_is_one_of_may() {
    let program = std::env::current_exe().expect("the test program has a path");
    let output = Command::new(program)
        .args(["--list", "one_an_engine::runs::"])
        .output();
    let list = output.expect("the test program starts again").stdout;
    let list = String::from_utf8(list).expect("names are text");
    assert!(list.contains("one_an_engine::runs::may: test"), "{list}");
    assert!(!list.contains("may_pinned"), "{list}");
}
