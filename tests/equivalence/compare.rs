//! Runs a program on several families of shapes, and compares what was observed.

use super::plan::Plan;
use super::program::Program;
use super::racy::history::History;
use super::racy::program::Race;
use super::racy::tally::Tally;
use super::suite::number;
use super::suite::tried;
use super::trace::{Counts, Event, Kind, Trace};
use super::{current, on_standin, on_std};
use standin::engine::{self, ASYNC, Engine};
use std::fmt::{Debug, Write};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Runs a program, and counts what it does.
type Run = dyn Fn(&Arc<Plan>, &Arc<Counts>) -> Trace + Send + Sync;

/// Runs a racy program.
type RunRace = dyn Fn(&Arc<Race>) -> History + Send + Sync;

/// One implementation of std's shapes, on one engine.
pub struct Family {
    pub name: &'static str,
    run: Box<Run>,
    race: Box<RunRace>,
    pub counts: Arc<Counts>,
    /// What racy programs did.
    pub tally: Tally,
}

impl Family {
    pub fn new(
        name: &'static str,
        run: impl Fn(&Arc<Plan>, &Arc<Counts>) -> Trace + Send + Sync + 'static,
        race: impl Fn(&Arc<Race>) -> History + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            run: Box::new(run),
            race: Box::new(race),
            counts: Arc::default(),
            tally: Tally::default(),
        })
    }

    pub fn std() -> Arc<Self> {
        Self::new(
            "std",
            |plan, counts| on_std::interpret::run(plan, counts, false),
            |race| on_std::race::run(race, false),
        )
    }

    pub fn of_engine(engine: Engine) -> Arc<Self> {
        Self::new(
            engine.name(),
            move |plan, counts| engine.run(|| on_standin::interpret::run(plan, counts, false)),
            move |race| engine.run(|| on_standin::race::run(race, false)),
        )
    }

    /// Threads of `async` that are tasks of a current-thread runtime; those of the engine are tasks of its own
    /// multi-thread runtime.
    pub fn current() -> Arc<Self> {
        Self::new(
            "async-current",
            |plan, counts| {
                let _entered = current::enter();
                ASYNC.run(|| on_standin::interpret::run(plan, counts, false))
            },
            |race| {
                let _entered = current::enter();
                ASYNC.run(|| on_standin::race::run(race, false))
            },
        )
    }

    /// The threads of one program are of every engine by turns.
    pub fn mixed() -> Arc<Self> {
        Self::new(
            "mixed",
            |plan, counts| on_standin::interpret::run(plan, counts, true),
            |race| on_standin::race::run(race, true),
        )
    }

    /// std first, then every engine on every kind of runtime, and all of them in one program.
    ///
    /// Planted faults are searched without those of tokio and may: what is planted lies in what all engines share.
    ///
    /// In the process that is there for `may`, that alone, and the threads of one program on all of them.
    pub fn all() -> Vec<Arc<Self>> {
        let is_searched = |family: &Arc<Self>| {
            #[cfg(feature = "may")]
            if super::may::is_moved() {
                return ["std", "may", "mixed"].contains(&family.name);
            }
            let is_others = family.name.starts_with("async") || family.name.starts_with("may");
            !(cfg!(faults) && is_others)
        };
        let engines = engine::all().into_iter().map(Self::of_engine);
        let families = std::iter::once(Self::std()).chain(engines);
        families
            .chain([Self::current(), Self::mixed()])
            .filter(is_searched)
            .collect()
    }
}

/// What to do when a program does not end.
#[derive(Clone, Copy, Debug)]
pub enum Patience {
    /// After much longer than the longest program takes on the slowest machine, nothing but a lost wake-up is
    /// left: print the program and abort, since its threads never end.
    Abort,
    /// It is an answer like any other: the family is known to be wrong.
    Fail(Duration),
}

pub const GENEROUS: Patience = Patience::Abort;

impl Patience {
    fn limit(self) -> Duration {
        match self {
            Patience::Abort => {
                Duration::from_secs(number("STANDIN_EQUIVALENCE_PATIENCE").unwrap_or(180))
            }
            Patience::Fail(limit) => limit,
        }
    }
}

/// Runs a program on all families.
///
/// # Errors
///
/// How they differ from the first of them, or what is wrong with a trace itself.
pub fn check(
    program: &Program,
    families: &[Arc<Family>],
    patience: Patience,
) -> Result<(), String> {
    let plan = Arc::new(Plan::new(program.clone()));
    let mut first: Option<(&str, Trace)> = None;
    for family in families {
        let trace = run(family, &plan, patience)?;
        complete(&plan, &trace).map_err(|missing| format!("{}: {missing}", family.name))?;
        match &first {
            None => first = Some((family.name, trace)),
            Some((name, expected)) if *expected != trace => {
                return Err(difference((name, expected), (family.name, &trace)));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

impl Family {
    /// Runs a racy program.
    ///
    /// # Errors
    ///
    /// It did not end.
    pub fn race(self: &Arc<Self>, race: &Arc<Race>, patience: Patience) -> Result<History, String> {
        let (own, its_race) = (Arc::clone(self), Arc::clone(race));
        watched(self.name, race, patience, move || (own.race)(&its_race))
    }
}

fn run(family: &Arc<Family>, plan: &Arc<Plan>, patience: Patience) -> Result<Trace, String> {
    let (own, its_plan) = (Arc::clone(family), Arc::clone(plan));
    watched(family.name, &plan.program, patience, move || {
        (own.run)(&its_plan, &own.counts)
    })
}

/// Runs a program in a thread of its own, as long as patience lasts.
fn watched<T: Send + 'static>(
    family: &str,
    program: &dyn Debug,
    patience: Patience,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let _ = sender.send(run());
    });
    let limit = patience.limit();
    let problem = match receiver.recv_timeout(limit) {
        Ok(result) => return Ok(result),
        Err(RecvTimeoutError::Disconnected) => "the interpreter itself panicked".to_owned(),
        Err(RecvTimeoutError::Timeout) => format!("the program has not ended after {limit:?}"),
    };
    let problem = format!("{family}: {problem}");
    if let Patience::Abort = patience {
        let tried = tried::count();
        eprintln!("{problem}, after {tried} programs, at this program:\n{program:?}");
        std::process::abort();
    }
    Err(problem)
}

/// Whether everything that the plan says has left something in the trace.
///
/// # Errors
///
/// What is missing.
pub fn complete(plan: &Plan, trace: &Trace) -> Result<(), String> {
    if trace.threads.len() != plan.scripts.len() {
        return Err(format!(
            "{} threads left a trace, of {}",
            trace.threads.len(),
            plan.scripts.len()
        ));
    }
    for (thread, (script, events)) in plan.scripts.iter().zip(&trace.threads).enumerate() {
        let destroyed = events
            .iter()
            .filter(|event| matches!(event, Event::Destroyed { .. }))
            .count();
        // One for each step, and one for the beginning.
        let (noted, due) = (events.len() - destroyed, script.len() + 1);
        if noted != due {
            return Err(format!(
                "thread {thread} noted {noted} events, and should have noted {due}:\n{events:#?}\n"
            ));
        }
    }
    if trace.result.is_none() || trace.mutexes.is_empty() {
        return Err("the trace says nothing of the end of the program".to_owned());
    }
    Ok(())
}

fn difference((left, expected): (&str, &Trace), (right, actual): (&str, &Trace)) -> String {
    let mut text = format!("{right} differs from {left}\n");
    let mut line = |what: &str, one: String, other: String| {
        if one != other {
            let _ = writeln!(text, "{what}\n  {left}: {one}\n  {right}: {other}");
        }
    };
    for thread in 0..expected.threads.len().max(actual.threads.len()) {
        let events = |trace: &Trace| trace.threads.get(thread).cloned().unwrap_or_default();
        let (ones, others) = (events(expected), events(actual));
        for place in 0..ones.len().max(others.len()) {
            let at = |events: &[Event]| match events.get(place) {
                Some(event) => format!("{event:?}"),
                None => "nothing".to_owned(),
            };
            line(
                &format!("thread {thread}, event {place}"),
                at(&ones),
                at(&others),
            );
        }
    }
    line(
        "mutexes in the end",
        format!("{:?}", expected.mutexes),
        format!("{:?}", actual.mutexes),
    );
    line(
        "destructors",
        expected.graves.to_string(),
        actual.graves.to_string(),
    );
    line(
        "end of the main thread",
        format!("{:?}", expected.result),
        format!("{:?}", actual.result),
    );
    text
}

/// A table of what was done on each family.
pub fn table(families: &[Arc<Family>]) -> String {
    let mut text = format!("{:>16}", "");
    for family in families {
        let _ = write!(text, "{:>14}", family.name);
    }
    for kind in Kind::ALL {
        let _ = write!(text, "\n{:>16}", format!("{kind:?}"));
        for family in families {
            let _ = write!(text, "{:>14}", family.counts.of(*kind));
        }
    }
    text + "\n"
}

/// Whether every kind of thing was done at least `least` times on each family, and as often on all of them.
///
/// # Errors
///
/// The first that was not.
pub fn enough(families: &[Arc<Family>], least: u64) -> Result<(), String> {
    for kind in Kind::ALL {
        let first = families[0].counts.of(*kind);
        for family in families {
            let count = family.counts.of(*kind);
            if count < least || count != first {
                return Err(format!(
                    "{}: {kind:?} was done {count} times; {least} are wanted at least, and {first} were on {}",
                    family.name, families[0].name
                ));
            }
        }
    }
    Ok(())
}
