//! What was counted, as a table in Markdown.

use crate::baseline::{BAND, Count, Counts, Environment};

/// The counts beside those of the baseline, and beside std's.
pub(crate) fn print(baseline: &Counts, now: &Counts, std: &[Count]) {
    let Environment {
        compiler,
        target,
        libc,
    } = &now.environment;
    println!("{compiler}, {target}, {libc}; band {:.0} %\n", BAND * 100.0);
    println!(
        "| operation | thread | instructions | baseline | change, % | std on an OS thread | x std |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|");
    for count in &now.counts {
        let instructions = count.instructions;
        let expected = baseline.of(&count.operation, &count.place);
        let change = expected.map(|expected| (instructions / expected - 1.0) * 100.0);
        let std = std.iter().find(|std| std.operation == count.operation);
        let std = std.map(|std| std.instructions);
        println!(
            "| {} | {} | {instructions:.1} | {} | {} | {} | {} |",
            count.operation,
            count.place,
            cell(expected, |expected| format!("{expected:.1}")),
            cell(change, |change| format!("{change:+.2}")),
            cell(std, |std| format!("{std:.1}")),
            cell(std, |std| format!("{:.2}", instructions / std)),
        );
    }
}

fn cell(value: Option<f64>, text: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), text)
}
