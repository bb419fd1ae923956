//! What the users of a run share: who they are and what they do, whom they cancel, and what they talk about.

use super::conversation::Conversation;
use super::kinds::{self, Kind};
use super::random::Random;
use super::waits::Shared;
use standin::engine::Engine;
use standin::sync::Mutex;
use standin::thread::{self, JoinHandle, Thread};
use std::any::Any;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixAddress;
use std::panic::Location;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize};
use std::sync::{Arc, PoisonError};

/// More than there ever are conversations at once.
const SLOTS: usize = 4096;
/// How many threads can be chosen to be cancelled or unparked.
const VICTIMS: usize = 64;

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) tcp: Vec<SocketAddr>,
    pub(crate) unix: UnixAddress,
    pub(crate) shared: Shared,
    conversations: Vec<Mutex<Option<Arc<Conversation>>>>,
    next_conversation: AtomicU64,
    victims: Mutex<Vec<Thread>>,
}

impl World {
    pub(crate) fn new(engine: Engine, tcp: Vec<SocketAddr>, unix: UnixAddress) -> Self {
        Self {
            engine,
            tcp,
            unix,
            shared: Shared::new(),
            conversations: (0..SLOTS).map(|_| Mutex::new(None)).collect(),
            next_conversation: AtomicU64::new(1),
            victims: Mutex::new(Vec::new()),
        }
    }

    /// Whether threads that block their OS thread by what standin does not know stop nobody else.
    pub(crate) fn is_monitored(&self) -> bool {
        !self.engine.contract().shares_locals()
    }

    /// A new conversation, which its server finds by its number.
    pub(crate) fn open(&self, make: impl FnOnce(u64) -> Conversation) -> Arc<Conversation> {
        let id = self.next_conversation.fetch_add(1, Relaxed);
        let conversation = Arc::new(make(id));
        let slot = &self.conversations[id as usize % SLOTS];
        *slot.lock().expect("nobody panics here") = Some(conversation.clone());
        conversation
    }

    /// The conversation of this number.
    pub(crate) fn find(&self, id: u64) -> Arc<Conversation> {
        let slot = &self.conversations[id as usize % SLOTS];
        let found = slot.lock().expect("nobody panics here").clone();
        let opened = self.next_conversation.load(SeqCst);
        let found = found.unwrap_or_else(|| panic!("no conversation {id:#x} of {opened:#x}"));
        assert_eq!(found.id, id, "a header that nobody sent");
        assert!(
            !found.found.swap(true, SeqCst),
            "two servers received the header of conversation {id:#x}"
        );
        found
    }

    /// Lets others choose the calling thread.
    fn offer(&self, random: &mut Random) {
        let own = thread::current();
        let mut victims = self.victims.lock().expect("nobody panics here");
        let replaced = if victims.len() < VICTIMS {
            victims.push(own);
            None
        } else {
            Some(std::mem::replace(&mut victims[random.below(VICTIMS)], own))
        };
        drop(victims);
        drop(replaced);
    }

    /// A thread that offered itself; it may have ended.
    pub(crate) fn victim(&self, random: &mut Random) -> Option<Thread> {
        let victims = self.victims.lock().expect("nobody panics here");
        (!victims.is_empty()).then(|| victims[random.below(victims.len())].clone())
    }

    /// Forgets everybody.
    pub(crate) fn clear(&self) {
        self.victims.lock().expect("nobody panics here").clear();
        for slot in &self.conversations {
            *slot.lock().expect("nobody panics here") = None;
        }
    }
}

/// A thread of the run.
pub(crate) struct User {
    pub(crate) world: &'static World,
    pub(crate) random: Random,
    doing: Arc<Doing>,
}

/// What a thread did last.
struct Doing {
    number: u64,
    kind: AtomicUsize,
    place: AtomicPtr<Location<'static>>,
}

/// Everybody who is there; none is left in the end. A lock of std's: it is held across no call that parks.
static DOING: std::sync::Mutex<Option<HashMap<u64, Arc<Doing>>>> = std::sync::Mutex::new(None);

impl User {
    pub(crate) fn new(world: &'static World, seed: u64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let doing = Arc::new(Doing {
            number: NEXT.fetch_add(1, Relaxed),
            kind: AtomicUsize::new(Kind::User as usize),
            place: AtomicPtr::new(null_mut()),
        });
        let mut everybody = DOING.lock().unwrap_or_else(PoisonError::into_inner);
        everybody
            .get_or_insert_default()
            .insert(doing.number, doing.clone());
        drop(everybody);
        Self {
            world,
            random: Random::new(seed),
            doing,
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.doing.number
    }

    /// Counts what the caller is about to do, or has just seen.
    #[track_caller]
    pub(crate) fn count(&self, kind: Kind) {
        self.doing.kind.store(kind as usize, Relaxed);
        let place: *const Location<'static> = Location::caller();
        self.doing.place.store(place.cast_mut(), Relaxed);
        kinds::count(kind);
    }

    /// A thread, which others may cancel if `mortal`.
    #[track_caller]
    pub(crate) fn spawn<T: Send + 'static>(
        &mut self,
        builder: thread::Builder,
        mortal: bool,
        body: impl FnOnce(&mut User) -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.count(Kind::Child);
        let mut child = self.derive();
        let run = move || {
            if mortal {
                child.offer();
            }
            body(&mut child)
        };
        builder.spawn(run).expect("there is room for it")
    }

    /// A thread that nobody else cancels.
    #[track_caller]
    pub(crate) fn child<T: Send + 'static>(
        &mut self,
        body: impl FnOnce(&mut User) -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.spawn(thread::Builder::new(), false, body)
    }

    /// For a thread that the caller starts.
    pub(crate) fn derive(&mut self) -> User {
        User::new(self.world, self.random.next())
    }

    pub(crate) fn offer(&mut self) {
        self.world.offer(&mut self.random);
    }

    /// Whether it was cancelled; no operation on a socket succeeds any more.
    pub(crate) fn is_cancelled(&self) -> bool {
        thread::current().is_cancelled()
    }

    /// Sleeps up to so long.
    pub(crate) fn pause(&mut self, microseconds: usize) {
        let time = self.random.microseconds(microseconds);
        self.count(Kind::Sleep);
        thread::sleep(time);
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let mut everybody = DOING.lock().unwrap_or_else(PoisonError::into_inner);
        everybody.get_or_insert_default().remove(&self.doing.number);
    }
}

/// How many users there are.
pub(crate) fn alive() -> usize {
    let everybody = DOING.lock().unwrap_or_else(PoisonError::into_inner);
    everybody.as_ref().map_or(0, HashMap::len)
}

/// What each user does, a line each.
pub(crate) fn everybody() -> String {
    let everybody = DOING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut lines: Vec<_> = everybody
        .iter()
        .flat_map(|everybody| everybody.values())
        .map(|doing| {
            // SAFETY: what is stored is null or a reference to a `'static` location.
            let place = unsafe { doing.place.load(Relaxed).as_ref() };
            let place = place.map_or(String::new(), Location::to_string);
            format!(
                "  user {}: {} at {place}",
                doing.number,
                kinds::name(doing.kind.load(SeqCst))
            )
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

/// What a thread panics with that is meant to.
pub(crate) struct Planned;

/// Panics, as planned.
pub(crate) fn panic_as_planned() -> ! {
    std::panic::panic_any(Planned)
}

/// The thread of this result panicked, as planned.
#[track_caller]
pub(crate) fn assert_planned<T>(result: Result<T, Box<dyn Any + Send>>) {
    let payload = result.err().expect("it was to panic");
    assert!(
        payload.is::<Planned>(),
        "another panic than the planned one"
    );
}
