//! Delays, streams cut into pieces, and noise: what makes a run differ from the smooth one.

use crate::thread;
use crate::time::Duration;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Sometimes does nothing, sometimes yields, sometimes sleeps for up to 100 µs, at random: called where threads
/// meet, it makes them meet in more ways. Combine it with [`Equivalence::times`](super::Equivalence::times).
///
/// It is not reproducible, and no schedule is promised. What it finds is a fault; that it finds nothing proves
/// nothing. [`Turns`](super::Turns) and [`Delay`] say a schedule instead.
pub fn noise() {
    const NOTHING: u64 = 8;
    const YIELDS: u64 = 14;
    let random = random();
    let amount = random >> 32;
    match random % 16 {
        0..NOTHING => {}
        NOTHING..YIELDS => Delay::Yields(1 + (amount % 4) as u32).wait(),
        _ => Delay::Sleeps(Duration::from_micros(1 + amount % 100)).wait(),
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014), from a seed that differs from process to process.
fn random() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let seed = *SEED.get_or_init(|| RandomState::new().hash_one(std::process::id()));
    let step = DRAWN.fetch_add(1, Relaxed);
    let mut z = seed.wrapping_add(step.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// What a thread does at some point before it goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delay {
    /// Nothing.
    #[default]
    None,
    /// Yields so many times.
    Yields(u32),
    /// Sleeps so long, at least.
    Sleeps(Duration),
}

impl Delay {
    /// Does it, in the calling thread.
    pub fn wait(self) {
        match self {
            Self::None => {}
            Self::Yields(times) => (0..times).for_each(|_| thread::yield_now()),
            Self::Sleeps(duration) => thread::sleep(duration),
        }
    }
}

/// How one read or write of a [`Shaken`] stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shake {
    /// It moves no more bytes than this, of which it gets at least one.
    pub at_most: usize,
    /// What comes before it.
    pub delay: Delay,
}

/// A stream whose reads and writes move few bytes and come late, as those of a slow network do: short reads and
/// writes are allowed always, and code that does not expect them works until the day they come.
///
/// Each operation takes the next [`Shake`]; after the last comes the first again. With no shakes, the stream
/// is as it was.
///
/// ```
/// use standin::testing::{Delay, Shake, Shaken};
/// use std::io::Read;
///
/// let shakes = [Shake { at_most: 2, delay: Delay::Yields(1) }, Shake { at_most: 1, delay: Delay::None }];
/// let mut stream = Shaken::new(&b"hello"[..], shakes);
/// let mut buffer = [0; 16];
/// assert_eq!(stream.read(&mut buffer)?, 2);
/// assert_eq!(stream.read(&mut buffer)?, 1);
/// assert_eq!(stream.read(&mut buffer)?, 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Shaken<S> {
    stream: S,
    shakes: Vec<Shake>,
    operations: usize,
}

impl<S> Shaken<S> {
    /// Shakes a stream.
    pub fn new(stream: S, shakes: impl Into<Vec<Shake>>) -> Self {
        Self {
            stream,
            shakes: shakes.into(),
            operations: 0,
        }
    }

    /// The stream itself.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream itself; what is done with it directly is not shaken.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream, which is not shaken any more.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// Waits as the next operation has to, and returns how many of `wanted` bytes it may move.
    fn next(&mut self, wanted: usize) -> usize {
        if self.shakes.is_empty() {
            return wanted;
        }
        let shake = self.shakes[self.operations % self.shakes.len()];
        self.operations += 1;
        shake.delay.wait();
        // None at all would mean the end of the stream.
        wanted.min(shake.at_most.max(1))
    }
}

impl<S: Read> Read for Shaken<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.next(buffer.len());
        self.stream.read(&mut buffer[..length])
    }
}

impl<S: Write> Write for Shaken<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let length = self.next(buffer.len());
        self.stream.write(&buffer[..length])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
