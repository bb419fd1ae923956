//! What the shared objects are, one step at a time: the sequential specifications.
//!
//! A step says which answers an object may give and what it is then. No answer means that whoever asks has to
//! wait. Where std leaves a choice, there are several.

use super::program::{Action, MUTEXES, Race, Side};
use crate::program::Via;

/// What came of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Done,
    Value(u64),
    /// Somebody holds it.
    Taken,
    Full,
    Empty,
    TimedOut,
    /// The other end is no more, or nobody is left who could raise a flag.
    Gone,
}

/// An object, by its place among all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Mutex {
        holder: Option<usize>,
        value: u64,
    },
    Lock {
        writer: Option<usize>,
        readers: Vec<usize>,
        value: u64,
    },
    /// In a channel without room, what waits is on offer.
    Channel {
        room: usize,
        is_rendezvous: bool,
        queue: Vec<u64>,
        senders: usize,
        receivers: usize,
    },
    Board {
        raised: u64,
        producers: usize,
    },
    Cell(Option<u64>),
}

const LOCK: usize = MUTEXES;
const CHANNEL: usize = MUTEXES + 1;
const CELL: usize = MUTEXES + 2;
const BOARDS: usize = MUTEXES + 3;

/// All objects of a program.
pub fn objects(race: &Race) -> Vec<State> {
    let mut objects = vec![
        State::Mutex {
            holder: None,
            value: 0
        };
        MUTEXES
    ];
    objects.push(State::Lock {
        writer: None,
        readers: Vec::new(),
        value: 0,
    });
    let (producers, consumers) = (
        race.of(Side::Produces).count(),
        race.of(Side::Consumes).count(),
    );
    objects.push(State::Channel {
        room: match race.channel {
            Via::Unbounded | Via::Rendezvous => usize::MAX,
            Via::Bounded(room) => room,
        },
        is_rendezvous: race.channel == Via::Rendezvous,
        queue: Vec::new(),
        senders: producers,
        receivers: consumers + usize::from(race.drains),
    });
    objects.push(State::Cell(None));
    objects.extend((0..race.boards()).map(|_| State::Board {
        raised: 0,
        producers,
    }));
    objects
}

impl Action {
    /// The object that it is done to, by its place; none if it is a matter of the thread alone.
    pub fn object(self) -> Option<usize> {
        use Action::*;
        match self {
            Lock(mutex) | TryLock(mutex) | Unlock(mutex, _) => Some(mutex),
            Read | TryRead | EndRead | Write | TryWrite | EndWrite(_) => Some(LOCK),
            Send(_) | Offer(_) | Taken(_) | TrySend(_) | Receive | TryReceive | ReceiveFor(_)
            | LeaveSender | LeaveReceiver | Drain => Some(CHANNEL),
            Init(_) => Some(CELL),
            Raise(board) | Await(board) | AwaitFor(board, _) | Close(board) => Some(BOARDS + board),
            Yield | Sleep(_) | Join(_) => None,
        }
    }

    /// Whether it may stand in the way of those who only try, as long as it waits: std's lock lets no new
    /// readers in when a writer waits.
    pub fn queues(self) -> bool {
        matches!(self, Action::Read | Action::Write)
    }

    /// How many steps are left out when it was refused.
    pub fn skips(self, answer: Answer) -> usize {
        let is_try = matches!(
            self,
            Action::TryLock(_) | Action::TryRead | Action::TryWrite
        );
        usize::from(is_try && answer == Answer::Taken)
    }
}

impl State {
    /// What it may answer, and what it is then. `others_queue`: another thread waits for it, or may.
    pub fn step(&self, thread: usize, action: Action, others_queue: bool) -> Vec<(State, Answer)> {
        match self {
            State::Mutex { holder, value } => mutex(*holder, *value, thread, action),
            State::Lock {
                writer,
                readers,
                value,
            } => lock(*writer, readers, *value, thread, action, others_queue),
            State::Channel { .. } => self.channel(action),
            State::Board { raised, producers } => board(*raised, *producers, action),
            State::Cell(value) => {
                let Action::Init(own) = action else {
                    return vec![];
                };
                let value = value.unwrap_or(own);
                vec![(State::Cell(Some(value)), Answer::Value(value))]
            }
        }
    }

    fn channel(&self, action: Action) -> Vec<(State, Answer)> {
        let State::Channel {
            room,
            is_rendezvous,
            queue,
            senders,
            receivers,
        } = self
        else {
            unreachable!("only channels are asked");
        };
        let mut next = self.clone();
        let State::Channel {
            queue: then,
            senders: senders_then,
            receivers: receivers_then,
            ..
        } = &mut next
        else {
            unreachable!("it is a clone");
        };
        let answer = match action {
            Action::Send(_) | Action::TrySend(_) if *receivers == 0 => Answer::Gone,
            Action::Send(value) | Action::TrySend(value) if queue.len() < *room => {
                then.push(value);
                Answer::Done
            }
            Action::TrySend(_) => Answer::Full,
            Action::Offer(value) => {
                then.push(value);
                Answer::Done
            }
            Action::Taken(value) if !queue.contains(&value) => Answer::Done,
            Action::Taken(value) if *receivers == 0 => {
                then.retain(|other| *other != value);
                Answer::Gone
            }
            Action::Receive | Action::TryReceive | Action::ReceiveFor(_) | Action::Drain
                if !queue.is_empty() =>
            {
                Answer::Value(then.remove(0))
            }
            Action::Receive | Action::TryReceive | Action::ReceiveFor(_) | Action::Drain
                if *senders == 0 =>
            {
                Answer::Gone
            }
            Action::TryReceive => Answer::Empty,
            Action::ReceiveFor(_) => Answer::TimedOut,
            Action::LeaveSender => {
                *senders_then -= 1;
                Answer::Done
            }
            Action::LeaveReceiver => {
                *receivers_then -= 1;
                if *receivers == 1 && !is_rendezvous {
                    then.clear();
                }
                Answer::Done
            }
            _ => return vec![],
        };
        vec![(next, answer)]
    }
}

fn mutex(holder: Option<usize>, value: u64, thread: usize, action: Action) -> Vec<(State, Answer)> {
    let locked = State::Mutex {
        holder: Some(thread),
        value,
    };
    match action {
        Action::Lock(_) | Action::TryLock(_) if holder.is_none() => {
            vec![(locked, Answer::Value(value))]
        }
        Action::TryLock(_) => vec![(State::Mutex { holder, value }, Answer::Taken)],
        Action::Unlock(_, add) if holder == Some(thread) => {
            vec![(
                State::Mutex {
                    holder: None,
                    value: value + add,
                },
                Answer::Done,
            )]
        }
        _ => vec![],
    }
}

fn lock(
    writer: Option<usize>,
    readers: &[usize],
    value: u64,
    thread: usize,
    action: Action,
    others_queue: bool,
) -> Vec<(State, Answer)> {
    let same = || State::Lock {
        writer,
        readers: readers.to_vec(),
        value,
    };
    let mut steps = vec![];
    match action {
        Action::Read | Action::TryRead => {
            if writer.is_none() {
                let mut readers = readers.to_vec();
                readers.push(thread);
                // Which of them came first is of no meaning.
                readers.sort_unstable();
                steps.push((
                    State::Lock {
                        writer,
                        readers,
                        value,
                    },
                    Answer::Value(value),
                ));
            }
            if action == Action::TryRead && (writer.is_some() || others_queue) {
                steps.push((same(), Answer::Taken));
            }
        }
        Action::EndRead if readers.contains(&thread) => {
            let readers = readers
                .iter()
                .copied()
                .filter(|reader| *reader != thread)
                .collect();
            steps.push((
                State::Lock {
                    writer,
                    readers,
                    value,
                },
                Answer::Done,
            ));
        }
        Action::Write | Action::TryWrite if writer.is_none() && readers.is_empty() => {
            steps.push((
                State::Lock {
                    writer: Some(thread),
                    readers: vec![],
                    value,
                },
                Answer::Value(value),
            ));
        }
        Action::TryWrite => steps.push((same(), Answer::Taken)),
        Action::EndWrite(add) if writer == Some(thread) => {
            steps.push((
                State::Lock {
                    writer: None,
                    readers: vec![],
                    value: value + add,
                },
                Answer::Done,
            ));
        }
        _ => {}
    }
    steps
}

fn board(raised: u64, producers: usize, action: Action) -> Vec<(State, Answer)> {
    let then = |raised, producers, answer| vec![(State::Board { raised, producers }, answer)];
    match action {
        Action::Raise(_) => then(raised + 1, producers, Answer::Done),
        Action::Close(_) => then(raised, producers - 1, Answer::Done),
        Action::Await(_) | Action::AwaitFor(..) if raised > 0 => {
            then(raised - 1, producers, Answer::Done)
        }
        Action::Await(_) | Action::AwaitFor(..) if producers == 0 => {
            then(raised, producers, Answer::Gone)
        }
        Action::AwaitFor(..) => then(raised, producers, Answer::TimedOut),
        _ => vec![],
    }
}
