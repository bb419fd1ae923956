//! Where a body can run, in a program without engines. Its mirror image is `engines.rs`: the same names, for a
//! program with some.

use super::Skipped;
use crate::thread;
use std::fmt;
use std::io;

/// Where a body runs: with no engine compiled, on a plain OS thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Place(());

impl Place {
    /// An OS thread made by std.
    pub const PLAIN: Self = Self(());

    /// `std`.
    pub fn name(self) -> &'static str {
        "std"
    }

    /// Runs a body in a thread with a name, and waits for its end.
    ///
    /// # Errors
    ///
    /// The body was not run: no thread could be started.
    pub(super) fn run<F, T>(self, name: String, body: F) -> io::Result<thread::Result<T>>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        thread::scope(|scope| {
            let thread = thread::Builder::new().name(name);
            Ok(thread.spawn_scoped(scope, body)?.join())
        })
    }
}

/// The one place.
pub(super) fn engines() -> Vec<Place> {
    vec![Place::PLAIN]
}

/// As [`engines`].
pub(super) fn reference_first() -> Vec<Place> {
    engines()
}

/// Every engine.
pub(super) fn skipped() -> Vec<Skipped> {
    [
        ("green", "green"),
        ("async", "async"),
        ("threads", "threads"),
        ("may", "may"),
        ("may-pinned", "may"),
        ("green-pinned", "green"),
        ("async-pinned", "async"),
    ]
    .map(|(name, feature)| {
        let why = format!(
            "it is not compiled: without the feature `{feature}` of the crate standin, standin is std"
        );
        Skipped::new(name, why)
    })
    .to_vec()
}

/// The place with a name.
///
/// # Errors
///
/// `InvalidInput`, unless it is `std`.
pub(super) fn named(name: &str) -> io::Result<Place> {
    match name {
        "std" => Ok(Place::PLAIN),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "no engine is named {name:?}: this program was compiled with std alone; engines need their Cargo \
                 feature of the crate standin"
            ),
        )),
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
