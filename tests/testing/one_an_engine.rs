//! `standin::tests!`: which tests there are is read from the test program itself.

use standin::testing::harness;
use std::process::Command;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Found where the macro is called, not where it is defined.
const LIMIT: Duration = Duration::from_secs(600);

standin::tests! {
    limit = LIMIT;
    // SAFETY: no test of this program keeps a pointer from a thread-local, or a lock of std's, across a park.
    pinned = unsafe { standin::engine::accept_pinned() };

    fn runs() {
        let name = standin::thread::current().name().map(str::to_owned).unwrap();
        let (test, engine) = name.rsplit_once("::").unwrap();
        assert_eq!(test, "one_an_engine::runs");
        assert_eq!(engine, here());
    }

    /// Documented.
    #[test]
    #[allow(clippy::unnecessary_wraps)]
    fn returns_a_result() -> Result<(), Box<dyn std::error::Error>> {
        assert_eq!("5".parse::<u32>()?, 5);
        Ok(())
    }
}

standin::tests! {
    #[test]
    #[should_panic(expected = "as it should")]
    fn panics() {
        panic!("as it should");
    }

    #[should_panic]
    #[ignore = "only the child process below runs it, where it has to fail"]
    fn panics_not() {}

    #[ignore = "only the child process below runs it, where it has to fail"]
    fn returns_an_error() -> Result<(), Box<dyn std::error::Error>> {
        "five".parse::<u32>()?;
        Ok(())
    }

    #[cfg(any())]
    fn is_not_there() {
        compile_error!("it is not there");
    }
}

standin::tests! {
    limit = super::SHORT;

    #[should_panic]
    #[ignore = "only the child process below runs it, where it hangs"]
    fn hangs() {
        super::hang();
    }
}

/// With nothing in it.
mod empty {
    standin::tests! {}
}

/// The engine as the name of a test says it.
fn test_of(engine: &str) -> String {
    match engine {
        // A keyword.
        "async" => "async_free".to_owned(),
        name => name.replace('-', "_"),
    }
}

/// The engine that this runs on.
#[cfg(feature = "_engine")]
fn here() -> String {
    use standin::engine::Control;
    let engine = Control::current(|control| control?.engine()).expect("a thread of an engine");
    test_of(engine.name())
}

#[cfg(not(feature = "_engine"))]
fn here() -> String {
    "std".to_owned()
}

/// What the test program prints with arguments, and whether it ended well.
fn this_program(arguments: &[&str]) -> (String, bool) {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (text, output.status.success())
}

#[test]
fn each_engine_has_a_test_of_each_function() {
    let (list, _) = this_program(&["--list", "one_an_engine::"]);
    let tests = |function: &str| -> Vec<&str> {
        let lines = list.lines().filter_map(|line| line.strip_suffix(": test"));
        let path = format!("one_an_engine::{function}::");
        lines
            .filter_map(|line| line.strip_prefix(path.as_str()))
            .collect()
    };
    // In the order in which they are listed.
    let pinned: Vec<&str> = [
        ("async_free", cfg!(feature = "async")),
        ("async_pinned", cfg!(feature = "async")),
        ("green", cfg!(feature = "green")),
        ("green_pinned", cfg!(feature = "green")),
        ("may_pinned", cfg!(feature = "may")),
        ("std", cfg!(not(feature = "_engine"))),
        ("threads", cfg!(feature = "threads")),
    ]
    .into_iter()
    .filter_map(|(name, is_there)| is_there.then_some(name))
    .collect();
    assert_eq!(tests("runs"), pinned);
    assert_eq!(tests("returns_a_result"), pinned);
    let free: Vec<_> = pinned
        .into_iter()
        .filter(|name| !name.ends_with("_pinned"))
        .collect();
    assert_eq!(tests("panics"), free, "there was no promise");
    assert_eq!(tests("is_not_there"), [""; 0]);
    // No function is a test beside those.
    assert!(!list.contains("one_an_engine::panics: test"), "{list}");
}

#[test]
fn a_test_that_fails_does_so_on_each_engine() {
    for function in ["panics_not", "returns_an_error"] {
        let path = format!("one_an_engine::{function}::");
        let (text, well) = this_program(&["--ignored", &path]);
        assert!(!well, "{text}");
        let engines = super::ENGINES.len();
        super::says(&text, &format!("0 passed; {engines} failed"));
    }
}

#[test]
fn a_test_that_hangs_ends_the_program() {
    let program = std::env::current_exe().unwrap();
    let test = format!("one_an_engine::hangs::{}", test_of(super::ENGINES[0]));
    let output = Command::new(program)
        .args(["--ignored", &test])
        .output()
        .unwrap();
    let (text, errors) = (output.stdout, output.stderr);
    let text = String::from_utf8(text).unwrap() + &String::from_utf8(errors).unwrap();
    assert_eq!(output.status.code(), None, "a signal ended it: {text}");
    super::says(
        &text,
        &format!("it hangs: {test} on {}, at ", super::ENGINES[0]),
    );
    super::says(&text, "one_an_engine.rs:");
}

/// Nobody calls it but the test, and each of them does.
#[test]
fn a_body_is_called() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    struct Options;
    impl harness::Options for Options {
        fn limit() -> Option<Duration> {
            None
        }

        fn promise() {}
    }
    fn body() {
        CALLS.fetch_add(1, Relaxed);
    }
    for engine in super::ENGINES {
        harness::unit::<Options>(engine, "a::b", body);
    }
    assert_eq!(CALLS.load(Relaxed), super::ENGINES.len());
    let text = super::panic_of(|| harness::unit::<Options>("fibers", "a::b", body));
    super::says(
        &text,
        "on fibers: cannot be run: no engine is named \"fibers\"",
    );
}
