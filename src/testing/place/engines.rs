//! Where a body can run, in a program with engines. Its mirror image is `std_alone.rs`: the same names, for a
//! program without.

use super::Skipped;
use crate::engine::{self, Control, Engine};
use crate::thread;
use std::fmt;
use std::io;

/// Where a body runs: in a thread of an engine, or on a plain OS thread.
///
/// An engine becomes a place by `From`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Place(Option<Engine>);

impl Place {
    /// An OS thread made by std, which belongs to no engine. What it spawns by `standin::thread` belongs to
    /// the process's default engine, so threads of both kinds meet.
    ///
    /// With no engine compiled it is the only place, and has the name `std`.
    pub const PLAIN: Self = Self(None);

    /// The engine's name, or `plain`.
    pub fn name(self) -> &'static str {
        self.0.map_or("plain", Engine::name)
    }

    /// Runs a body in a thread with a name, and waits for its end.
    ///
    /// # Errors
    ///
    /// The body was not run: no thread could be started, or it belongs to another engine.
    pub(super) fn run<F, T>(self, name: String, body: F) -> io::Result<thread::Result<T>>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        match self.0 {
            None => on_plain(name, body),
            Some(engine) => on_engine(engine, name, body),
        }
    }
}

fn on_plain<F, T>(name: String, body: F) -> io::Result<thread::Result<T>>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    // The caller may be a green thread, and the join is std's.
    engine::blocking(|| {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name(name);
            Ok(thread.spawn_scoped(scope, body)?.join())
        })
    })?
}

fn on_engine<F, T>(engine: Engine, name: String, body: F) -> io::Result<thread::Result<T>>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let checked = || (Control::current(|control| control?.engine()) == Some(engine)).then(body);
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(name);
        let result = thread.spawn_scoped_on(engine, scope, checked)?.join();
        match result {
            Ok(Some(value)) => Ok(Ok(value)),
            Ok(None) => Err(io::Error::other(format!(
                "the thread that the engine {engine} started does not belong to it: see \
                 standin::engine::Spawn::start for what its context owes"
            ))),
            Err(panic) => Ok(Err(panic)),
        }
    })
}

/// Every engine that can be used as things stand.
pub(super) fn engines() -> Vec<Place> {
    engine::all().into_iter().map(Place::from).collect()
}

/// Every place. The first is what others are compared with: `threads`, which has the least of standin's own
/// in it, or else a plain OS thread.
pub(super) fn reference_first() -> Vec<Place> {
    let mut places = engines();
    places.push(Place::PLAIN);
    places.sort_by_key(|place| match place.name() {
        "threads" => 0,
        "plain" => 1,
        _ => 2,
    });
    places
}

/// Standin's own engines that [`engines`] leaves out.
pub(super) fn skipped() -> Vec<Skipped> {
    let names = [
        "green",
        "async",
        "threads",
        "may",
        "may-pinned",
        "green-pinned",
        "async-pinned",
    ];
    names
        .into_iter()
        .filter_map(|name| {
            let why = engine::named(name).err()?;
            Some(Skipped::new(name, why.to_string()))
        })
        .collect()
}

/// The engine with a name.
///
/// # Errors
///
/// As [`engine::named`].
pub(super) fn named(name: &str) -> io::Result<Place> {
    engine::named(name).map(Place::from)
}

impl From<Engine> for Place {
    fn from(engine: Engine) -> Self {
        Self(Some(engine))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.name()).finish()
    }
}
