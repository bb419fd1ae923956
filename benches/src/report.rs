//! The report: what it was measured on, and a table a workload, as Markdown.

use crate::figures::{median, number};
use crate::machine;
use crate::options::{Options, WORKERS};
use crate::results::{Results, thousands};
use crate::workload::{Set, Size};

/// The peer that all are compared with, beside the best.
const REFERENCE: &str = "green";

/// The peer that does no more than what is unavoidable, where there is one.
const LEAST: &str = "native";

/// What it is measured on, before it is.
pub(crate) fn head(options: &Options) {
    if options.size == Size::Smoke {
        return;
    }
    println!("# standin beside its peers\n");
    println!("- command: `{}`", options.command());
    println!("- date: {}", machine::today());
    println!("- machine: {}", machine::name());
    println!("- versions: {}", machine::versions(options));
    println!(
        "- load average of the last minute before: {}",
        machine::load()
    );
    let rounds = options.rounds;
    println!(
        "\nEach sample is taken in a process of its own, the peers in turn in each of {rounds} rounds. \
         CPU is user and system time of the peer's process."
    );
    match options.set {
        Set::Scaling => println!(
            "`two / one` is the median of the ratios within each round, less than 1 where two workers are \
             faster, and `min..max` their range. An OS thread needs no worker: one means one core. In echo-shared, \
             one worker and the client have a core each; two workers share theirs with the client, so that \
             nothing can be gained, and what is lost shows."
        ),
        _ => println!(
            "`median`, `CPU` and `memory` are medians of the rounds; `x ...` are medians \
             of the ratios within each round. Memory is what the process grew by: resident memory at its \
             peak, and page tables."
        ),
    }
}

/// The tables, or for a smoke run how much of it went well.
pub(crate) fn tables(options: &Options, results: &[Results]) {
    if options.size == Size::Smoke {
        let failed = results.iter().filter(|result| result.failed()).count();
        println!("{} of {} ran", results.len() - failed, results.len());
        return;
    }
    for of_workload in results.chunks(options.contestants.len()) {
        let workload = of_workload[0].workload;
        let n = thousands(workload.size(options.size));
        println!("\n## {}: {n} {}\n", workload.name, workload.what);
        match options.set {
            Set::Scaling => scaling_table(options, of_workload),
            _ => table(options, of_workload),
        }
    }
}

/// The table of one workload.
fn table(options: &Options, results: &[Results]) {
    println!(
        "| peer | median, {} | x best | x {REFERENCE} | x {LEAST} | min..max | CPU, s | memory, MiB | notes |",
        results[0].workload.unit
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---|");
    let best = results
        .iter()
        .filter_map(|result| Some((result.median()?, result)))
        .min_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, result)| result);
    let other = |name: &str| results.iter().find(|other| other.name() == name);
    for result in results.iter().filter(|result| result.takes_part()) {
        let ratio = |other: &Results| median(&result.ratios(other));
        row([
            result.name().to_string(),
            number(result.median()),
            number(best.and_then(ratio)),
            number(other(REFERENCE).and_then(ratio)),
            number(other(LEAST).and_then(ratio)),
            range(&result.values()),
            number(result.median_of(|sample| sample.cpu)),
            number(result.median_of(|sample| sample.memory_kib as f64 / 1024.0)),
            result.notes(options),
        ]);
    }
}

/// The table of one workload, a peer a row.
fn scaling_table(options: &Options, results: &[Results]) {
    let unit = results[0].workload.unit;
    println!(
        "| peer | one worker, {unit} | two workers | two / one | min..max | CPU of one, s | CPU of two | notes |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---|");
    for of_peer in results.chunks(WORKERS.len()) {
        let [one, two] = of_peer else {
            unreachable!("each peer is measured with both numbers of workers");
        };
        let ratios = two.ratios(one);
        let cpu = |result: &Results| number(result.median_of(|sample| sample.cpu));
        row([
            one.name().to_string(),
            number(one.median()),
            number(two.median()),
            number(median(&ratios)),
            range(&ratios),
            cpu(one),
            cpu(two),
            two.notes(options),
        ]);
    }
}

fn row<const N: usize>(cells: [String; N]) {
    println!("| {} |", cells.join(" | "));
}

/// The least and the most of sorted values.
pub(crate) fn range(values: &[f64]) -> String {
    match (values.first(), values.last()) {
        (Some(least), Some(most)) => format!("{}..{}", number(Some(*least)), number(Some(*most))),
        _ => number(None),
    }
}
