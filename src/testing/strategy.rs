//! Strategies for proptest: what decides how threads meet and how streams are cut. For the feature `proptest`.
//!
//! Each shrinks to what is plain: no delay, one piece, one thread after another. So what proptest shows in the end
//! has in it only what the failure needs.
//!
//! ```
//! use proptest::prelude::*;
//! use standin::testing::{Shaken, prop_equivalent, strategy};
//! use std::io::{BufRead, BufReader};
//!
//! proptest! {
//!     # #![proptest_config(ProptestConfig { failure_persistence: None, cases: 20, ..Default::default() })]
//!     fn lines_do_not_depend_on_the_pieces(shakes in strategy::shakes()) {
//!         let lines = prop_equivalent(&shakes, |shakes| {
//!             let stream = BufReader::new(Shaken::new(&b"one\ntwo\n"[..], shakes.clone()));
//!             stream.lines().collect::<Result<Vec<_>, _>>().unwrap()
//!         })?;
//!         prop_assert_eq!(lines, ["one", "two"]);
//!     }
//! }
//! # fn main() { lines_do_not_depend_on_the_pieces() }
//! ```

use super::{Delay, Equivalence, Shake};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::subsequence;
use proptest::test_runner::TestCaseError;
use std::fmt::Debug;
use std::time::Duration;

/// [`assert_equivalent`](super::assert_equivalent) for the body of a property: calls `f` with `input` everywhere,
/// and returns what it returned. The input is told if `f` hangs, since proptest then has no occasion to.
///
/// For more than one call at each place, `Equivalence::new().times(3).check(|| ..)?.into_result()?` does as
/// well: its errors become proptest's.
///
/// # Errors
///
/// That the case failed: two calls ended differently, `f` panicked everywhere, or some engine could not start
/// a thread.
///
/// # Aborts
///
/// If `f` does not end: see [What hangs](super#what-hangs).
#[track_caller]
pub fn prop_equivalent<I, T, F>(input: &I, f: F) -> Result<T, TestCaseError>
where
    I: Debug + Sync,
    T: PartialEq + Debug + Send,
    F: Fn(&I) -> T + Sync,
{
    let note = format!("{input:?}");
    let agreement = Equivalence::new().note(note).check(|| f(input))?;
    Ok(agreement.into_result()?)
}

/// How many threads there are to be: 1 to `most`, fewer first.
///
/// # Panics
///
/// If `most` is 0.
pub fn threads(most: usize) -> impl Strategy<Value = usize> {
    assert!(most > 0, "there has to be a thread");
    1..=most
}

/// What a thread does before it goes on: nothing, a few yields, or a sleep of up to half a millisecond.
pub fn delay() -> impl Strategy<Value = Delay> {
    prop_oneof![
        4 => Just(Delay::None),
        3 => (1..=4_u32).prop_map(Delay::Yields),
        1 => (1..=500_u64).prop_map(|micros| Delay::Sleeps(Duration::from_micros(micros))),
    ]
}

/// A schedule for `threads` threads with `points` points each at which they call [`Delay::wait`].
pub fn delays(threads: usize, points: usize) -> impl Strategy<Value = Vec<Vec<Delay>>> {
    vec(vec(delay(), points), threads)
}

/// Orders of what several actors do, for [`Turns`](super::Turns): actor `n` has `operations[n]` turns. Each order is
/// equally likely; it shrinks to that in which the actors come one after another.
pub fn interleavings(operations: &[usize]) -> impl Strategy<Value = Vec<usize>> + use<> {
    let actors = operations.iter().enumerate();
    let order: Vec<usize> = actors
        .flat_map(|(actor, turns)| std::iter::repeat_n(actor, *turns))
        .collect();
    Just(order).prop_shuffle()
}

/// Ways to cut bytes into pieces of at least one byte, which together are the bytes: for a parser that is fed
/// piece by piece. It shrinks to fewer pieces.
pub fn chunkings(bytes: impl Into<Vec<u8>>) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let bytes = bytes.into();
    let places: Vec<usize> = (1..bytes.len()).collect();
    let most = places.len();
    subsequence(places, 0..=most).prop_map(move |cuts| {
        let starts = std::iter::once(0).chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain([bytes.len()]);
        let pieces = starts
            .zip(ends)
            .map(|(start, end)| bytes[start..end].to_vec());
        pieces.filter(|piece| !piece.is_empty()).collect()
    })
}

/// How a [`Shaken`](super::Shaken) stream is cut and delayed: up to 8 operations, which repeat, of up to 16 bytes.
pub fn shakes() -> impl Strategy<Value = Vec<Shake>> {
    let shake = (1..=16_usize, delay()).prop_map(|(at_most, delay)| Shake { at_most, delay });
    vec(shake, 0..=8)
}
