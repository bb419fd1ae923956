//! What the expansion of [`tests!`](crate::tests) calls. No part of the public interface.

use super::outcome::Outcome;
use super::place;
use super::run::Runner;
use super::watchdog;
use std::panic::Location;
use std::process::{ExitCode, Termination};
use std::time::Duration;

/// The options of a test.
pub trait Options {
    /// How long it may take; `None`: the default.
    fn limit() -> Option<Duration>;

    /// Makes the promise that pinned threads take, if there is one.
    fn promise();

    /// Makes the promise that the engine `may` takes, if there is one.
    fn promise_of_may() {}
}

/// The body of one test, whose path is `test`, on the engine with a name. Returns nothing, so that `#[should_panic]` is possible.
#[track_caller]
pub fn unit<O: Options>(engine: &str, test: &str, body: fn()) {
    run::<O, _>(engine, test, body);
}

/// The body of one test that returns a result, which is reported where it was made: it need not be `Send`.
#[track_caller]
pub fn result<O: Options, T: Termination>(engine: &str, test: &str, body: fn() -> T) -> ExitCode {
    run::<O, _>(engine, test, || body().report())
}

#[track_caller]
fn run<O: Options, T: Send>(engine: &str, test: &str, body: impl FnOnce() -> T + Send) -> T {
    if engine.ends_with("-pinned") {
        O::promise();
    }
    if engine == "may" {
        O::promise_of_may();
    }
    let runner = Runner {
        limit: O::limit().or_else(watchdog::default_limit),
        caller: Location::caller(),
        // As test harnesses name it: without the crate.
        name: test
            .split_once("::")
            .map_or(test, |(_, path)| path)
            .to_owned(),
        note: None,
    };
    let outcome = place::named(engine).and_then(|place| runner.run(place, body));
    match outcome {
        Ok(Outcome::Returned(value)) => value,
        Ok(Outcome::Panicked(panic)) => panic!("on {engine}: {panic}"),
        Err(error) => panic!("on {engine}: cannot be run: {error}"),
    }
}
