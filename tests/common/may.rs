//! The two forms of the engine `may`, of which a process has one. Test programs that use its engines run `may-pinned`
//! themselves, and start themselves again for `may`.

use std::process::Command;

/// Set in the process that is there for `may`.
const FORM: &str = "STANDIN_TEST_MAY";

/// Whether this process is there for `may`.
pub(crate) fn is_moved() -> bool {
    std::env::var_os(FORM).is_some_and(|form| form == "moved")
}

/// Makes the promises of pinned threads, and in a process that is there for it that of `may`.
pub(crate) fn accept() {
    // SAFETY: between two parking calls no test keeps a pointer through a thread-local or a lock that standin
    // does not know, and none parks while it unwinds.
    unsafe { standin::engine::accept_pinned() };
    if is_moved() {
        // SAFETY: as above; nor does a test keep what belongs to its OS thread across a parking call, or look in the
        // same function at a thread-local before and after one.
        unsafe { standin::engine::may::accept_moved() };
    }
}

/// Runs the tests of this program whose names contain `filter` in a process where they run on `may`, on several workers.
///
/// # Panics
///
/// If one of them fails, or there is none.
pub(crate) fn run_moved(filter: &str) {
    let program = std::env::current_exe().expect("the test program has a path");
    let output = Command::new(program)
        .arg(filter)
        .env(FORM, "moved")
        .env("STANDIN_WORKERS", "4")
        .output()
        .expect("the test program starts again");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}\n{text}\n{errors}",
        output.status
    );
    assert!(
        !text.contains("running 0 tests"),
        "no test is called {filter}"
    );
    let result = text.lines().find(|line| line.starts_with("test result"));
    println!("{filter} on may: {}", result.unwrap_or_default());
}
