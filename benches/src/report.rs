//! The report: what it was measured on, and a table a workload, as Markdown.

use crate::figures::{median, number};
use crate::meter::Sample;
use crate::options::Options;
use crate::rounds::{Missing, Results};
use crate::workload::Size;
use std::fs;

/// The peer that all are compared with, beside the best.
const REFERENCE: &str = "green";

/// What it is measured on, before it is.
pub(crate) fn head(options: &Options) {
    if options.size == Size::Smoke {
        return;
    }
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = rustix::system::uname();
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = text("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    println!("# standin beside its peers\n");
    let command = "cargo bench -p standin-benches --bench compare";
    match options.words.is_empty() {
        true => println!("- command: `{command}`"),
        false => println!("- command: `{command} -- {}`", options.words.join(" ")),
    }
    println!(
        "- machine: {model}, {cores} cores, {} {}",
        kernel.sysname().to_string_lossy(),
        kernel.release().to_string_lossy()
    );
    println!(
        "- versions: {}, may {}, tokio {}",
        env!("BENCH_RUSTC"),
        env!("BENCH_MAY"),
        env!("BENCH_TOKIO")
    );
    println!(
        "- load average of the last minute before: {}",
        text("/proc/loadavg").split(' ').next().unwrap_or_default()
    );
    println!(
        "\nEach sample is taken in a process of its own, the peers in turn in each of {} rounds. \
         `median`, `CPU` and `memory` are medians of the rounds; `x best` and `x {REFERENCE}` \
         are medians of the ratios within each round. CPU is user and system time of the peer's \
         process, memory what it grew by: resident memory at its peak, and page tables.",
        options.rounds
    );
}

/// The tables, or for a smoke run how much of it went well.
pub(crate) fn tables(options: &Options, results: &[Results]) {
    if options.size == Size::Smoke {
        let failed = results.iter().filter(|result| result.failed()).count();
        println!("{} of {} ran", results.len() - failed, results.len());
        return;
    }
    for of_workload in results.chunks(options.peers.len()) {
        table(options, of_workload);
    }
}

/// The table of one workload.
fn table(options: &Options, results: &[Results]) {
    let workload = results[0].workload;
    let n = thousands(workload.size(options.size));
    println!("\n## {}: {n} {}\n", workload.name, workload.what);
    println!(
        "| peer | median, {} | x best | x {REFERENCE} | min..max | CPU, s | memory, MiB | notes |",
        workload.unit
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---|");
    let best = results
        .iter()
        .filter_map(|result| Some((median(&result.values())?, result)))
        .min_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, result)| result);
    let reference = results.iter().find(|other| other.peer.name() == REFERENCE);
    for result in results {
        let values = result.values();
        let cells = [
            result.peer.name().to_string(),
            number(median(&values)),
            number(best.and_then(|best| result.ratio(best))),
            number(reference.and_then(|reference| result.ratio(reference))),
            match (values.first(), values.last()) {
                (Some(least), Some(most)) => {
                    format!("{}..{}", number(Some(*least)), number(Some(*most)))
                }
                _ => number(None),
            },
            number(result.median_of(|sample| sample.cpu)),
            number(result.median_of(|sample| sample.memory_kib as f64 / 1024.0)),
            result.notes(options),
        ];
        println!("| {} |", cells.join(" | "));
    }
}

impl Results {
    /// The figures, in order.
    fn values(&self) -> Vec<f64> {
        self.sorted(self.workload.value)
    }

    fn median_of(&self, figure: fn(&Sample) -> f64) -> Option<f64> {
        median(&self.sorted(figure))
    }

    fn sorted(&self, figure: fn(&Sample) -> f64) -> Vec<f64> {
        let mut values: Vec<f64> = self.samples.iter().flatten().map(figure).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// The median of the ratios to another peer, round by round.
    fn ratio(&self, other: &Results) -> Option<f64> {
        let value = self.workload.value;
        let rounds = self.samples.iter().zip(&other.samples);
        let mut ratios: Vec<f64> = rounds
            .filter_map(|(mine, others)| Some(value(mine.as_ref()?) / value(others.as_ref()?)))
            .collect();
        ratios.sort_by(f64::total_cmp);
        median(&ratios)
    }

    fn notes(&self, options: &Options) -> String {
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
            None => {}
        }
        let silent = self.samples.iter().flatten().map(|sample| sample.silent);
        if let Some(silent) = silent.max().filter(|silent| *silent > 0) {
            notes.push(format!(
                "up to {silent} connections had no answer meanwhile"
            ));
        }
        let note = self.peer.note(self.workload.kind);
        if !note.is_empty() {
            notes.push(note.to_string());
        }
        // A bar would end the cell.
        notes.join("; ").replace('|', "/")
    }
}

/// A whole number with commas.
fn thousands(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", thousands(number / 1_000), number % 1_000),
    }
}
