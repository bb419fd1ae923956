//! Racy programs: threads that do what they do to a few shared objects, in no agreed order.
//!
//! The schedule decides what they see. So nothing is compared: `spec.rs` says what each object may answer,
//! `linearize.rs` whether an order explains all answers of a run, and `model.rs` which answers there are at
//! all.
//!
//! No program has a deadlock. A thread produces (sends, raises, wakes) or consumes (receives, waits, parks),
//! never both; producers say when they end; locks are held across nothing that waits. Where a channel is
//! bounded, a producer may wait for the consumers, so they wait for all else with timeouts only.

use crate::program::Via;
use std::fmt;

pub const MUTEXES: usize = 2;

/// A program. After the threads there is one more, the main thread, which joins them and then looks at all
/// that is left.
#[derive(Clone, PartialEq)]
pub struct Race {
    pub channel: Via,
    /// The main thread receives what the consumers have left.
    pub drains: bool,
    pub threads: Vec<Worker>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    pub side: Side,
    pub ops: Vec<Op>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Produces,
    Consumes,
}

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// Locks, reads, writes the sum.
    Add {
        mutex: usize,
        add: u64,
    },
    TryAdd {
        mutex: usize,
        add: u64,
    },
    /// The same, with the lock for readers and writers.
    Read,
    TryRead,
    Write {
        add: u64,
    },
    TryWrite {
        add: u64,
    },
    /// What it sends is no other's.
    Send,
    TrySend,
    Receive,
    TryReceive,
    ReceiveFor {
        micros: u64,
    },
    /// For whoever waits on the condition variable.
    Raise,
    Await,
    AwaitFor {
        micros: u64,
    },
    /// Raises the flag of a thread, and unparks it.
    Wake {
        thread: usize,
    },
    Park,
    ParkFor {
        micros: u64,
    },
    /// Initialises what all share, if nobody has.
    Init,
    Yield,
    Sleep {
        micros: u64,
    },
}

/// What is done to an object in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Lock(usize),
    TryLock(usize),
    /// Adds, and leaves.
    Unlock(usize, u64),
    Read,
    TryRead,
    EndRead,
    Write,
    TryWrite,
    EndWrite(u64),
    Send(u64),
    /// The two halves of a send through a channel without room.
    Offer(u64),
    Taken(u64),
    TrySend(u64),
    Receive,
    TryReceive,
    ReceiveFor(u64),
    LeaveSender,
    LeaveReceiver,
    /// Board 0 is a condition variable's; each other is the flag of a thread.
    Raise(usize),
    Await(usize),
    AwaitFor(usize, u64),
    Close(usize),
    Init(u64),
    Yield,
    Sleep(u64),
    /// The main thread's.
    Join(usize),
    /// A receive that is done again until all senders are gone.
    Drain,
}

impl Race {
    /// A program out of any: what a thread of its side may not do becomes a yield.
    pub fn new(channel: Via, drains: bool, mut threads: Vec<Worker>) -> Self {
        let consumers: Vec<_> = (0..threads.len())
            .filter(|thread| threads[*thread].side == Side::Consumes)
            .collect();
        for worker in &mut threads {
            let produces = worker.side == Side::Produces;
            for op in &mut worker.ops {
                *op = match *op {
                    Op::Add { mutex, add } => Op::Add {
                        mutex: mutex % MUTEXES,
                        add,
                    },
                    Op::TryAdd { mutex, add } => Op::TryAdd {
                        mutex: mutex % MUTEXES,
                        add,
                    },
                    // A receiver has to wait at that very moment.
                    Op::TrySend if channel == Via::Rendezvous => Op::Yield,
                    Op::Send | Op::TrySend | Op::Raise if !produces => Op::Yield,
                    Op::Wake { .. } if !produces || consumers.is_empty() => Op::Yield,
                    Op::Wake { thread } => Op::Wake {
                        thread: consumers[thread % consumers.len()],
                    },
                    Op::Receive | Op::TryReceive | Op::ReceiveFor { .. } if produces => Op::Yield,
                    Op::Await | Op::AwaitFor { .. } | Op::Park | Op::ParkFor { .. } if produces => {
                        Op::Yield
                    }
                    Op::Await if channel != Via::Unbounded => Op::AwaitFor { micros: 200 },
                    Op::Park if channel != Via::Unbounded => Op::ParkFor { micros: 200 },
                    op => op,
                };
            }
        }
        Self {
            channel,
            drains,
            threads,
        }
    }

    pub fn of(&self, side: Side) -> impl Iterator<Item = usize> {
        (0..self.threads.len()).filter(move |thread| self.threads[*thread].side == side)
    }

    /// The boards: one, and one for each thread.
    pub fn boards(&self) -> usize {
        self.threads.len() + 1
    }

    /// What each thread does, step by step. The last is the main thread's.
    pub fn scripts(&self) -> Vec<Vec<Action>> {
        let mut scripts: Vec<_> = (0..self.threads.len())
            .map(|thread| self.script(thread))
            .collect();
        let mut main: Vec<_> = self.of(Side::Consumes).map(Action::Join).collect();
        if self.drains {
            main.extend([Action::Drain, Action::LeaveReceiver]);
        }
        main.extend(self.of(Side::Produces).map(Action::Join));
        for mutex in 0..MUTEXES {
            main.extend([Action::Lock(mutex), Action::Unlock(mutex, 0)]);
        }
        main.extend([Action::Read, Action::EndRead, Action::Init(0)]);
        scripts.push(main);
        scripts
    }

    fn script(&self, thread: usize) -> Vec<Action> {
        let worker = &self.threads[thread];
        let mut script = Vec::new();
        for (place, op) in worker.ops.iter().enumerate() {
            let own = (thread * 100 + place + 1) as u64;
            match *op {
                Op::Add { mutex, add } => {
                    script.extend([Action::Lock(mutex), Action::Unlock(mutex, add)])
                }
                Op::TryAdd { mutex, add } => {
                    script.extend([Action::TryLock(mutex), Action::Unlock(mutex, add)])
                }
                Op::Read => script.extend([Action::Read, Action::EndRead]),
                Op::TryRead => script.extend([Action::TryRead, Action::EndRead]),
                Op::Write { add } => script.extend([Action::Write, Action::EndWrite(add)]),
                Op::TryWrite { add } => script.extend([Action::TryWrite, Action::EndWrite(add)]),
                Op::Send if self.channel == Via::Rendezvous => {
                    script.extend([Action::Offer(own), Action::Taken(own)]);
                }
                Op::Send => script.push(Action::Send(own)),
                Op::TrySend => script.push(Action::TrySend(own)),
                Op::Receive => script.push(Action::Receive),
                Op::TryReceive => script.push(Action::TryReceive),
                Op::ReceiveFor { micros } => script.push(Action::ReceiveFor(micros)),
                Op::Raise => script.push(Action::Raise(0)),
                Op::Await => script.push(Action::Await(0)),
                Op::AwaitFor { micros } => script.push(Action::AwaitFor(0, micros)),
                Op::Wake { thread } => script.push(Action::Raise(thread + 1)),
                Op::Park => script.push(Action::Await(thread + 1)),
                Op::ParkFor { micros } => script.push(Action::AwaitFor(thread + 1, micros)),
                Op::Init => script.push(Action::Init(own)),
                Op::Yield => script.push(Action::Yield),
                Op::Sleep { micros } => script.push(Action::Sleep(micros)),
            }
        }
        match worker.side {
            Side::Produces => {
                script.push(Action::LeaveSender);
                script.extend(
                    (0..self.boards())
                        .filter(|board| self.is_awaited(*board))
                        .map(Action::Close),
                );
            }
            Side::Consumes => script.push(Action::LeaveReceiver),
        }
        script
    }

    fn is_awaited(&self, board: usize) -> bool {
        let waits = |thread: usize| {
            self.threads[thread].ops.iter().any(|op| match op {
                Op::Await | Op::AwaitFor { .. } => board == 0,
                Op::Park | Op::ParkFor { .. } => board == thread + 1,
                _ => false,
            })
        };
        (0..self.threads.len()).any(waits)
    }
}

impl fmt::Debug for Race {
    /// Rust code for it, given `use racy::program::{*, Op::*}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Race {{\n    channel: Via::{:?},\n    drains: {},\n    threads: vec![",
            self.channel, self.drains
        )?;
        for Worker { side, ops } in &self.threads {
            writeln!(
                f,
                "        Worker {{ side: Side::{side:?}, ops: vec!{ops:?} }},"
            )?;
        }
        write!(f, "    ],\n}}")
    }
}
