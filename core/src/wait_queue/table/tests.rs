//! The table under load, on words that were chosen to share buckets.

use super::super::{Wait, requeue, wait, wake};
use super::{BUCKETS, TABLE, index};
use crate::Instant;
use crate::context;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

const WAITERS: usize = 6;
const WAKERS: usize = 2;

/// Two buckets with this many words each.
const WORDS: usize = 3;

#[test]
fn wakes_and_woken_are_the_same_number_and_the_lists_stay_whole() {
    const WAITS: usize = if cfg!(debug_assertions) {
        20_000
    } else {
        100_000
    };

    let memory: Vec<AtomicU32> = (0..BUCKETS * 8).map(|_| AtomicU32::new(0)).collect();
    let words = colliding(&memory);
    let at_work = AtomicUsize::new(WAITERS);
    let woken = AtomicUsize::new(0);
    let ended = AtomicUsize::new(0);

    thread::scope(|scope| {
        for seed in 0..WAITERS {
            let (words, at_work, ended) = (&words, &at_work, &ended);
            scope.spawn(move || {
                let _leave = Leave(at_work);
                let mut random = Random::new(seed);
                for _ in 0..WAITS {
                    let word = words[random.below(words.len())];
                    let deadline = match random.below(4) {
                        0 => None,
                        1 => Some(context::now()),
                        _ => context::now()
                            .checked_add(Duration::from_micros(random.below(60) as u64)),
                    };
                    match wait(word, word.load(Relaxed), deadline) {
                        Wait::Woken => _ = ended.fetch_add(1, Relaxed),
                        Wait::TimedOut => {
                            assert!(deadline.is_some_and(|deadline| deadline <= Instant::system()))
                        }
                        Wait::Changed => {}
                        Wait::Interrupted => unreachable!("no flag was given"),
                    }
                }
            });
        }
        for seed in 0..WAKERS {
            let (words, at_work, woken) = (&words, &at_work, &woken);
            scope.spawn(move || {
                let mut random = Random::new(WAITERS + seed);
                // Those without a deadline need somebody as long as they last.
                while at_work.load(Relaxed) > 0 {
                    let word = words[random.below(words.len())];
                    let count = 1 + random.below(3);
                    let chosen = match random.below(8) {
                        0 => {
                            word.fetch_add(1, Relaxed);
                            wake(word, usize::MAX)
                        }
                        1..=3 => {
                            let to = words[random.below(words.len())];
                            let result = requeue(word, word.load(Relaxed), to, count - 1);
                            result.map_or(0, |(woken, _)| woken)
                        }
                        4 => {
                            TABLE.lock(ptr::from_ref(word).addr()).check();
                            0
                        }
                        _ => wake(word, count),
                    };
                    woken.fetch_add(chosen, Relaxed);
                }
            });
        }
    });

    assert_eq!(woken.load(Relaxed), ended.load(Relaxed));
    assert!(woken.load(Relaxed) > 0);
    for word in words {
        let address = ptr::from_ref(word).addr();
        assert!(
            !TABLE.lock(address).check().contains_key(&address),
            "somebody was left"
        );
    }
}

#[test]
fn a_requeue_between_words_of_one_bucket_keeps_the_order() {
    let memory: Vec<AtomicU32> = (0..BUCKETS * 8).map(|_| AtomicU32::new(0)).collect();
    let words = colliding(&memory);
    let (from, to) = (words[0], words[1]);
    let order = AtomicUsize::new(0);
    let waiting_on = |word| requeue(word, 0, word, 0).unwrap().1;
    thread::scope(|scope| {
        let order = &order;
        for (place, word) in [(1, from), (2, from), (0, to)] {
            let before = waiting_on(word);
            scope.spawn(move || {
                assert_eq!(wait(word, 0, None), Wait::Woken);
                assert_eq!(order.fetch_add(1, Relaxed), place);
            });
            while waiting_on(word) == before {
                thread::yield_now();
            }
        }
        assert_eq!(requeue(from, 0, to, 0), Some((0, 2)));
        for place in 0..3 {
            assert_eq!(wake(to, 1), 1);
            while order.load(Relaxed) == place {
                thread::yield_now();
            }
        }
    });
}

#[test]
fn the_buckets_are_filled_evenly() {
    // Words in neighbouring cache lines and in neighbouring pages: at most a few to a bucket.
    for stride in [4, 64, 4096, 65536] {
        let mut filled = vec![0_u8; BUCKETS];
        for word in 0..BUCKETS {
            filled[index(0x7f00_0000_0000 + word * stride)] += 1;
        }
        assert!(filled.iter().all(|count| *count <= 8), "stride {stride}");
    }
}

/// [`WORDS`] words of one bucket, and as many of another.
fn colliding(memory: &[AtomicU32]) -> Vec<&AtomicU32> {
    let mut buckets = vec![Vec::new(); BUCKETS];
    for word in memory {
        buckets[index(ptr::from_ref(word).addr())].push(word);
    }
    let full = buckets.into_iter().filter(|words| words.len() >= WORDS);
    let words: Vec<_> = full
        .take(2)
        .flat_map(|words| words.into_iter().take(WORDS))
        .collect();
    assert_eq!(words.len(), 2 * WORDS);
    words
}

/// Takes one off a count when its thread ends, by a panic too.
struct Leave<'a>(&'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

struct Random(u64);

impl Random {
    fn new(seed: usize) -> Self {
        Self((seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as usize % bound
    }
}
