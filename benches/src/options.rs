//! The command line of `compare`.

use crate::child::Contestant;
use crate::peers;
use crate::workload::{Peer, Set, Size, Workload};
use crate::workloads;
use lexopt::{Arg, Parser, ValueExt};
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) struct Options {
    pub(crate) size: Size,
    pub(crate) set: Set,
    pub(crate) rounds: usize,
    /// How long the whole run may take.
    pub(crate) budget: Duration,
    /// How long one sample may take.
    pub(crate) limit: Duration,
    pub(crate) workloads: Vec<&'static Workload>,
    /// In the order of the tables; in `--scaling` each peer with one worker, and then with two.
    pub(crate) contestants: Vec<Contestant>,
    /// The folder that plots go to.
    pub(crate) svg: Option<PathBuf>,
    /// The file whose tables are replaced.
    pub(crate) readme: Option<PathBuf>,
    /// The words that were given.
    pub(crate) words: Vec<String>,
}

/// What `--scaling` compares.
pub(crate) const WORKERS: [usize; 2] = [1, 2];

/// The runs that are asked for; none if there is nothing to run.
///
/// # Errors
///
/// A word that is none of `usage`.
pub(crate) fn parse() -> Result<Vec<Options>, Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    if has("--list") {
        // A test runner asks for the names of tests.
        return Ok(Vec::new());
    }
    // Only `cargo bench` says `--bench`. Other words are then for test harnesses.
    if !has("--bench") || has("--test") {
        println!("only a smoke run: `cargo bench -p standin-benches --bench compare` measures");
        // The large set is the usual one but for its size.
        let sets = [Set::Usual, Set::Scaling];
        return Ok(sets
            .map(|set| Options::new(Size::Smoke, set, Vec::new()))
            .into());
    }
    let given = words.iter().filter(|word| *word != "--bench");
    let given: Vec<String> = given.cloned().collect();
    if has("--help") {
        println!("{}", usage());
        return Ok(Vec::new());
    }
    let size = if has("--quick") {
        Size::Quick
    } else {
        Size::Full
    };
    let set = match (has("--large"), has("--scaling")) {
        (false, false) => Set::Usual,
        (true, false) => Set::Large,
        (false, true) => Set::Scaling,
        (true, true) => return Err("--large and --scaling are two runs".into()),
    };
    let mut options = Options::new(size, set, given.clone());
    let mut chosen = Vec::new();
    let mut parser = Parser::from_args(given);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("quick" | "large" | "scaling") => {}
            Arg::Long("rounds") => {
                options.rounds = parser.value()?.parse()?;
                // Whoever wants many rounds gets them.
                options.budget = Duration::MAX;
            }
            Arg::Long("peers") => {
                let names = parser.value()?.string()?;
                let peers: Vec<_> = names.split(',').map(peer).collect::<Result<_, _>>()?;
                options.contestants = contestants(&peers, workers(set));
            }
            Arg::Long("svg") => options.svg = Some(in_repository(parser.value()?)),
            Arg::Long("readme") => options.readme = Some(in_repository(parser.value()?)),
            Arg::Value(word) => chosen.push(word.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    if options.rounds == 0 {
        return Err("--rounds 0 measures nothing".into());
    }
    if !chosen.is_empty() {
        options.workloads = choose(set, &chosen)?;
    }
    Ok(vec![options])
}

pub(crate) fn usage() -> String {
    let names = |set: Set| {
        let of_set = workloads::ALL.iter().filter(|workload| workload.set == set);
        of_set
            .map(|workload| workload.name)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let peers: Vec<_> = peers::ALL.iter().map(|peer| peer.name()).collect();
    format!(
        "usage: cargo bench -p standin-benches --bench compare -- \
         [--quick] [--large|--scaling] [--rounds N] [--peers PEER,..] [--svg FOLDER] [--readme FILE] [WORKLOAD..]\n\
         workloads: {}\n\
         with --large: {}\n\
         with --scaling, two workers beside one: {}\n\
         peers: {}",
        names(Set::Usual),
        names(Set::Large),
        names(Set::Scaling),
        peers.join(" ")
    )
}

impl Options {
    /// What was asked for, as one would type it; without where it is saved.
    pub(crate) fn command(&self) -> String {
        let mut words = Vec::new();
        let mut given = self.words.iter();
        while let Some(word) = given.next() {
            match word.as_str() {
                "--svg" | "--readme" => drop(given.next()),
                word => words.push(word),
            }
        }
        let command = "cargo bench -p standin-benches --bench compare";
        match words.is_empty() {
            true => command.to_string(),
            false => format!("{command} -- {}", words.join(" ")),
        }
    }

    fn new(size: Size, set: Set, words: Vec<String>) -> Options {
        let seconds = Duration::from_secs;
        let (rounds, budget, limit) = match (size, set) {
            (Size::Full, Set::Usual) => (3, seconds(350), seconds(30)),
            (Size::Full, Set::Large) => (3, seconds(900), seconds(60)),
            (Size::Full, Set::Scaling) => (7, seconds(600), seconds(30)),
            (Size::Quick, _) => (1, seconds(55), seconds(8)),
            (Size::Smoke, _) => (1, Duration::MAX, seconds(60)),
        };
        let of_set = workloads::ALL.iter().filter(|workload| workload.set == set);
        Options {
            size,
            set,
            rounds,
            budget,
            limit,
            workloads: of_set.collect(),
            contestants: contestants(&default_peers(size, set), workers(set)),
            svg: None,
            readme: None,
            words,
        }
    }
}

/// The numbers of workers; `None` leaves it to the peer.
fn workers(set: Set) -> &'static [Option<usize>] {
    match set {
        Set::Scaling => &[Some(WORKERS[0]), Some(WORKERS[1])],
        _ => &[None],
    }
}

fn contestants(peers: &[&'static dyn Peer], workers: &[Option<usize>]) -> Vec<Contestant> {
    let pairs = peers
        .iter()
        .flat_map(|peer| workers.iter().map(move |workers| (*peer, *workers)));
    pairs
        .map(|(peer, workers)| Contestant { peer, workers })
        .collect()
}

/// Those of the tables in the README; all for a smoke run.
fn default_peers(size: Size, set: Set) -> Vec<&'static dyn Peer> {
    let has_go = peers::go_version().is_some();
    if !has_go {
        eprintln!("{}: not measured, there is no Go compiler", peers::GO);
    }
    let is_left_out = |name: &str| match set {
        _ if name == peers::GO => !has_go,
        // Some of the others are the same with one worker and with two, or cannot do the large ones.
        Set::Scaling | Set::Large if name == "threads" || name.starts_with("standin-may") => true,
        Set::Scaling => matches!(name, "native" | "tokio-current"),
        Set::Large => name == "os-threads",
        Set::Usual => size != Size::Smoke && name.starts_with("standin-may"),
    };
    let all = peers::ALL.iter().copied();
    all.filter(|peer| !is_left_out(peer.name())).collect()
}

/// Cargo runs benches in the folder of their package.
fn in_repository(path: OsString) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn choose(set: Set, words: &[String]) -> Result<Vec<&'static Workload>, String> {
    let is_named = |workload: &Workload, word: &String| {
        workload.name == word || (workload.set == set && workload.group == word)
    };
    let unknown = words.iter().find(|word| {
        !workloads::ALL
            .iter()
            .any(|workload| is_named(workload, word))
    });
    if let Some(word) = unknown {
        return Err(format!("there is no workload {word:?} here"));
    }
    let is_chosen = |workload: &&Workload| words.iter().any(|word| is_named(workload, word));
    Ok(workloads::ALL.iter().filter(is_chosen).collect())
}

fn peer(name: &str) -> Result<&'static dyn Peer, String> {
    peers::named(name).ok_or_else(|| format!("there is no peer {name:?}"))
}
