//! What the threads of a program observed, and how often things were done.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a thread saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Began {
        name: Option<String>,
        main: bool,
    },
    Spawned {
        child: usize,
    },
    /// How the child ended, how many of its thread-local values were destroyed by then, and whether the
    /// handle was that of the thread that ran.
    Joined {
        child: usize,
        result: Result<u32, String>,
        destroyed: usize,
        is_same: bool,
    },
    Yielded,
    Slept {
        is_early: bool,
    },
    Local {
        key: usize,
        value: u64,
    },
    Destroyed {
        key: usize,
        value: u64,
    },
    Name {
        name: Option<String>,
        is_same: bool,
    },
    /// What it saw of a mutex, as far as that is determined.
    Locked {
        value: Option<u64>,
        poison: Option<bool>,
    },
    Poisoned {
        before: Option<bool>,
        message: String,
    },
    Cleared {
        before: Option<bool>,
    },
    TimedOut {
        is_timeout: bool,
        is_early: bool,
    },
    Held,
    Contended {
        is_refused: bool,
        value: u64,
    },
    Scoped {
        sum: u64,
        panic: Option<String>,
    },
    Sent,
    Received(Result<u32, String>),
    HungUp,
    Refused(u32),
    Gathered(Vec<u32>),
    Unparked,
    Parked,
    Notified,
    Waited {
        is_timed_out: bool,
    },
    Said(Vec<Said>),
    /// What came of a play.
    Saw(Vec<String>),
}

/// What came of one end of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Read {
        bytes: usize,
        sum: u64,
    },
    Failed(String),
    /// The peer is who it should be.
    Peer(bool),
}

/// What was left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    pub threads: Vec<Vec<Event>>,
    pub mutexes: Vec<(u64, Option<bool>)>,
    /// How many thread-local destructors ran.
    pub graves: u64,
    /// How the main thread ended.
    pub result: Option<Result<u32, String>>,
}

impl Trace {
    /// In which order a thread's values are destroyed is not determined.
    pub fn sort(&mut self) {
        for events in &mut self.threads {
            let end = events
                .iter()
                .rposition(|event| !matches!(event, Event::Destroyed { .. }));
            let rest = &mut events[end.map_or(0, |end| end + 1)..];
            rest.sort_by_key(|event| match event {
                Event::Destroyed { key, .. } => *key,
                _ => usize::MAX,
            });
        }
    }
}

macro_rules! kinds {
    ($($kind:ident)*) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($kind),*
        }

        impl Kind {
            pub const ALL: &[Kind] = &[$(Kind::$kind),*];
        }
    };
}

kinds! {
    Spawn Join Panic Sleep Yield Name Local Destructor Lock Poison ClearPoison TryLock Scope TimeOut
    SendUnbounded SendBounded SendRendezvous Receive HangUp Refuse Gather Unpark Park Notify Wait
    Exchange Silence Reset
    SharedLock PoisonedShared PoisonedOnce FullChannel NestedScopes Finished LateLocal IdleSockets ShutEnds
    Cancelled
    Readers Writer Downgrade OneTime OneValue LateValue Rounds SlowNotice Backpressure
    Datagrams UnixExchange UnixDatagrams PartialReads BrokenPipe NonBlocking PollingAccept
}

/// How often each kind of thing was done.
pub struct Counts([AtomicU64; Kind::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; Kind::ALL.len()])
    }
}

impl Counts {
    pub fn add(&self, kind: Kind) {
        self.0[kind as usize].fetch_add(1, Relaxed);
    }

    pub fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize].load(Relaxed)
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(Kind::ALL.iter().map(|kind| (kind, self.of(*kind))))
            .finish()
    }
}
