//! One run of a body, at one place, within its limit.

use super::outcome::Outcome;
use super::place::Place;
use super::watchdog;
use std::io;
use std::panic::Location;
use std::time::Duration;

/// What all runs of one test have in common.
pub(super) struct Runner {
    /// `None`: no limit.
    pub(super) limit: Option<Duration>,
    /// The test's name, which each thread gets.
    pub(super) name: String,
    /// Where the test asked for it.
    pub(super) caller: &'static Location<'static>,
    /// What else to say of a run that hangs.
    pub(super) note: Option<String>,
}

impl Runner {
    /// Runs a body.
    ///
    /// # Errors
    ///
    /// It was not run.
    pub(super) fn run<F, T>(&self, place: Place, body: F) -> io::Result<Outcome<T>>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        let _watched = watchdog::watch(self.limit, || {
            let note = self.note.as_ref().map(|note| format!(", with {note}"));
            format!(
                "{} on {place}, at {}{}",
                self.name,
                self.caller,
                note.unwrap_or_default()
            )
        });
        place.run(self.name.clone(), body).map(Outcome::new)
    }
}

/// The name of the calling thread, which harnesses name after the test.
pub(super) fn name_of_caller() -> String {
    // Standin's, so that this is also right where the caller is a green thread.
    let name = crate::thread::current().name().map(str::to_owned);
    name.unwrap_or_else(|| "test".to_owned())
}
