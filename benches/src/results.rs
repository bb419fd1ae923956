//! What was measured of a contestant on a workload, and figures of it.

use crate::child::Contestant;
use crate::figures::median;
use crate::meter::Sample;
use crate::options::Options;
use crate::workload::Workload;

/// The samples of one contestant on one workload.
pub(crate) struct Results {
    pub(crate) workload: &'static Workload,
    pub(crate) contestant: Contestant,
    /// By round; `None` where there is no sample.
    pub(crate) samples: Vec<Option<Sample>>,
    /// Why there is none.
    pub(crate) missing: Option<Missing>,
}

pub(crate) enum Missing {
    /// It was tried and did not end well. It is not tried again.
    Failed(String),
    /// The time for the run was over.
    OutOfTime,
    /// It takes no part in this workload.
    NoPart,
}

impl Results {
    pub(crate) fn failed(&self) -> bool {
        matches!(self.missing, Some(Missing::Failed(_)))
    }

    pub(crate) fn takes_part(&self) -> bool {
        !matches!(self.missing, Some(Missing::NoPart))
    }

    pub(crate) fn name(&self) -> &'static str {
        self.contestant.peer.name()
    }

    /// The figures, in order.
    pub(crate) fn values(&self) -> Vec<f64> {
        self.sorted(self.workload.value)
    }

    /// The median of the figures.
    pub(crate) fn median(&self) -> Option<f64> {
        median(&self.values())
    }

    pub(crate) fn median_of(&self, figure: fn(&Sample) -> f64) -> Option<f64> {
        median(&self.sorted(figure))
    }

    fn sorted(&self, figure: fn(&Sample) -> f64) -> Vec<f64> {
        let mut values: Vec<f64> = self.samples.iter().flatten().map(figure).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// The ratios to another one, round by round, in order.
    pub(crate) fn ratios(&self, other: &Results) -> Vec<f64> {
        let value = self.workload.value;
        let rounds = self.samples.iter().zip(&other.samples);
        let mut ratios: Vec<f64> = rounds
            .filter_map(|(mine, others)| Some(value(mine.as_ref()?) / value(others.as_ref()?)))
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    }

    /// What a reader has to know beside the figures.
    pub(crate) fn notes(&self, options: &Options) -> String {
        let mut notes = Vec::new();
        let rounds = self.samples.iter().flatten().count();
        match &self.missing {
            Some(Missing::Failed(error)) => notes.push(format!("failed: {error}")),
            Some(Missing::OutOfTime) => {
                notes.push(format!(
                    "{rounds} of {} rounds: out of time",
                    options.rounds
                ));
            }
            Some(Missing::NoPart) => return "takes no part".to_string(),
            None => {}
        }
        let silent = self.samples.iter().flatten().map(|sample| sample.silent);
        if let Some(silent) = silent.max().filter(|silent| *silent > 0) {
            notes.push(format!(
                "up to {silent} connections had no answer meanwhile"
            ));
        }
        let count = self.contestant.count(self.workload, options.size);
        if count < self.workload.size(options.size) {
            notes.push(format!("only {}", thousands(count)));
        }
        let note = self.contestant.peer.note(self.workload.kind);
        if !note.is_empty() {
            notes.push(note.to_string());
        }
        // A bar would end the cell.
        notes.join("; ").replace('|', "/")
    }
}

/// A whole number with commas.
pub(crate) fn thousands(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", thousands(number / 1_000), number % 1_000),
    }
}
