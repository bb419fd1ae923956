//! What to say of calls that ended differently.

use super::diff;
use super::outcome::Outcome;
use super::place::Place;
use super::report::Report;
use std::fmt::{self, Debug, Write as _};

/// Calls that ended differently; as text, a page that shows who returned what.
#[derive(Clone, Debug)]
pub struct Difference {
    groups: Vec<(Vec<Place>, String)>,
    text: String,
}

/// Runs with equal outcomes.
pub(super) struct Group<T> {
    pub(super) outcome: Outcome<T>,
    pub(super) runs: Vec<Run>,
}

/// One of the runs at a place, counted from 1.
pub(super) struct Run {
    pub(super) place: Place,
    pub(super) number: usize,
}

impl Difference {
    /// Of groups, at least two, of which the first holds the first run of all.
    pub(super) fn new<T: Debug>(
        groups: &[Group<T>],
        times: usize,
        note: Option<String>,
        report: Report,
    ) -> Self {
        let shown: Vec<_> = groups.iter().map(|group| show(&group.outcome)).collect();
        let runs: usize = groups.iter().map(|group| group.runs.len()).sum();
        let mut text = format!(
            "{runs} calls of one function ended in {} ways",
            groups.len()
        );
        if let Some(note) = note {
            let _ = write!(text, ", with {note}");
        }
        text += ":\n";
        for (group, shown) in groups.iter().zip(&shown) {
            let _ = writeln!(text, "{}:\n{}", who(&group.runs, times), indented(shown));
        }
        let long = |text: &String| text.contains('\n');
        for (group, other) in groups.iter().zip(&shown).skip(1) {
            if long(&shown[0]) && long(other) {
                let (first, second) = (who(&groups[0].runs, times), who(&group.runs, times));
                let lines = diff::lines(&shown[0], other);
                let _ = writeln!(text, "lines of {first} (-), and of {second} (+):\n{lines}");
            }
        }
        for place in undecided(groups) {
            let _ = writeln!(
                text,
                "The calls on {place} alone did not agree: the schedule decides, or something else that is not \
                 the engine."
            );
        }
        let _ = write!(text, "{report}");
        let groups = groups.iter().zip(shown).map(|(group, shown)| {
            let places = group.runs.iter().map(|run| run.place).collect();
            (places, shown)
        });
        Self {
            groups: groups.collect(),
            text,
        }
    }

    /// Each way in which calls ended, as text, and where they were made, a place for each call. The first is
    /// that of the first call at the place that the others are compared with.
    pub fn outcomes(&self) -> impl Iterator<Item = (&[Place], &str)> {
        let groups = self.groups.iter();
        groups.map(|(places, shown)| (places.as_slice(), shown.as_str()))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn show<T: Debug>(outcome: &Outcome<T>) -> String {
    /// What stays readable in one line.
    const SHORT: usize = 100;
    match outcome {
        Outcome::Returned(value) => {
            let short = format!("returned {value:?}");
            if short.len() <= SHORT {
                short
            } else {
                format!("returned {value:#?}")
            }
        }
        Outcome::Panicked(panic) => format!("panicked: {panic}"),
    }
}

/// The places, each with its runs if that were not all of them.
fn who(runs: &[Run], times: usize) -> String {
    let mut places: Vec<(Place, Vec<usize>)> = Vec::new();
    for run in runs {
        match places.iter_mut().find(|(place, _)| *place == run.place) {
            Some((_, numbers)) => numbers.push(run.number),
            None => places.push((run.place, vec![run.number])),
        }
    }
    let names: Vec<_> = places
        .iter()
        .map(|(place, numbers)| match numbers.as_slice() {
            numbers if numbers.len() == times => place.to_string(),
            [number] => format!("{place} (call {number} of {times})"),
            [first, ..] => format!(
                "{place} ({} of {times} calls, first in call {first})",
                numbers.len()
            ),
            [] => unreachable!("a place is listed with its first run"),
        })
        .collect();
    names.join(", ")
}

/// Places whose runs ended in several ways.
fn undecided<T>(groups: &[Group<T>]) -> Vec<Place> {
    let mut found: Vec<Place> = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        for Run { place, .. } in &group.runs {
            let elsewhere = groups[number + 1..]
                .iter()
                .any(|other| other.runs.iter().any(|run| run.place == *place));
            if elsewhere && !found.contains(place) {
                found.push(*place);
            }
        }
    }
    found
}

/// Set off by some blanks; of a long text the beginning.
fn indented(text: &str) -> String {
    const SHOWN: usize = 40;
    let mut lines: Vec<_> = text.lines().map(|line| format!("    {line}")).collect();
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("    ... and {more} more lines"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Difference, Group, Run};
    use crate::testing::{Outcome, Place, Report};

    fn group<T>(value: T, numbers: &[usize]) -> Group<T> {
        let run = |number: &usize| Run {
            place: Place::PLAIN,
            number: *number,
        };
        Group {
            outcome: Outcome::Returned(value),
            runs: numbers.iter().map(run).collect(),
        }
    }

    #[test]
    fn a_difference_says_which_calls_and_what() {
        let groups = [group(1, &[1, 3]), group(2, &[2])];
        let report = Report::chosen(vec![Place::PLAIN]);
        let difference = Difference::new(&groups, 3, Some("n = 5".to_owned()), report);
        let place = Place::PLAIN;
        assert_eq!(
            difference.to_string(),
            format!(
                "3 calls of one function ended in 2 ways, with n = 5:\n\
                 {place} (2 of 3 calls, first in call 1):\n    returned 1\n\
                 {place} (call 2 of 3):\n    returned 2\n\
                 The calls on {place} alone did not agree: the schedule decides, or something else that is not \
                 the engine.\n\
                 run: {place}"
            )
        );
        let outcomes: Vec<_> = difference.outcomes().collect();
        assert_eq!(outcomes[1], (&[place][..], "returned 2"));
    }

    #[test]
    fn a_long_value_is_cut_and_its_difference_is_not() {
        let mut other: Vec<u32> = (0..100).collect();
        other[90] = 7_777;
        let groups = [group((0..100).collect(), &[1]), group(other, &[2])];
        let report = Report::chosen(vec![Place::PLAIN]);
        let text = Difference::new(&groups, 2, None, report).to_string();
        assert!(text.contains("more lines"), "{text}");
        assert!(text.contains("-    90,\n+    7777,\n"), "{text}");
    }
}
