//! What was counted, as a table in Markdown.

use crate::baseline::{BAND, Counts, Environment};
use crate::operations::STD;

/// The counts beside those of the baseline, and beside std's.
pub(crate) fn print(baseline: &Counts, now: &Counts) {
    let Environment {
        compiler,
        target,
        libc,
    } = &now.environment;
    println!("{compiler}, {target}, {libc}; band {:.0} %\n", BAND * 100.0);
    println!("| operation | thread | instructions | baseline | change, % | x std |");
    println!("|---|---|---:|---:|---:|---:|");
    for count in &now.counts {
        let instructions = count.instructions;
        let expected = baseline.of(&count.operation, &count.place);
        let change = expected.map(|expected| (instructions / expected - 1.0) * 100.0);
        let of_std = now.of(&count.operation, STD);
        println!(
            "| {} | {} | {instructions:.1} | {} | {} | {} |",
            count.operation,
            count.place,
            cell(expected, |expected| format!("{expected:.1}")),
            cell(change, |change| format!("{change:+.2}")),
            cell(of_std, |std| format!("{:.2}", instructions / std)),
        );
    }
}

fn cell(value: Option<f64>, text: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), text)
}
