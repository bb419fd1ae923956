//! A part of a test in a process of its own: for environment variables, limits, aborts, and whatever else
//! concerns a whole process.
//!
//! The test program starts itself again with the name of the test that asks, and with a variable that says
//! which part is meant. There the test runs from its beginning, and only that part does anything.

use super::watch::{HANGS, state_of};
use std::os::unix::process::ExitStatusExt as _;
use std::panic::Location;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;

/// Says which part the process is for.
const PART: &str = "STANDIN_TEST_PART";
/// Printed when a part starts, so that a part that is not found cannot pass.
const STARTED: &str = "this part has started";

/// How a part ended; nothing, and every assertion holds, in a process that is itself a part.
pub(crate) struct Outcome(Option<Output>);

/// Runs `body` in a process of its own, with more environment variables; those with an empty value are
/// taken away. `body` is a closure in the body of a `#[test]` function. When it returns, the main thread of
/// the process ends, and so does the process.
#[must_use = "see how it ended"]
#[track_caller]
pub(crate) fn isolated<F: FnOnce()>(environment: &[(&str, &str)], body: F) -> Outcome {
    named(test_of(&body), environment, body)
}

/// As `isolated`, for a body that stands elsewhere than in the test.
#[must_use = "see how it ended"]
#[track_caller]
pub(crate) fn named(test: &str, environment: &[(&str, &str)], body: impl FnOnce()) -> Outcome {
    let part = format!("{} {environment:?}", Location::caller());
    if let Some(wanted) = std::env::var_os(PART) {
        if *wanted == *part {
            println!("{STARTED}");
            body();
        }
        return Outcome(None);
    }
    let mut command = Command::new(std::env::current_exe().expect("the test program has a path"));
    command
        .args([test, "--exact", "--nocapture", "--include-ignored"])
        .env(PART, &part);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in environment {
        match *value {
            "" => command.env_remove(name),
            value => command.env(name, value),
        };
    }
    let output = run(command, &part);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        stdout.contains(STARTED),
        "no test {test:?} with the part {part}: {stdout}"
    );
    Outcome(Some(output))
}

/// The name of the test that a closure stands in, as the test harness knows it: its type is called
/// `program::module::test::{{closure}}`.
pub(crate) fn test_of<F>(_: &F) -> &'static str {
    let path = std::any::type_name::<F>()
        .trim_start_matches('&')
        .trim_end_matches("::{{closure}}");
    path.split_once("::").map_or(path, |(_, test)| test)
}

fn run(mut command: Command, part: &str) -> Output {
    let child = command.spawn().expect("the test program starts again");
    let process = child.id();
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    match ended.recv_timeout(HANGS) {
        Ok(output) => output.expect("the output of a child can be read"),
        Err(_) => {
            let state = state_of(process);
            let _ = Command::new("kill")
                .args(["-ABRT", &process.to_string()])
                .status();
            let output = ended
                .recv()
                .expect("the waiting thread goes on")
                .expect("as above");
            panic!("{part} hangs: {state}\n{}", text(&output));
        }
    }
}

fn text(output: &Output) -> String {
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    format!(
        "{}\n--- output\n{stdout}\n--- errors\n{stderr}",
        output.status
    )
}

impl Outcome {
    /// It ended well.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        if let Some(output) = &self.0 {
            assert!(output.status.success(), "{}", text(output));
        }
        self
    }

    /// It was ended by `abort`.
    #[track_caller]
    pub(crate) fn aborts(self) -> Self {
        const ABORT: i32 = 6;
        if let Some(output) = &self.0 {
            assert_eq!(output.status.signal(), Some(ABORT), "{}", text(output));
        }
        self
    }

    /// It did not end well.
    #[track_caller]
    pub(crate) fn fails(self) -> Self {
        if let Some(output) = &self.0 {
            assert!(!output.status.success(), "{}", text(output));
        }
        self
    }

    /// It ended by itself, with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        if let Some(output) = &self.0 {
            assert_eq!(output.status.code(), Some(code), "{}", text(output));
        }
        self
    }

    /// It wrote this somewhere.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        if let Some(output) = &self.0 {
            assert!(
                text(output).contains(words),
                "does not say {words:?}: {}",
                text(output)
            );
        }
        self
    }

    /// It wrote this nowhere.
    #[track_caller]
    pub(crate) fn does_not_say(self, words: &str) -> Self {
        if let Some(output) = &self.0 {
            assert!(
                !text(output).contains(words),
                "says {words:?}: {}",
                text(output)
            );
        }
        self
    }
}
