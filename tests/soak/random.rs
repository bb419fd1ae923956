//! Numbers that look random, from a seed: the same seed makes every thread choose the same. Which thread is
//! first is still the scheduler's choice.

use std::time::Duration;

/// A generator of its own for each thread: `xorshift64*`, by Vigna.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // The step of `splitmix64`, so that neighbouring seeds have nothing in common.
        let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((mixed ^ mixed >> 31) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// One of `0..limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit
    }

    /// True one time of so many.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A length of which short ones are as frequent as long ones: from 1 to `limit`.
    pub(crate) fn length(&mut self, limit: usize) -> usize {
        let magnitude = 1 + self.below(limit.ilog2() as usize);
        1 + self.below((1 << magnitude).min(limit))
    }

    /// Up to so many microseconds, and at least one.
    pub(crate) fn microseconds(&mut self, limit: usize) -> Duration {
        Duration::from_micros(self.length(limit) as u64)
    }
}
