//! What the threads of a program share.

use super::shapes::net::{SocketAddr, TcpListener};
use super::shapes::sync::mpsc::{
    self, Receiver, RecvError, RecvTimeoutError, SendError, Sender, SyncSender, TryRecvError,
};
use super::shapes::sync::{Condvar, Mutex};
use super::shapes::thread::{self, Thread};
use super::shapes::time::Duration;
use super::stage::Stage;
use crate::plan::Plan;
use crate::program::{Act, BOARDS, Board, MUTEXES, Receive, Via};
use crate::trace::{Counts, Event, Kind, Trace};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex as Notes, OnceLock, PoisonError};

pub struct World {
    pub plan: Arc<Plan>,
    counts: Arc<Counts>,
    /// Whether the threads are of every engine.
    pub is_mixed: bool,
    pub mutexes: Vec<Mutex<u64>>,
    /// How many thread-local destructors ran.
    pub graves: Mutex<u64>,
    pub boards: Vec<Notice>,
    pub own_boards: HashMap<usize, Notice>,
    /// Raised by the one who unparks in this act.
    pub flags: Vec<AtomicBool>,
    /// Raised by the one who is to take the token in this act, when it has come to it.
    pub arrivals: Vec<AtomicBool>,
    pub handles: Vec<OnceLock<Thread>>,
    pub identities: Vec<OnceLock<String>>,
    /// Taken by the thread that uses them.
    senders: Vec<Notes<Option<Sending>>>,
    receivers: Vec<Notes<Option<Receiving>>>,
    pub gathers: HashMap<usize, Gather>,
    pub contests: HashMap<usize, Contest>,
    pub stages: HashMap<usize, Stage>,
    pub listeners: HashMap<usize, (Notes<Option<TcpListener>>, SocketAddr)>,
    traces: Vec<Notes<Vec<Event>>>,
}

/// Flags, each the number of an act, and where one waits for them.
#[derive(Default)]
pub struct Notice {
    pub raised: Mutex<BTreeSet<usize>>,
    pub changed: Condvar,
}

/// The ends of a channel with two senders.
pub struct Gather {
    senders: Notes<Vec<Sending>>,
    receiver: Notes<Option<Receiving>>,
}

/// The ends of a channel for one message.
type Signal = (Notes<Option<Sending>>, Notes<Option<Receiving>>);

/// A mutex for two, and what they tell each other.
pub struct Contest {
    pub mutex: Mutex<u64>,
    /// Held; tried; free.
    pub signals: [Signal; 3],
}

impl World {
    pub fn new(plan: Arc<Plan>, counts: Arc<Counts>, is_mixed: bool) -> Self {
        let threads = plan.program.threads.len();
        let acts = || plan.program.acts.iter().enumerate();
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for via in &plan.channels {
            let (sender, receiver) = channel(*via);
            senders.push(some(sender));
            receivers.push(some(receiver));
        }
        let (mut own_boards, mut gathers) = (HashMap::new(), HashMap::new());
        let (mut contests, mut listeners) = (HashMap::new(), HashMap::new());
        let mut stages = HashMap::new();
        for (index, act) in acts() {
            match *act {
                Act::Notify {
                    board: Board::Own, ..
                } => {
                    own_boards.insert(index, Notice::default());
                }
                Act::Gather { via, .. } => {
                    let (sender, receiver) = channel(via);
                    let senders = Notes::new(vec![sender.clone(), sender]);
                    gathers.insert(
                        index,
                        Gather {
                            senders,
                            receiver: some(receiver),
                        },
                    );
                }
                Act::Contend { .. } => {
                    contests.insert(
                        index,
                        Contest {
                            mutex: Mutex::new(0),
                            signals: [(); 3].map(|()| signal()),
                        },
                    );
                }
                Act::Pair { .. } => {
                    stages.insert(index, Stage::default());
                }
                Act::Converse { .. } => {
                    let listener =
                        TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
                    let address = listener.local_addr().expect("it is bound");
                    listeners.insert(index, (some(listener), address));
                }
                _ => {}
            }
        }
        Self {
            counts,
            is_mixed,
            mutexes: (0..MUTEXES).map(|_| Mutex::new(0)).collect(),
            graves: Mutex::new(0),
            boards: (0..BOARDS).map(|_| Notice::default()).collect(),
            own_boards,
            flags: acts().map(|_| AtomicBool::new(false)).collect(),
            arrivals: acts().map(|_| AtomicBool::new(false)).collect(),
            handles: (0..threads).map(|_| OnceLock::new()).collect(),
            identities: (0..threads).map(|_| OnceLock::new()).collect(),
            senders,
            receivers,
            gathers,
            contests,
            stages,
            listeners,
            traces: (0..threads).map(|_| Notes::default()).collect(),
            plan,
        }
    }

    pub fn note(&self, thread: usize, event: Event) {
        self.events(thread, |events| events.push(event));
    }

    pub fn count(&self, kind: Kind) {
        self.counts.add(kind);
    }

    /// How many values of a thread were destroyed so far.
    pub fn destroyed(&self, thread: usize) -> usize {
        self.events(thread, |events| {
            events
                .iter()
                .filter(|event| matches!(event, Event::Destroyed { .. }))
                .count()
        })
    }

    /// The trace so far, and what is left in the mutexes.
    pub fn trace(&self) -> Trace {
        let left = |mutex: &Mutex<u64>| {
            *mutex
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
        };
        let mutexes = self.mutexes.iter().zip(&self.plan.poison_known);
        Trace {
            threads: (0..self.traces.len())
                .map(|thread| self.events(thread, |events| events.clone()))
                .collect(),
            mutexes: mutexes
                .map(|(mutex, is_known)| (left(mutex), is_known.then(|| mutex.is_poisoned())))
                .collect(),
            graves: left(&self.graves),
            result: None,
        }
    }

    pub fn sender(&self, channel: usize) -> Sending {
        take(&self.senders[channel])
    }

    pub fn receiver(&self, channel: usize) -> Receiving {
        take(&self.receivers[channel])
    }

    /// The handle of a thread that may not have been spawned yet.
    pub fn handle(&self, thread: usize) -> &Thread {
        loop {
            match self.handles[thread].get() {
                Some(handle) => return handle,
                None => thread::yield_now(),
            }
        }
    }

    fn events<R>(&self, thread: usize, use_them: impl FnOnce(&mut Vec<Event>) -> R) -> R {
        use_them(
            &mut self.traces[thread]
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

impl Gather {
    pub fn sender(&self) -> Sending {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        senders.pop().expect("two take one each")
    }

    pub fn receiver(&self) -> Receiving {
        take(&self.receiver)
    }
}

impl Contest {
    pub fn say(&self, signal: usize) {
        take(&self.signals[signal].0)
            .send(0)
            .expect("the other waits for it");
    }

    pub fn hear(&self, signal: usize) {
        take(&self.signals[signal].1)
            .receive(Receive::Plain)
            .expect("the other says it");
    }
}

pub fn some<T>(value: T) -> Notes<Option<T>> {
    Notes::new(Some(value))
}

pub fn take<T>(place: &Notes<Option<T>>) -> T {
    let taken = place.lock().unwrap_or_else(PoisonError::into_inner).take();
    taken.expect("one thread takes it, once")
}

fn signal() -> Signal {
    let (sender, receiver) = channel(Via::Rendezvous);
    (some(sender), some(receiver))
}

pub fn channel(via: Via) -> (Sending, Receiving) {
    match via {
        Via::Unbounded => {
            let (sender, receiver) = mpsc::channel();
            (Sending::Unbounded(sender), Receiving(receiver))
        }
        Via::Bounded(_) | Via::Rendezvous => {
            let bound = if let Via::Bounded(bound) = via {
                bound
            } else {
                0
            };
            let (sender, receiver) = mpsc::sync_channel(bound);
            (Sending::Bounded(sender), Receiving(receiver))
        }
    }
}

/// The sending end of a channel of either kind.
#[derive(Clone)]
pub enum Sending {
    Unbounded(Sender<u32>),
    Bounded(SyncSender<u32>),
}

impl Sending {
    pub fn send(&self, value: u32) -> Result<(), SendError<u32>> {
        match self {
            Sending::Unbounded(sender) => sender.send(value),
            Sending::Bounded(sender) => sender.send(value),
        }
    }
}

/// Whether a receive with a timeout ends by it, when nothing is sent and nobody hangs up.
pub fn times_out(via: Via, timeout: Duration) -> bool {
    let (_sender, receiver) = channel(via);
    receiver.0.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout)
}

/// The receiving end.
pub struct Receiving(Receiver<u32>);

const SHORT: Duration = Duration::from_micros(300);
/// Longer than any program takes.
pub const LONG: Duration = Duration::from_secs(100_000);

impl Receiving {
    pub fn receive(&self, how: Receive) -> Result<u32, RecvError> {
        match how {
            Receive::Plain => self.0.recv(),
            Receive::Polling => loop {
                match self.0.try_recv() {
                    Ok(value) => return Ok(value),
                    Err(TryRecvError::Disconnected) => return Err(RecvError),
                    Err(TryRecvError::Empty) => thread::yield_now(),
                }
            },
            Receive::Timed => loop {
                match self.0.recv_timeout(SHORT) {
                    Ok(value) => return Ok(value),
                    Err(RecvTimeoutError::Disconnected) => return Err(RecvError),
                    Err(RecvTimeoutError::Timeout) => {}
                }
            },
            Receive::Patient => self.0.recv_timeout(LONG).map_err(|_| RecvError),
        }
    }
}
