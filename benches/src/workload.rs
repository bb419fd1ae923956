//! What is measured, and what each peer owes for it.
//!
//! [`Peer`] is the list of obligations: every file in `peers/` fulfils it with functions of
//! the same names in the same order, so that two of them can be read side by side.
//! `workloads.rs` says of each workload how large it is, what is reported and on which core it
//! runs.

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
/// How many threads of `spawners` spawn others, and how many each has at once.
pub(crate) const SPAWNERS: u64 = 4;
pub(crate) const BATCH_OF_SPAWNER: u64 = 100;
/// How many pairs of threads send to each other in `pairs`.
pub(crate) const PAIRS: u64 = 64;
/// How many threads send to one in `senders`, and how much their channel holds.
pub(crate) const SENDERS: u64 = 8;
pub(crate) const CAPACITY: usize = 100;
/// Connections that the kernel may hold until a server accepts them.
pub(crate) const BACKLOG: i32 = 4096;
/// Steps of a [`piece`].
pub(crate) const PIECE: u64 = 100_000;
/// Different pieces.
pub(crate) const SEEDS: u64 = 16;
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

    /// Whether it is measured at all.
    fn takes_part(&self, _kind: Kind) -> bool {
        true
    }

    /// The most things that it does in bearable time, where that is fewer than asked for.
    fn at_most(&self, _kind: Kind) -> u64 {
        u64::MAX
    }

    /// Whether it has workers, whose number [`process::workers`] says. One that has none is given
    /// so many cores.
    ///
    /// [`process::workers`]: crate::process::workers
    fn has_workers(&self) -> bool {
        true
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

    /// As `spawn`, by each of [`SPAWNERS`] threads at the same time, [`BATCH_OF_SPAWNER`] at once, and `n` in all.
    fn spawn_from_many(&self, n: u64) -> io::Result<Sample>;

    /// Two threads that yield to each other, `n` times in all.
    fn yield_in_turn(&self, n: u64) -> io::Result<Sample>;

    /// `pairs` of threads that send a number there and back through channels of capacity 1,
    /// `n` messages in all.
    fn channel(&self, pairs: u64, n: u64) -> io::Result<Sample>;

    /// [`SENDERS`] threads that send to one through a channel of [`CAPACITY`], `n` messages in
    /// all.
    fn send_to_one(&self, n: u64) -> io::Result<Sample>;

    /// `n` threads that compute a [`piece`] each; joins all.
    fn compute(&self, n: u64) -> io::Result<Sample>;

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
    SpawnFromMany,
    Yield,
    Channel,
    Channels,
    SendToOne,
    Compute,
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
            Kind::SpawnFromMany => peer.spawn_from_many(n),
            Kind::Yield => peer.yield_in_turn(n),
            Kind::Channel => peer.channel(1, n),
            Kind::Channels => peer.channel(PAIRS, n),
            Kind::SendToOne => peer.send_to_one(n),
            Kind::Compute => peer.compute(n),
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

/// Which run a workload belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Set {
    Usual,
    /// With so many threads that not all peers can do it, or none quickly.
    Large,
    /// Measured with one worker and with two.
    Scaling,
}

pub(crate) struct Workload {
    pub(crate) set: Set,
    pub(crate) name: &'static str,
    /// The word that chooses it together with its siblings.
    pub(crate) group: &'static str,
    /// Those that are in one plot, with the same unit.
    pub(crate) chart: &'static str,
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) kind: Kind,
    /// Which of the allowed cores the peer is pinned to.
    pub(crate) core: Option<usize>,
    /// How many things, by size: full, quick, smoke. In `echo`, connections.
    pub(crate) sizes: [u64; 3],
    /// The figure of a sample, in `unit`.
    pub(crate) value: fn(&Sample) -> f64,
}

impl Workload {
    pub(crate) fn size(&self, size: Size) -> u64 {
        self.sizes[size as usize]
    }
}

/// Some 200 µs of work of a core, whose result hangs on every step.
pub(crate) fn piece(index: u64) -> u64 {
    (0..PIECE).fold(index % SEEDS, |x, step| {
        (x ^ step)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(31)
    })
}

/// Fails unless these are the results of all pieces.
pub(crate) fn all_computed(results: &[u64]) -> io::Result<()> {
    let seeds: Vec<u64> = (0..SEEDS).map(piece).collect();
    let right = seeds
        .iter()
        .cycle()
        .zip(results)
        .filter(|(right, result)| right == result);
    match right.count() {
        count if count == results.len() => Ok(()),
        count => Err(io::Error::other(format!(
            "only {count} of {} results were right",
            results.len()
        ))),
    }
}

/// Fails unless the receiver of `send_to_one` got what was sent: each sender counts up from 0.
pub(crate) fn all_received(sum: u64, n: u64) -> io::Result<()> {
    let each = n / SENDERS;
    match each * (each - 1) / 2 * SENDERS {
        sent if sent == sum => Ok(()),
        sent => Err(io::Error::other(format!(
            "sent {sent} in sum, and received {sum}"
        ))),
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
