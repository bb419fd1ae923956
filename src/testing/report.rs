//! What was run, and what was not.

use super::place::{self, Place};
use std::fmt;

/// What was run, and what was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    ran: Vec<Place>,
    skipped: Vec<Skipped>,
}

/// An engine that was not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    name: &'static str,
    why: String,
}

impl Report {
    /// Of places that the caller chose.
    pub(super) fn chosen(ran: Vec<Place>) -> Self {
        let skipped = Vec::new();
        Self { ran, skipped }
    }

    /// Of all places that there are.
    pub(super) fn all(ran: Vec<Place>) -> Self {
        let skipped = place::skipped();
        Self { ran, skipped }
    }

    /// Where the body ran, in this order; at least one.
    pub fn ran(&self) -> &[Place] {
        &self.ran
    }

    /// Standin's engines that were left out. Empty if the test chose the engines itself.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Says what was skipped, where a test harness finds it.
    pub(super) fn tell(&self) {
        for skipped in &self.skipped {
            eprintln!("standin::testing: not run: {skipped}");
        }
    }
}

impl Skipped {
    pub(super) fn new(name: &'static str, why: String) -> Self {
        Self { name, why }
    }

    /// The engine's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Why it was not run, and what to do about it.
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.why)
    }
}

/// A line for each.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run: {}", names(&self.ran))?;
        for skipped in &self.skipped {
            write!(f, "\nnot run: {skipped}")?;
        }
        Ok(())
    }
}

pub(super) fn names(places: &[Place]) -> String {
    if places.is_empty() {
        return "nothing".to_owned();
    }
    let names: Vec<_> = places.iter().map(|place| place.name()).collect();
    names.join(", ")
}
