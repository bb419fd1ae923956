//! Programs as data.
//!
//! A program is a choreography: threads, and one list of acts. An act belongs to one thread or to several,
//! and says what each of them does: in a `Send`, one sends and one receives. Each thread does its part of the
//! acts in the order of the list (`plan.rs` makes the scripts), so
//!
//! - no program has a deadlock: all who take part in the first unfinished act have come to it;
//! - the result does not depend on the schedule, if no thread observes what others may or may not have done
//!   by then; `plan.rs` knows which observations are determined;
//! - what is left of a program when acts or threads are taken away is a program, so failures shrink.
//!
//! The `Debug` text of a program is Rust code for it, given `use program::{*, Act::*}`.

pub use super::repertoire::{Duet, Solo};
use std::fmt;

/// How many mutexes a program shares.
pub const MUTEXES: usize = 3;
/// How many boards (sets of raised flags, with a condition variable) a program shares.
pub const BOARDS: usize = 2;
/// How many thread-local keys there are. The last has no destructor.
pub const KEYS: usize = 3;

/// A program. Thread 0 is the main thread.
#[derive(Clone, PartialEq)]
pub struct Program {
    pub threads: Vec<Thread>,
    pub acts: Vec<Act>,
}

/// A thread, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thread {
    /// A thread that comes before this one. Of no meaning for the main thread.
    pub parent: usize,
    pub name: Option<&'static str>,
    pub join: Join,
    pub end: End,
}

/// When the parent joins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Join {
    /// After the last act of the thread and its descendants.
    Early,
    /// When the parent has done everything else.
    Late,
}

/// How a thread ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Return(u32),
    Panic(&'static str),
    /// It panics while it holds this mutex.
    PanicLocked(usize),
}

/// What one or several threads do. Numbers of threads are their places in the program.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    Yield {
        thread: usize,
    },
    Sleep {
        thread: usize,
        micros: u64,
    },
    /// Adds to a thread-local value.
    Local {
        thread: usize,
        key: usize,
        add: u64,
    },
    /// Looks at its own name and identity.
    Name {
        thread: usize,
    },
    /// Locks a mutex, reads, writes the sum.
    Add {
        thread: usize,
        mutex: usize,
        add: u64,
        hold: Hold,
    },
    /// Panics with a mutex locked, and catches it.
    Poison {
        thread: usize,
        mutex: usize,
    },
    ClearPoison {
        thread: usize,
        mutex: usize,
    },
    /// Tries to lock what the other holds, and again when it is free.
    Contend {
        holder: usize,
        other: usize,
    },
    /// Waits with a timeout for what does not come.
    TimeOut {
        thread: usize,
        on: Timer,
    },
    /// Scoped threads that borrow; the last may panic.
    Scope {
        thread: usize,
        width: usize,
        panics: bool,
    },
    /// A message from one thread to another.
    Send {
        from: usize,
        to: usize,
        via: Via,
        value: u32,
        receive: Receive,
    },
    /// The sender goes, and the receiver sees it. The next message takes a new channel.
    HangUp {
        from: usize,
        to: usize,
        via: Via,
    },
    /// The receiver goes, and the sender sees it.
    Refuse {
        from: usize,
        to: usize,
        via: Via,
        value: u32,
    },
    /// Two senders of one channel, and all that they sent.
    Gather {
        from: [usize; 2],
        to: usize,
        via: Via,
        each: u32,
    },
    /// One parks until the other has raised its flag.
    Unpark {
        from: usize,
        to: usize,
        park: Park,
    },
    /// One waits on a condition variable until the other has raised a flag.
    Notify {
        from: usize,
        to: usize,
        board: Board,
        wait: Wait,
    },
    /// A play for one thread.
    Alone {
        thread: usize,
        what: Solo,
        size: usize,
    },
    /// A play for two.
    Pair {
        one: usize,
        other: usize,
        what: Duet,
        size: usize,
    },
    /// A TCP conversation.
    Converse {
        client: usize,
        server: usize,
        talk: Talk,
    },
}

/// What a thread does between reading and writing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hold {
    Briefly,
    Yielding,
    Sleeping,
}

/// The kind of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    Unbounded,
    Bounded(usize),
    Rendezvous,
}

/// How a message is received.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Receive {
    Plain,
    /// `try_recv` until it is there.
    Polling,
    /// `recv_timeout`, again and again.
    Timed,
    /// `recv_timeout` with a timeout that does not pass.
    Patient,
}

/// What a timeout ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Timer {
    Receive(Via),
    Wait,
    Park,
}

/// How a thread parks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Park {
    Plain,
    /// With a short timeout, again and again.
    Timed,
    /// Only after the other has unparked it: the token has to be there.
    Token,
}

/// Where a flag is raised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Board {
    /// On a board that others wait at too, with `notify_all`.
    Shared(usize),
    /// On a board for this act, with `notify_one`.
    Own,
}

/// How a thread waits for a flag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wait {
    Plain,
    While,
    /// `wait_timeout`, again and again.
    Timed,
    /// `wait_timeout_while` with a timeout that does not pass.
    Patient,
}

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Talk {
    /// The client sends in chunks and half-closes, the server reads to the end and answers with as much.
    Exchange { bytes: usize, chunk: usize },
    /// The server says nothing until the client, which reads with a timeout, has given up.
    Silence,
    /// The server closes with unread bytes.
    Reset,
}

impl Program {
    /// A program out of any numbers: those that name nothing are wrapped around, and acts that a thread would
    /// do with itself are left out.
    pub fn new(mut threads: Vec<Thread>, acts: Vec<Act>) -> Self {
        for (index, thread) in threads.iter_mut().enumerate() {
            thread.parent = if index == 0 { 0 } else { thread.parent % index };
            if let End::PanicLocked(mutex) = &mut thread.end {
                *mutex %= MUTEXES;
            }
        }
        let count = threads.len();
        let acts = acts
            .into_iter()
            .filter_map(|act| normal(act, count))
            .collect();
        Self { threads, acts }
    }
}

fn normal(mut act: Act, count: usize) -> Option<Act> {
    use Act::*;
    match &mut act {
        Yield { thread }
        | Sleep { thread, .. }
        | Name { thread }
        | Scope { thread, .. }
        | Alone { thread, .. }
        | TimeOut { thread, .. } => *thread %= count,
        Local { thread, key, .. } => (*thread, *key) = (*thread % count, *key % KEYS),
        Add { thread, mutex, .. } | Poison { thread, mutex } | ClearPoison { thread, mutex } => {
            (*thread, *mutex) = (*thread % count, *mutex % MUTEXES);
        }
        Gather {
            from: [first, second],
            to,
            ..
        } => {
            (*first, *second, *to) = (*first % count, *second % count, *to % count);
            if first == to || second == to {
                return None;
            }
        }
        Contend { holder: one, other }
        | Pair { one, other, .. }
        | Send {
            from: one,
            to: other,
            ..
        }
        | HangUp {
            from: one,
            to: other,
            ..
        }
        | Refuse {
            from: one,
            to: other,
            ..
        }
        | Unpark {
            from: one,
            to: other,
            ..
        }
        | Notify {
            from: one,
            to: other,
            ..
        }
        | Converse {
            client: one,
            server: other,
            ..
        } => {
            (*one, *other) = (*one % count, *other % count);
            if one == other {
                return None;
            }
        }
    }
    if let Notify {
        board: Board::Shared(board),
        ..
    } = &mut act
    {
        *board %= BOARDS;
    }
    Some(act)
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Program {{\n    threads: vec![")?;
        for thread in &self.threads {
            // Not derived: the names of enums are needed, because variants of several have the same names.
            let Thread {
                parent,
                name,
                join,
                end,
            } = thread;
            writeln!(
                f,
                "        Thread {{ parent: {parent}, name: {name:?}, join: Join::{join:?}, end: End::{end:?} }},"
            )?;
        }
        writeln!(f, "    ],\n    acts: vec![")?;
        for act in &self.acts {
            writeln!(f, "        {},", qualified(act))?;
        }
        write!(f, "    ],\n}}")
    }
}

/// The text of an act with the enums of its fields named.
fn qualified(act: &Act) -> String {
    let mut text = format!("{act:?}");
    let play = if let Act::Alone { .. } = act {
        "Solo"
    } else {
        "Duet"
    };
    for (field, name) in [
        ("what", play),
        ("hold", "Hold"),
        ("via", "Via"),
        ("receive", "Receive"),
        ("park", "Park"),
        ("board", "Board"),
        ("wait", "Wait"),
        ("talk", "Talk"),
        ("on", "Timer"),
    ] {
        text = text.replace(&format!(" {field}: "), &format!(" {field}: {name}::"));
    }
    text.replace("Receive(", "Receive(Via::")
}
