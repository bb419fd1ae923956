//! The order of samples: in each round every workload, in each workload every peer in turn, so
//! that what disturbs the machine for a while disturbs all of them.

use crate::child;
use crate::meter::Sample;
use crate::options::Options;
use crate::workload::{Peer, Workload};
use std::time::{Duration, Instant};

/// The samples of one peer on one workload.
pub(crate) struct Results {
    pub(crate) workload: &'static Workload,
    pub(crate) peer: &'static dyn Peer,
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
}

impl Results {
    pub(crate) fn failed(&self) -> bool {
        matches!(self.missing, Some(Missing::Failed(_)))
    }
}

/// Takes all samples that the options ask for and that the time allows.
pub(crate) fn run(options: &Options) -> Vec<Results> {
    let start = Instant::now();
    let mut results = nothing_yet(options);
    let peers = options.peers.len();
    for round in 0..options.rounds {
        for of_workload in results.chunks_mut(peers) {
            let name = of_workload[0].workload.name;
            eprintln!("round {} of {}: {name}", round + 1, options.rounds);
            // Not always the same peer after the same other one.
            for i in 0..peers {
                let result = &mut of_workload[(round + i) % peers];
                let left = options.budget.saturating_sub(start.elapsed());
                result.sample(options, left);
            }
        }
    }
    results
}

/// Workload by workload, the peers of each together.
fn nothing_yet(options: &Options) -> Vec<Results> {
    let pairs = options.workloads.iter().flat_map(|workload| {
        let peers = options.peers.iter();
        peers.map(move |peer| (*workload, *peer))
    });
    let empty = pairs.map(|(workload, peer)| Results {
        workload,
        peer,
        samples: Vec::new(),
        missing: None,
    });
    empty.collect()
}

impl Results {
    fn sample(&mut self, options: &Options, left: Duration) {
        let sample = match left {
            _ if self.failed() => None,
            Duration::ZERO => {
                self.missing = Some(Missing::OutOfTime);
                None
            }
            left => {
                let limit = options.limit.min(left);
                match child::sample(self.peer, self.workload, options.size, limit) {
                    Ok(sample) => Some(sample),
                    Err(error) => {
                        let what = format!("{} {}", self.peer.name(), self.workload.name);
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
