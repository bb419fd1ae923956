//! One function, everywhere, with equal outcomes.

use super::difference::{Difference, Group, Run};
use super::outcome::{Outcome, Panicked};
use super::place::{self, Place};
use super::report::Report;
use super::run::{Runner, name_of_caller};
use super::watchdog;
use std::fmt::{self, Debug};
use std::io;
use std::panic::Location;
use std::time::Duration;

/// Calls `f` on every engine and on a plain OS thread, and asks that each call ends as the others do: with an
/// equal value, or a panic of the same message. With no engine compiled there is one call, and nothing to
/// compare with.
///
/// For the caller it is a call of `f`: it returns the value that all calls returned.
///
/// [What equal results prove](super#what-equal-results-prove), and what they do not, stands at the module.
///
/// # Panics
///
/// If two calls ended differently: with both outcomes, and where they came about. If some engine could not
/// start a thread. And as `f`, if that panicked everywhere, and alike; whoever wants to look at that panic as an
/// outcome uses [`Equivalence::check`].
///
/// # Aborts
///
/// If `f` does not end: see [What hangs](super#what-hangs).
#[track_caller]
pub fn assert_equivalent<T, F>(f: F) -> T
where
    T: PartialEq + Debug + Send,
    F: Fn() -> T + Sync,
{
    let agreement = Equivalence::new()
        .check(f)
        .unwrap_or_else(|error| panic!("{error}"));
    agreement.report.tell();
    match agreement.outcome {
        Outcome::Returned(value) => value,
        Outcome::Panicked(panic) => {
            panic!("everywhere ({}) alike: {panic}", agreement.report)
        }
    }
}

/// How to compare: where, how often, how long. [`assert_equivalent`] is the short form.
///
/// ```
/// use standin::testing::{Equivalence, Place};
///
/// let agreement = Equivalence::new().engines([Place::PLAIN]).times(3).check(|| 6 * 7)?;
/// assert_eq!(agreement.into_result()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until `check`"]
pub struct Equivalence {
    /// `None`: all.
    places: Option<Vec<Place>>,
    times: usize,
    /// `None`: the default.
    limit: Option<Duration>,
    note: Option<String>,
}

impl Equivalence {
    /// Everywhere, once, within the default limit.
    pub fn new() -> Self {
        Self {
            places: None,
            times: 1,
            limit: None,
            note: None,
        }
    }

    /// Where to call the function: on engines (`[engine::THREADS, engine::GREEN]`, also one from outside
    /// standin), on [`Place::PLAIN`]. The others are compared with the first.
    ///
    /// The default is all: `threads` first if it is compiled, then a plain OS thread, then the others.
    pub fn engines<P: Into<Place>>(mut self, engines: impl IntoIterator<Item = P>) -> Self {
        self.places = Some(engines.into_iter().map(Into::into).collect());
        self
    }

    /// How often to call it at each place. All calls are compared, also with those at the same place: a function
    /// that does not agree with itself is found. The default is 1.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// How long one call may take, instead of [`LIMIT`](super::LIMIT) or what `STANDIN_TESTING_LIMIT` says. If it
    /// takes longer, the process is aborted.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// What the function is called with, say: told if it hangs, and in the error.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Calls the function, everywhere and as often as asked, and compares.
    ///
    /// # Errors
    ///
    /// [`Error::Different`] after all calls, if two ended differently; [`Error::NotRun`] for a place that
    /// could not start a thread, at once; [`Error::NothingRan`] if there was nothing to do.
    #[track_caller]
    pub fn check<T, F>(&self, f: F) -> Result<Agreement<T>, Error>
    where
        T: PartialEq + Debug + Send,
        F: Fn() -> T + Sync,
    {
        let runner = Runner {
            limit: self.limit.or_else(watchdog::default_limit),
            caller: Location::caller(),
            name: name_of_caller(),
            note: self.note.clone(),
        };
        let report = match &self.places {
            Some(places) => Report::chosen(places.clone()),
            None => Report::all(place::reference_first()),
        };
        let mut groups: Vec<Group<T>> = Vec::new();
        for number in 1..=self.times {
            for place in report.ran().iter().copied() {
                let outcome = runner
                    .run(place, &f)
                    .map_err(|error| Error::NotRun { place, error })?;
                let run = Run { place, number };
                match groups.iter_mut().find(|group| group.outcome == outcome) {
                    Some(group) => group.runs.push(run),
                    None => groups.push(Group {
                        outcome,
                        runs: vec![run],
                    }),
                }
            }
        }
        if groups.len() > 1 {
            let difference = Difference::new(&groups, self.times, self.note.clone(), report);
            return Err(Error::Different(difference));
        }
        let group = groups.pop().ok_or(Error::NothingRan)?;
        Ok(Agreement {
            outcome: group.outcome,
            report,
        })
    }
}

impl Default for Equivalence {
    fn default() -> Self {
        Self::new()
    }
}

/// All calls ended alike.
#[derive(Clone, Debug)]
pub struct Agreement<T> {
    outcome: Outcome<T>,
    report: Report,
}

impl<T> Agreement<T> {
    /// How they ended. They may all have panicked.
    pub fn outcome(&self) -> &Outcome<T> {
        &self.outcome
    }

    /// What was run, and what was skipped.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The value that they returned.
    ///
    /// # Errors
    ///
    /// The panic, if they all panicked.
    pub fn into_result(self) -> Result<T, Panicked> {
        self.outcome.into_result()
    }
}

/// Why calls cannot be said to be equivalent.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Two calls ended differently.
    Different(Difference),
    /// The function could not be called somewhere.
    NotRun {
        /// Where.
        place: Place,
        /// What prevented it: what the engine's `spawn` returned.
        error: io::Error,
    },
    /// There was no place, or no times. What was not run cannot pass.
    NothingRan,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Different(difference) => fmt::Display::fmt(difference, f),
            Self::NotRun { place, error } => write!(
                f,
                "cannot compare engines: nothing can be run on {place}: {error}"
            ),
            Self::NothingRan => f.write_str(
                "cannot compare engines: nothing was run, which proves nothing; `engines` takes at least one \
                 engine and `times` at least 1",
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotRun { error, .. } => Some(error),
            Self::Different(_) | Self::NothingRan => None,
        }
    }
}
