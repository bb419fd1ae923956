//! What is measured, and what each peer owes for it.
//!
//! [`Peer`] is the list of obligations: every file in `peers/` fulfils it with functions of
//! the same names in the same order, so that two of them can be read side by side. [`ALL`]
//! says of each workload how large it is, what is reported and on which core it runs.

use crate::meter::Sample;
use std::io;
use std::time::Duration;

/// How long each thread of `sleep` and `blocking_sleep` sleeps.
pub(crate) const SLEEP: Duration = Duration::from_millis(10);
/// How long a parked thread would sleep if the process did not end before.
pub(crate) const PARKED: Duration = Duration::from_secs(3600);
/// How often a waiting thread of `park` looks whether all have begun.
pub(crate) const LOOK: Duration = Duration::from_millis(5);
/// How many threads there are at once in `w3batch`, and of OS threads in `w3spawn`.
pub(crate) const BATCH: u64 = 1_000;
/// Connections that the kernel may hold until a server accepts them.
pub(crate) const BACKLOG: i32 = 4096;
/// The request of `fetch`.
pub(crate) const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// What a peer runs. "Thread" stands for its own unit: an OS thread, a task, a coroutine.
///
/// A function sets the peer up (a runtime, a pool of workers), begins on a thread of the
/// peer where it has any, and measures only from there on, with [`Meter`]. It does what a
/// user of the peer would write, with the settings that the peer's documentation recommends.
///
/// [`Meter`]: crate::meter::Meter
pub(crate) trait Peer: Sync {
    /// As in the table and on the command line.
    fn name(&self) -> &'static str;

    /// How it differs from what the workload asks for; empty if it does not.
    fn note(&self, _kind: Kind) -> &'static str {
        ""
    }

    /// The most things that it does in bearable time, where that is fewer than asked for.
    fn at_most(&self, _kind: Kind) -> u64 {
        u64::MAX
    }

    /// `n` threads that sleep for [`SLEEP`] once; joins all. Does it `warm_ups` times before
    /// the time that counts.
    fn sleep(&self, n: u64, warm_ups: u64) -> io::Result<Sample>;

    /// `n` threads that have all begun and now sleep for [`PARKED`].
    fn park(&self, n: u64) -> io::Result<Sample>;

    /// As `sleep`, with a call that blocks, as code would that knows of no runtime.
    fn blocking_sleep(&self, n: u64) -> io::Result<Sample>;

    /// `n` threads that do nothing; joins all, each time that `at_once` have been spawned, or
    /// sooner where so many cannot be.
    fn spawn(&self, n: u64, at_once: u64) -> io::Result<Sample>;

    /// Two threads that yield to each other, `n` times in all.
    fn yield_in_turn(&self, n: u64) -> io::Result<Sample>;

    /// Two threads that send a number there and back through channels of capacity 1, `n`
    /// messages in all.
    fn channel(&self, n: u64) -> io::Result<Sample>;

    /// `n` threads that fetch a page at once, by hand, from 127.0.0.1 at `port`.
    fn fetch(&self, n: u64, port: u16) -> io::Result<Sample>;

    /// Listens on a free port of 127.0.0.1, calls `listening` with it, and sends back what
    /// each connection sends, a thread a connection, until it is killed.
    fn echo(&self, listening: fn(u16)) -> io::Result<()>;
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Sleep,
    SleepWarm,
    Park,
    BlockingSleep,
    Spawn,
    SpawnBatches,
    Yield,
    Channel,
    Echo,
    Fetch,
}

impl Kind {
    /// Measures `n` things of a peer; `port` is that of the server, where there is one.
    pub(crate) fn measure(self, peer: &dyn Peer, n: u64, port: u16) -> io::Result<Sample> {
        match self {
            Kind::Sleep => peer.sleep(n, 0),
            Kind::SleepWarm => peer.sleep(n, 2),
            Kind::Park => peer.park(n),
            Kind::BlockingSleep => peer.blocking_sleep(n),
            Kind::Spawn => peer.spawn(n, n),
            Kind::SpawnBatches => peer.spawn(n, BATCH),
            Kind::Yield => peer.yield_in_turn(n),
            Kind::Channel => peer.channel(n),
            Kind::Fetch => peer.fetch(n, port),
            Kind::Echo => Err(io::Error::other("echo is measured from its client")),
        }
    }
}

/// How much is done: for figures, for a look, or only to see that it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Full,
    Quick,
    Smoke,
}

pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// The word that chooses it together with its siblings.
    pub(crate) group: &'static str,
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) kind: Kind,
    /// Which of the allowed cores the peer is pinned to.
    pub(crate) core: Option<usize>,
    /// How many things, by size: full, quick, smoke. In `echo`, connections.
    sizes: [u64; 3],
    /// The figure of a sample, in `unit`.
    pub(crate) value: fn(&Sample) -> f64,
}

impl Workload {
    pub(crate) fn size(&self, size: Size) -> u64 {
        self.sizes[size as usize]
    }
}

pub(crate) fn named(name: &str) -> Option<&'static Workload> {
    ALL.iter().find(|workload| workload.name == name)
}

pub(crate) const ALL: &[Workload] = &[
    Workload {
        name: "w1",
        group: "w1",
        what: "threads that sleep 10 ms once, all joined; fresh process",
        unit: "µs a thread",
        kind: Kind::Sleep,
        core: None,
        sizes: [10_000, 10_000, 50],
        value: |sample| sample.each() * 1e6,
    },
    Workload {
        name: "w1warm",
        group: "w1warm",
        what: "as w1, the third time in one process",
        unit: "µs a thread",
        kind: Kind::SleepWarm,
        core: None,
        sizes: [10_000, 10_000, 50],
        value: |sample| sample.each() * 1e6,
    },
    Workload {
        name: "park",
        group: "park",
        what: "threads that all sleep at once: memory of one, page tables counted",
        unit: "KiB a thread",
        kind: Kind::Park,
        core: None,
        sizes: [10_000, 10_000, 50],
        value: |sample| sample.memory_kib as f64 / sample.count as f64,
    },
    Workload {
        name: "w2",
        group: "w2",
        what: "as w1, with the sleep that blocks",
        unit: "µs a thread",
        kind: Kind::BlockingSleep,
        core: None,
        sizes: [10_000, 10_000, 20],
        value: |sample| sample.each() * 1e6,
    },
    Workload {
        name: "w3spawn",
        group: "w3spawn",
        what: "empty threads, spawned before the first is joined; one core",
        unit: "ns a thread",
        kind: Kind::Spawn,
        core: Some(0),
        sizes: [100_000, 10_000, 100],
        value: |sample| sample.each() * 1e9,
    },
    Workload {
        name: "w3batch",
        group: "w3batch",
        what: "empty threads, joined after each 1,000; one core",
        unit: "ns a thread",
        kind: Kind::SpawnBatches,
        core: Some(0),
        sizes: [50_000, 10_000, 100],
        value: |sample| sample.each() * 1e9,
    },
    Workload {
        name: "w3yield",
        group: "w3yield",
        what: "yields between two threads; one core",
        unit: "ns a yield",
        kind: Kind::Yield,
        core: Some(0),
        sizes: [600_000, 200_000, 1_000],
        value: |sample| sample.each() * 1e9,
    },
    Workload {
        name: "w3chan",
        group: "w3chan",
        what: "messages between two threads, channels of capacity 1; one core",
        unit: "ns a message",
        kind: Kind::Channel,
        core: Some(0),
        sizes: [200_000, 50_000, 1_000],
        value: |sample| sample.each() * 1e9,
    },
    echo("echo100", [100, 100, 10]),
    echo("echo1000", [1_000, 1_000, 20]),
    Workload {
        name: "w6",
        group: "w6",
        what: "pages fetched at once, each answered after 50 ms; client core 0, server core 1",
        unit: "ms in all",
        kind: Kind::Fetch,
        core: Some(0),
        sizes: [1_000, 1_000, 20],
        value: |sample| sample.seconds * 1e3,
    },
];

const fn echo(name: &'static str, sizes: [u64; 3]) -> Workload {
    Workload {
        name,
        group: "echo",
        what: "connections with one message of 64 bytes in flight on each; server core 0, client core 1",
        unit: "µs of the server's CPU a request",
        kind: Kind::Echo,
        core: Some(0),
        sizes,
        value: |sample| sample.cpu / sample.count as f64 * 1e6,
    }
}

/// Fails unless all pages were fetched and are the answer of the server in `delay.rs`.
pub(crate) fn all_right(pages: &[io::Result<Vec<u8>>]) -> io::Result<()> {
    let is_right =
        |page: &[u8]| page.starts_with(b"HTTP/1.1 200 OK\r\n") && page.ends_with(b"\r\n\r\nhello");
    let right = pages.iter().flatten().filter(|page| is_right(page)).count();
    if right == pages.len() {
        return Ok(());
    }
    let first = pages.iter().find_map(|page| page.as_ref().err());
    Err(io::Error::other(format!(
        "only {right} of {} pages were right; the first error: {}",
        pages.len(),
        first.map_or("none, but wrong pages".to_string(), io::Error::to_string)
    )))
}
