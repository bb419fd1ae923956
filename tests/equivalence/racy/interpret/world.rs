//! What the threads of a racy program share, and how flags are raised and waited for.

use super::shapes::sync::{Barrier, Condvar, Mutex, OnceLock, RwLock};
use super::shapes::thread::{self, Thread};
use super::shapes::time::{Duration, Instant};
use crate::racy::program::{MUTEXES, Race, Side};
use crate::racy::spec::Answer;
use std::sync::OnceLock as Slot;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

pub struct World {
    pub clock: AtomicU64,
    pub gate: Barrier,
    pub handles: Vec<Slot<Thread>>,
    pub done: Vec<AtomicUsize>,
    pub mutexes: Vec<Mutex<u64>>,
    pub lock: RwLock<u64>,
    pub cell: OnceLock<u64>,
    pub board: (Mutex<Board>, Condvar),
    pub tokens: Vec<Token>,
}

#[derive(Clone, Copy)]
pub struct Board {
    raised: u64,
    producers: usize,
}

/// How often a thread was woken and has not noticed yet, and how many might still do it.
pub struct Token {
    raised: AtomicU64,
    producers: AtomicUsize,
}

impl World {
    pub fn new(race: &Race) -> Self {
        let (count, producers) = (race.threads.len(), race.of(Side::Produces).count());
        let token = |_| Token {
            raised: AtomicU64::new(0),
            producers: AtomicUsize::new(producers),
        };
        Self {
            clock: AtomicU64::new(0),
            gate: Barrier::new(count + 1),
            handles: (0..count).map(|_| Slot::new()).collect(),
            done: (0..count).map(|_| AtomicUsize::new(usize::MAX)).collect(),
            mutexes: (0..MUTEXES).map(|_| Mutex::new(0)).collect(),
            lock: RwLock::new(0),
            cell: OnceLock::new(),
            board: (
                Mutex::new(Board {
                    raised: 0,
                    producers,
                }),
                Condvar::new(),
            ),
            tokens: (0..count).map(token).collect(),
        }
    }

    pub fn tick(&self) -> u64 {
        self.clock.fetch_add(1, SeqCst)
    }
}

impl World {
    pub fn raise(&self, board: usize) -> Answer {
        let Some(thread) = board.checked_sub(1) else {
            self.board.0.lock().expect("nobody panics with it").raised += 1;
            self.board.1.notify_one();
            return Answer::Done;
        };
        self.tokens[thread].raised.fetch_add(1, SeqCst);
        self.unpark(thread);
        Answer::Done
    }

    pub fn close(&self, board: usize) -> Answer {
        let Some(thread) = board.checked_sub(1) else {
            self.board
                .0
                .lock()
                .expect("nobody panics with it")
                .producers -= 1;
            self.board.1.notify_all();
            return Answer::Done;
        };
        self.tokens[thread].producers.fetch_sub(1, SeqCst);
        self.unpark(thread);
        Answer::Done
    }

    fn unpark(&self, thread: usize) {
        self.handles[thread]
            .get()
            .expect("all have come to the gate")
            .unpark();
    }

    pub fn wait(&self, time: Option<Duration>) -> Answer {
        let (board, changed) = &self.board;
        let guard = board.lock().expect("nobody panics with it");
        let is_missing = |board: &mut Board| board.raised == 0 && board.producers > 0;
        let mut guard = match time {
            None => changed
                .wait_while(guard, is_missing)
                .expect("nobody panics with it"),
            Some(time) => {
                let waited = changed.wait_timeout_while(guard, time, is_missing);
                let (guard, result) = waited.expect("nobody panics with it");
                if result.timed_out() {
                    return Answer::TimedOut;
                }
                guard
            }
        };
        if guard.raised == 0 {
            return Answer::Gone;
        }
        guard.raised -= 1;
        Answer::Done
    }
}

impl Token {
    pub fn wait(&self, time: Option<Duration>) -> Answer {
        let start = Instant::now();
        loop {
            // First: nobody raises it after this.
            let is_closed = self.producers.load(SeqCst) == 0;
            if self.raised.load(SeqCst) > 0 {
                self.raised.fetch_sub(1, SeqCst);
                return Answer::Done;
            }
            if is_closed {
                return Answer::Gone;
            }
            // An unpark that comes now must not be lost.
            thread::yield_now();
            let Some(time) = time else {
                thread::park();
                continue;
            };
            let Some(rest) = time.checked_sub(start.elapsed()) else {
                return Answer::TimedOut;
            };
            thread::park_timeout(rest);
        }
    }
}
