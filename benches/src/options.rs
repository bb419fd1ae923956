//! The command line of `compare`.

use crate::peers;
use crate::workload::{self, Peer, Size, Workload};
use lexopt::{Arg, Parser, ValueExt};
use std::error::Error;
use std::time::Duration;

pub(crate) struct Options {
    pub(crate) size: Size,
    pub(crate) rounds: usize,
    /// How long the whole run may take.
    pub(crate) budget: Duration,
    /// How long one sample may take.
    pub(crate) limit: Duration,
    pub(crate) workloads: Vec<&'static Workload>,
    pub(crate) peers: Vec<&'static dyn Peer>,
    /// The words that were given.
    pub(crate) words: Vec<String>,
}

/// What to run; `None` if there is nothing to run.
///
/// # Errors
///
/// A word that is none of `usage`.
pub(crate) fn parse() -> Result<Option<Options>, Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    if has("--list") {
        // A test runner asks for the names of tests.
        return Ok(None);
    }
    // Only `cargo bench` says `--bench`. Other words are then for test harnesses.
    if !has("--bench") || has("--test") {
        println!("only a smoke run: `cargo bench -p standin-benches --bench compare` measures");
        return Ok(Some(Options::new(Size::Smoke, Vec::new())));
    }
    let given = words.iter().filter(|word| *word != "--bench");
    let given: Vec<String> = given.cloned().collect();
    if has("--help") {
        println!("{}", usage());
        return Ok(None);
    }
    let size = if has("--quick") {
        Size::Quick
    } else {
        Size::Full
    };
    let mut options = Options::new(size, given.clone());
    let mut chosen = Vec::new();
    let mut parser = Parser::from_args(given);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("quick") => {}
            Arg::Long("rounds") => {
                options.rounds = parser.value()?.parse()?;
                // Whoever wants many rounds gets them.
                options.budget = Duration::MAX;
            }
            Arg::Long("peers") => {
                let names = parser.value()?.string()?;
                options.peers = names.split(',').map(peer).collect::<Result<_, _>>()?;
            }
            Arg::Value(word) => chosen.push(word.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    if options.rounds == 0 {
        return Err("--rounds 0 measures nothing".into());
    }
    for word in &chosen {
        if !workload::ALL
            .iter()
            .any(|workload| is_named(workload, word))
        {
            return Err(format!("there is no workload {word:?}").into());
        }
    }
    if !chosen.is_empty() {
        let is_chosen = |workload: &&Workload| chosen.iter().any(|word| is_named(workload, word));
        options.workloads.retain(is_chosen);
    }
    Ok(Some(options))
}

pub(crate) fn usage() -> String {
    let mut workloads: Vec<_> = workload::ALL.iter().map(|w| w.group).collect();
    workloads.dedup();
    let peers: Vec<_> = peers::ALL.iter().map(|peer| peer.name()).collect();
    format!(
        "usage: cargo bench -p standin-benches --bench compare -- \
         [--quick] [--rounds N] [--peers PEER,..] [WORKLOAD..]\n\
         workloads: {}\npeers: {}",
        workloads.join(" "),
        peers.join(" ")
    )
}

impl Options {
    fn new(size: Size, words: Vec<String>) -> Options {
        let seconds = Duration::from_secs;
        let (rounds, budget, limit) = match size {
            Size::Full => (3, seconds(350), seconds(30)),
            Size::Quick => (1, seconds(55), seconds(8)),
            Size::Smoke => (1, Duration::MAX, seconds(60)),
        };
        Options {
            size,
            rounds,
            budget,
            limit,
            workloads: workload::ALL.iter().collect(),
            peers: peers::ALL.to_vec(),
            words,
        }
    }
}

fn peer(name: &str) -> Result<&'static dyn Peer, String> {
    peers::named(name).ok_or_else(|| format!("there is no peer {name:?}"))
}

fn is_named(workload: &Workload, word: &str) -> bool {
    workload.name == word || workload.group == word
}
