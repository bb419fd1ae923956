//! Where the figures are shown: plots, and the part of a Markdown file between two marks.
//!
//! Paths count from the folder of the repository. `--svg FOLDER` writes a file for each `chart` of the workloads,
//! `SET-CHART.svg`. `--readme FILE` replaces what stands between the lines `<!-- compare SET -->` and
//! `<!-- compare end -->`.

use crate::chart::{Bar, Chart, Group, Series};
use crate::figures::{median, number};
use crate::machine;
use crate::options::{Options, WORKERS};
use crate::results::{Results, thousands};
use crate::workload::{Set, Workload};
use std::fs;
use std::io;
use std::path::Path;

const END: &str = "<!-- compare end -->";

/// Writes what the options ask for.
///
/// # Errors
///
/// A file cannot be written, or has no marks.
pub(crate) fn all(options: &Options, results: &[Results]) -> io::Result<()> {
    let of_workloads = results.chunks(options.contestants.len());
    let rows: Vec<Row<'_>> = of_workloads
        .map(|results| Row { options, results })
        .collect();
    if let Some(folder) = &options.svg {
        fs::create_dir_all(folder)?;
        for chart in charts(&rows) {
            let of_chart = rows.iter().filter(|row| row.workload().chart == chart);
            let plot = plot(options, chart, &of_chart.collect::<Vec<_>>());
            fs::write(folder.join(file_name(options, chart)), plot.to_string())?;
        }
    }
    match &options.readme {
        Some(file) => replace(file, options, &section(options, &rows)),
        None => Ok(()),
    }
}

/// A workload, with a cell for each peer.
struct Row<'a> {
    options: &'a Options,
    results: &'a [Results],
}

impl Row<'_> {
    fn workload(&self) -> &'static Workload {
        self.results[0].workload
    }

    /// As in "10,000 empty threads".
    fn what(&self) -> String {
        let count = thousands(self.workload().size(self.options.size));
        format!("{count} {}", self.workload().what)
    }

    fn unit(&self) -> &'static str {
        match self.options.set {
            Set::Scaling => "two / one",
            _ => self.workload().unit,
        }
    }

    /// What the units of a plot have in common.
    fn axis(&self) -> &'static str {
        match self.options.set {
            Set::Scaling => self.unit(),
            _ => self.unit().split(' ').next().unwrap_or_default(),
        }
    }

    fn cells(&self) -> Vec<Option<Bar>> {
        let of_peers = self.results.chunks(contestants_a_peer(self.options));
        let values = of_peers.map(|of_peer| match of_peer {
            [one, two] => two.ratios(one),
            of_peer => of_peer[0].values(),
        });
        let cells = values.map(|values| {
            Some(Bar {
                value: median(&values)?,
                least: *values.first()?,
                most: *values.last()?,
            })
        });
        cells.collect()
    }

    /// The peers that did less than the workload asks for.
    fn fewer(&self) -> Vec<String> {
        let size = self.options.size;
        let of_peers = self
            .results
            .iter()
            .step_by(contestants_a_peer(self.options));
        let counts = of_peers.map(|result| {
            (
                result.name(),
                result.contestant.count(self.workload(), size),
            )
        });
        let fewer = counts.filter(|(_, count)| *count < self.workload().size(size));
        fewer
            .map(|(name, count)| {
                format!("{name} {} of `{}`", thousands(count), self.workload().name)
            })
            .collect()
    }
}

fn contestants_a_peer(options: &Options) -> usize {
    match options.set {
        Set::Scaling => WORKERS.len(),
        _ => 1,
    }
}

fn peers(options: &Options) -> Vec<&'static str> {
    let contestants = options
        .contestants
        .iter()
        .step_by(contestants_a_peer(options));
    contestants
        .map(|contestant| contestant.peer.name())
        .collect()
}

/// The plots, each once.
fn charts(rows: &[Row<'_>]) -> Vec<&'static str> {
    let mut charts = Vec::new();
    for chart in rows.iter().map(|row| row.workload().chart) {
        if !charts.contains(&chart) {
            charts.push(chart);
        }
    }
    charts
}

fn set_name(set: Set) -> &'static str {
    match set {
        Set::Usual => "usual",
        Set::Large => "large",
        Set::Scaling => "scaling",
    }
}

fn file_name(options: &Options, chart: &str) -> String {
    format!("{}-{chart}.svg", set_name(options.set))
}

fn title(chart: &str) -> &str {
    match chart {
        "threads" => "Threads that sleep",
        "switches" => "Threads that end, yield and send",
        "memory" => "Memory of threads that sleep",
        "echo" => "Echo server",
        "fetch" => "Pages fetched at once",
        "workers" => "Time with two workers by time with one",
        other => other,
    }
}

fn plot(options: &Options, chart: &str, rows: &[&Row<'_>]) -> Chart {
    let what = rows
        .iter()
        .map(|row| format!("{}: {}", row.workload().name, row.what()));
    let groups = rows.iter().map(|row| Group {
        name: row.workload().name.to_string(),
        unit: row.unit().to_string(),
        bars: row.cells(),
    });
    let series = peers(options).into_iter().map(|name| Series {
        name: name.to_string(),
        colour: colour(name),
    });
    Chart {
        title: format!("{} (less is better)", title(chart)),
        unit: rows[0].axis().to_string(),
        caption: what.chain([how(options), on_what(options)]).collect(),
        series: series.collect(),
        groups: groups.collect(),
        mark: (options.set == Set::Scaling).then_some(1.0),
    }
}

/// Of middle lightness, for both backgrounds; what is akin has akin colours.
fn colour(peer: &str) -> &'static str {
    match peer {
        "native" => "#c9a227",
        "os-threads" => "#8b949e",
        "threads" => "#b8c0c8",
        "may" => "#d97706",
        "standin-may" => "#f2b45c",
        "standin-may-pinned" => "#f5cd92",
        "tokio-current" => "#79b8ff",
        "tokio-multi" => "#2f6fdb",
        "go" => "#17a2b8",
        "green" => "#1a8f3c",
        "green-pinned" => "#7ccf8a",
        "async" => "#9a3fd1",
        "async-pinned" => "#cf9bea",
        _ => "#d6336c",
    }
}

fn how(options: &Options) -> String {
    let medians = match options.rounds {
        1 => "One round".to_string(),
        rounds => format!("Medians of {rounds} rounds, lines from the least to the most"),
    };
    format!("{medians}; {}; {}", machine::today(), options.command())
}

fn on_what(options: &Options) -> String {
    format!("{}; {}", machine::name(), machine::versions(options))
}

/// The part of the Markdown file.
fn section(options: &Options, rows: &[Row<'_>]) -> String {
    let peers = peers(options);
    let mut lines = vec![
        format!("```sh\n{}\n```\n", options.command()),
        format!(
            "On {}: {}; {}.",
            machine::today(),
            on_what(options),
            match options.set {
                Set::Scaling => "time with two workers by time with one",
                _ => "less is better",
            }
        ),
        format!("Medians of {} rounds.\n", options.rounds),
        format!("| workload | unit | {} |", peers.join(" | ")),
        format!("|---|---|{}", "---:|".repeat(peers.len())),
    ];
    for row in rows {
        let figures: Vec<String> = row
            .cells()
            .iter()
            .map(|cell| number(cell.map(|cell| cell.value)))
            .collect();
        let (name, what, unit) = (row.workload().name, row.what(), row.unit());
        lines.push(format!(
            "| `{name}`: {what} | {unit} | {} |",
            figures.join(" | ")
        ));
    }
    let fewer: Vec<String> = rows.iter().flat_map(Row::fewer).collect();
    if !fewer.is_empty() {
        lines.push(format!(
            "\nWhere so many are too many, fewer: {}.",
            fewer.join(", ")
        ));
    }
    if let (Some(folder), Some(readme)) = (&options.svg, &options.readme) {
        let beside = readme.parent().unwrap_or(Path::new(""));
        let folder = folder.strip_prefix(beside).unwrap_or(folder);
        lines.push(String::new());
        for chart in charts(rows) {
            let path = folder.join(file_name(options, chart));
            lines.push(format!("![{}]({})", title(chart), path.display()));
        }
    }
    lines.join("\n")
}

/// Replaces what stands between the marks.
fn replace(file: &Path, options: &Options, section: &str) -> io::Result<()> {
    let begin = format!("<!-- compare {} -->", set_name(options.set));
    let text = fs::read_to_string(file)?;
    let parts = text.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        let message = format!("{} has no lines {begin} and, later, {END}", file.display());
        return Err(io::Error::other(message));
    };
    fs::write(
        file,
        format!("{before}{begin}\n\n{section}\n\n{END}{after}"),
    )
}
