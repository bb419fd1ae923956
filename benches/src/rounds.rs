//! The order of samples: in each round every workload, in each workload every contestant in turn, so
//! that what disturbs the machine for a while disturbs all of them.

use crate::options::Options;
use crate::results::{Missing, Results};
use std::time::{Duration, Instant};

/// Takes all samples that the options ask for and that the time allows.
pub(crate) fn run(options: &Options) -> Vec<Results> {
    let start = Instant::now();
    let mut results = nothing_yet(options);
    let contestants = options.contestants.len();
    for round in 0..options.rounds {
        for of_workload in results.chunks_mut(contestants) {
            let name = of_workload[0].workload.name;
            eprintln!("round {} of {}: {name}", round + 1, options.rounds);
            // Not always the same one after the same other one.
            for i in 0..contestants {
                let result = &mut of_workload[(round + i) % contestants];
                let left = options.budget.saturating_sub(start.elapsed());
                result.sample(options, left);
            }
        }
    }
    results
}

/// Workload by workload, the contestants of each together.
fn nothing_yet(options: &Options) -> Vec<Results> {
    let pairs = options.workloads.iter().flat_map(|workload| {
        let contestants = options.contestants.iter();
        contestants.map(move |contestant| (*workload, *contestant))
    });
    let empty = pairs.map(|(workload, contestant)| Results {
        workload,
        contestant,
        samples: Vec::new(),
        missing: (!contestant.peer.takes_part(workload.kind)).then_some(Missing::NoPart),
    });
    empty.collect()
}

impl Results {
    fn sample(&mut self, options: &Options, left: Duration) {
        let sample = match left {
            _ if self.failed() || !self.takes_part() => None,
            Duration::ZERO => {
                self.missing = Some(Missing::OutOfTime);
                None
            }
            left => {
                let limit = options.limit.min(left);
                match self.contestant.sample(self.workload, options.size, limit) {
                    Ok(sample) => Some(sample),
                    Err(error) => {
                        let what = format!("{} {}", self.name(), self.workload.name);
                        eprintln!("{what}: {error}");
                        self.missing = Some(Missing::Failed(error.to_string()));
                        None
                    }
                }
            }
        };
        self.samples.push(sample);
    }
}
