//! Runs a program on several families of shapes, and compares what was observed.

use super::plan::Plan;
use super::program::Program;
use super::trace::{Counts, Event, Kind, Trace};
use super::{on_standin, on_std};
use standin::engine::{self, Engine};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Runs a program, and counts what it does.
type Run = dyn Fn(&Arc<Plan>, &Arc<Counts>) -> Trace + Send + Sync;

/// One implementation of std's shapes, on one engine.
pub struct Family {
    pub name: &'static str,
    run: Box<Run>,
    pub counts: Arc<Counts>,
}

impl Family {
    pub fn new(
        name: &'static str,
        run: impl Fn(&Arc<Plan>, &Arc<Counts>) -> Trace + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            run: Box::new(run),
            counts: Arc::default(),
        })
    }

    pub fn std() -> Arc<Self> {
        Self::new("std", on_std::interpret::run)
    }

    pub fn of_engine(engine: Engine) -> Arc<Self> {
        Self::new(engine.name(), move |plan, counts| {
            engine.run(|| on_standin::interpret::run(plan, counts))
        })
    }

    /// std first, then every engine.
    pub fn all() -> Vec<Arc<Self>> {
        let engines = engine::all().into_iter().map(Self::of_engine);
        std::iter::once(Self::std()).chain(engines).collect()
    }
}

/// What to do when a program does not end.
#[derive(Clone, Copy, Debug)]
pub enum Patience {
    /// Nothing but a lost wake-up takes so long: print the program and abort, since its threads never end.
    Abort(Duration),
    /// It is an answer like any other: the family is known to be wrong.
    Fail(Duration),
}

/// Much longer than the longest program takes on the slowest machine.
pub const GENEROUS: Patience = Patience::Abort(Duration::from_secs(180));

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

fn run(family: &Arc<Family>, plan: &Arc<Plan>, patience: Patience) -> Result<Trace, String> {
    let (sender, receiver) = channel();
    let (own, its_plan) = (Arc::clone(family), Arc::clone(plan));
    thread::spawn(move || {
        let _ = sender.send((own.run)(&its_plan, &own.counts));
    });
    let (Patience::Abort(limit) | Patience::Fail(limit)) = patience;
    let problem = match receiver.recv_timeout(limit) {
        Ok(trace) => return Ok(trace),
        Err(RecvTimeoutError::Disconnected) => "the interpreter itself panicked".to_owned(),
        Err(RecvTimeoutError::Timeout) => format!("the program has not ended after {limit:?}"),
    };
    let problem = format!("{}: {problem}", family.name);
    if let Patience::Abort(_) = patience {
        eprintln!("{problem}\n{:?}", plan.program);
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
