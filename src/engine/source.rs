//! A descriptor as a readiness engine knows it: how many edges it had in each direction, and whether what
//! the last edge announced is used up.
//!
//! # Why no wake-up is lost
//!
//! A direction is one word: a count of edges, and a bit that says that somebody waits. A thread reads the
//! count, tries its operation, and only if that would block waits for the word to change from what it read.
//! An edge that comes in between changes the word, and the wait returns at once. An edge wakes all waiters
//! of its direction, since one edge can stand for several connections. The stress test in `tests/reactor.rs`
//! checks this.
//!
//! The first thread that waits sits down in the direction's seat (`seat.rs`), if its engine wakes it by its record; the
//! others, OS threads and futures wait in the wait queue. An edge calls who sits, and wakes the queue if the bit says that
//! somebody is there.
//!
//! A future does the same in the same order, only that its wait is a place in the wait queue and not a parked
//! thread; `attempts.rs` is that loop.
//!
//! # Drained
//!
//! A TCP stream that returned less than was asked for is empty: the next read may wait without asking the
//! kernel first, as long as no edge came since. What is remembered is the count at which that held, so a
//! later edge makes it void by itself. A hang-up raises no second edge if it arrives with data, so it is
//! sticky, and with it nothing counts as drained any more. The same goes for urgent data, of which a read
//! stops short although there is more behind it. For which sockets the rule holds at all, the socket says
//! (`Shared::short_is_all`): not for datagrams, not for Unix streams, where a read stops at ancillary data,
//! and not for what somebody else may have changed (`SO_RCVLOWAT`, TLS in the kernel).

use super::readiness::Readiness;
use super::seat::Seat;
use super::{Control, cancelled};
#[cfg(any(feature = "green", feature = "may"))]
use crate::prefetch;
use standin_core::context::{self, Context};
use standin_core::wait_queue::{self, Wait};
use standin_core::{Instant, Lock};
use std::cell::Cell;
use std::io;
use std::mem;
use std::os::fd::BorrowedFd;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize};

#[cfg(feature = "async")]
use standin_core::wait_queue::Waiting;
#[cfg(feature = "async")]
use std::pin::Pin;
#[cfg(feature = "async")]
use std::task::{self, Poll};

/// What an operation waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    /// Bytes or a connection to take, or the end of the stream.
    Read,
    /// Room for bytes, or the end of a connect.
    Write,
}

/// One registration of one descriptor with one engine.
///
/// Sources are never freed, only used again, so a late event finds a source, if perhaps another's: a wake for
/// no reason. The generation makes even that rare.
pub struct Source {
    generation: AtomicU32,
    read: Edges,
    write: Edges,
    /// The count of read edges at which nothing was left to read; [`NEVER`] if that is not known.
    drained: AtomicU32,
    hung_up: AtomicBool,
    /// The engine's own: where it registered the descriptor.
    pub home: AtomicUsize,
    /// Who registered it. Written before the source is published in a [`Registration`] and after it was
    /// taken out of it, so by one thread alone; read through the registration in between.
    owner: Cell<Option<&'static dyn Readiness>>,
    /// The next source of the same descriptor, or the next free one.
    next: AtomicPtr<Source>,
}

// SAFETY: everything is atomic but `owner`, and the comment there says who touches it when.
unsafe impl Sync for Source {}
// SAFETY: `Readiness` is `Send + Sync`, all else is plain data.
unsafe impl Send for Source {}

struct Edges {
    /// Twice the number of edges, plus [`WAITED`].
    count: AtomicU32,
    /// The thread that waits, with a reference to its record; others wait in the wait queue.
    seat: Seat<()>,
}

/// Somebody waits in the wait queue, or did until the last edge.
const WAITED: u32 = 1;
const EDGE: u32 = 2;
/// Odd, so no count.
const NEVER: u32 = 1;

impl Source {
    fn new() -> Self {
        let edges = || Edges {
            count: AtomicU32::new(0),
            seat: Seat::new(),
        };
        Self {
            generation: AtomicU32::new(0),
            read: edges(),
            write: edges(),
            drained: AtomicU32::new(NEVER),
            hung_up: AtomicBool::new(false),
            home: AtomicUsize::new(0),
            owner: Cell::new(None),
            next: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// What the reactor gets back with each event of this registration.
    pub fn token(&'static self) -> u64 {
        let address = ptr::from_ref(self).expose_provenance() as u64;
        address | u64::from(self.generation.load(Relaxed)) << ADDRESS_BITS
    }

    /// The source of a token, unless its registration is gone.
    ///
    /// # Safety
    ///
    /// [`token`](Self::token) returned the value, in this process.
    pub unsafe fn of_token(token: u64) -> Option<&'static Source> {
        let address = (token & ((1 << ADDRESS_BITS) - 1)) as usize;
        // SAFETY: the caller's promise; sources are never freed.
        let source = unsafe { &*ptr::with_exposed_provenance::<Source>(address) };
        (source.generation.load(Relaxed) == (token >> ADDRESS_BITS) as u32).then_some(source)
    }

    /// Asks for the source of a token, if it is one.
    #[cfg(any(feature = "green", feature = "may"))]
    pub fn prefetch(token: u64) {
        prefetch::lines(
            (token & ((1 << ADDRESS_BITS) - 1)) as usize,
            size_of::<Self>(),
        );
    }

    /// Asks for the record of the thread that waits, if one does.
    #[cfg(any(feature = "green", feature = "may"))]
    pub fn prefetch_seated(&self, read: bool) {
        let edges = if read { &self.read } else { &self.write };
        let seated = edges.seat.peek();
        if !seated.is_null() {
            Control::prefetch(seated);
        }
    }

    /// An event: the directions that may be ready now. `hung_up` says that no further event may come for the
    /// end of the stream.
    pub fn edge(&self, read: bool, write: bool, hung_up: bool) {
        if hung_up {
            // Before the counts: whoever sees the edge sees this.
            self.hung_up.store(true, Relaxed);
        }
        if read {
            self.read.edge();
        }
        if write {
            self.write.edge();
        }
    }

    /// The number of edges so far, to be read before an operation is tried.
    pub(crate) fn seen(&self, interest: Interest) -> u32 {
        self.edges(interest).count.load(Acquire) & !WAITED
    }

    /// Whether an end, or an error, was announced.
    pub(crate) fn has_ended(&self) -> bool {
        self.hung_up.load(Relaxed)
    }

    /// Whether nothing was left to read at `seen` read edges, so that trying is in vain.
    pub(crate) fn is_drained(&self, seen: u32) -> bool {
        self.drained.load(Relaxed) == seen && !self.hung_up.load(Relaxed)
    }

    /// A read that was tried at `seen` read edges took all there was.
    pub(crate) fn set_drained(&self, seen: u32) {
        self.drained.store(seen, Relaxed);
    }

    /// Waits until there were more edges than `seen`; `Ok(false)` if the deadline passed first.
    ///
    /// # Errors
    ///
    /// The calling thread was cancelled.
    pub(crate) fn wait(
        &self,
        interest: Interest,
        seen: u32,
        deadline: Option<Instant>,
    ) -> io::Result<bool> {
        let edges = self.edges(interest);
        context::parking(|context| {
            let control: Option<&Control> = context.local().and_then(|local| local.downcast_ref());
            let seated = control.and_then(|control| Seated::new(edges, control, context));
            if let Some(seated) = seated {
                return seated.wait(seen, deadline);
            }
            if !self.begin_wait(interest, seen) {
                return Ok(true);
            }
            let wait = match control {
                Some(control) => wait_queue::wait_interruptible(
                    &edges.count,
                    seen | WAITED,
                    deadline,
                    control.cancel_flag(),
                ),
                None => wait_queue::wait(&edges.count, seen | WAITED, deadline),
            };
            match wait {
                Wait::Woken | Wait::Changed => Ok(true),
                Wait::TimedOut => Ok(false),
                Wait::Interrupted => Err(cancelled()),
            }
        })
    }

    /// Says that somebody is about to wait for more edges than `seen`; false if there were more already.
    pub(crate) fn begin_wait(&self, interest: Interest, seen: u32) -> bool {
        match self
            .edges(interest)
            .count
            .compare_exchange(seen, seen | WAITED, Relaxed, Relaxed)
        {
            Ok(_) => true,
            Err(now) => now == seen | WAITED,
        }
    }

    /// As [`wait`](Self::wait), for a future, after [`begin_wait`](Self::begin_wait): ready once there were more
    /// edges than `seen`.
    #[cfg(feature = "async")]
    pub(crate) fn poll_wait(
        &self,
        waiting: Pin<&mut Waiting>,
        context: &mut task::Context<'_>,
        interest: Interest,
        seen: u32,
    ) -> Poll<()> {
        waiting
            .poll(context, &self.edges(interest).count, seen | WAITED)
            .map(drop)
    }

    fn edges(&self, interest: Interest) -> &Edges {
        match interest {
            Interest::Read => &self.read,
            Interest::Write => &self.write,
        }
    }
}

impl Edges {
    fn edge(&self) {
        if self.count.fetch_add(EDGE, SeqCst) & WAITED != 0 {
            // A thread that sets the bit again from here on has seen the new count.
            self.count.fetch_and(!WAITED, Relaxed);
            wait_queue::wake(&self.count, usize::MAX);
        }
        if let Some(who) = self.seat.call() {
            // SAFETY: the reference that `Seated` left there.
            unsafe { Control::from_raw(who) }.wake_placed();
        }
    }
}

/// The calling thread has the seat.
struct Seated<'a> {
    edges: &'a Edges,
    thread: &'a Control,
    context: &'a dyn Context,
}

impl<'a> Seated<'a> {
    /// `None` if somebody has it, or if this is no thread that is woken by its record.
    fn new(edges: &'a Edges, thread: &'a Control, context: &'a dyn Context) -> Option<Self> {
        let waker = context.waker();
        // In a section that blocks its OS thread it is another one.
        let is_placed = ptr::eq(waker.data(), thread.as_raw().as_ptr());
        if !is_placed || !edges.seat.take(thread.as_raw()) {
            return None;
        }
        // Such a waker is one reference to the record, which is in the seat now.
        mem::forget(waker);
        Some(Self {
            edges,
            thread,
            context,
        })
    }

    fn wait(self, seen: u32, deadline: Option<Instant>) -> io::Result<bool> {
        let mut is_late = false;
        loop {
            if self.edges.count.load(SeqCst) & !WAITED != seen {
                return Ok(true);
            }
            if self.thread.is_cancelled() {
                return Err(cancelled());
            }
            if is_late || deadline.is_some_and(|deadline| deadline <= self.context.now()) {
                return Ok(false);
            }
            is_late = self.context.park(deadline);
        }
    }
}

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        let who = self.thread.as_raw();
        if self.edges.seat.leave(who) {
            // SAFETY: the reference that `new` left there. Otherwise it is somebody's who wakes this thread once more, for no reason.
            drop(unsafe { Control::from_raw(who) });
        }
    }
}

/// A descriptor that a reactor knows, so that futures can wait for it: what
/// [`SocketRef::registered_with`](super::SocketRef::registered_with) makes.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "async"), allow(dead_code, reason = "futures read it"))]
pub struct Registered {
    pub(crate) reactor: &'static dyn Readiness,
    pub(crate) source: &'static Source,
    /// The number of edges from before, if it was registered just now: see [`Registration::add`].
    pub(crate) before: Option<u32>,
}

/// User space ends at 47 bits unless a program asks for more, which nothing here does.
const ADDRESS_BITS: u32 = 48;
const GENERATIONS: u32 = 1 << (64 - ADDRESS_BITS);

/// The sources that are not in use. They come in blocks, so that their addresses are dense.
struct Free(*mut Source);

// SAFETY: free sources are reached only through the list, which is behind a lock.
unsafe impl Send for Free {}

static FREE: Lock<Free> = Lock::new(Free(ptr::null_mut()));
const BLOCK: usize = 64;

fn allocate() -> &'static Source {
    loop {
        {
            let mut free = FREE.lock();
            // SAFETY: sources are never freed.
            if let Some(source) = unsafe { free.0.as_ref() } {
                free.0 = source.next.swap(ptr::null_mut(), Relaxed);
                return source;
            }
        }
        let block: Vec<Source> = (0..BLOCK).map(|_| Source::new()).collect();
        block.leak().iter().for_each(put_back);
    }
}

fn put_back(source: &'static Source) {
    let mut free = FREE.lock();
    source.next.store(free.0, Relaxed);
    free.0 = ptr::from_ref(source).cast_mut();
}

/// The sources of one descriptor, one for each engine that ever had to wait for it. Usually one, or none.
pub(crate) struct Registration {
    first: AtomicPtr<Source>,
    adding: Lock<()>,
}

impl Registration {
    pub(crate) const fn new() -> Self {
        Self {
            first: AtomicPtr::new(ptr::null_mut()),
            adding: Lock::new(()),
        }
    }

    /// The source that `owner` registered.
    pub(crate) fn find(&self, owner: &'static dyn Readiness) -> Option<&'static Source> {
        let mut source = self.first.load(Acquire);
        // SAFETY: sources are never freed.
        while let Some(found) = unsafe { source.as_ref() } {
            if found
                .owner
                .get()
                .is_some_and(|other| ptr::addr_eq(other, owner))
            {
                return Some(found);
            }
            source = found.next.load(Relaxed);
        }
        None
    }

    /// Registers the descriptor with `owner`, unless another thread just did.
    ///
    /// Returns the count from before the registration too: what the descriptor is ready for already is its
    /// first edge, so that the caller, who just tried in vain, can wait for more than that count.
    pub(crate) fn add(
        &self,
        owner: &'static dyn Readiness,
        fd: BorrowedFd<'_>,
        interest: Interest,
    ) -> io::Result<(&'static Source, Option<u32>)> {
        let _adding = self.adding.lock();
        if let Some(source) = self.find(owner) {
            return Ok((source, None));
        }
        let source = allocate();
        let seen = source.seen(interest);
        source.owner.set(Some(owner));
        if let Err(error) = owner.register(fd, source) {
            retire(source);
            return Err(error);
        }
        source.next.store(self.first.load(Relaxed), Relaxed);
        self.first.store(ptr::from_ref(source).cast_mut(), Release);
        Ok((source, Some(seen)))
    }

    /// Whether no reactor knows the descriptor.
    #[cfg(feature = "async")]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.load(Relaxed).is_null()
    }

    /// Forgets the descriptor. With `is_last` it is closed next, and is the last of its socket.
    pub(crate) fn release(&self, fd: BorrowedFd<'_>, is_last: bool) {
        if super::is_forked() {
            // The registrations are the parent's.
            return;
        }
        let _adding = self.adding.lock();
        let mut source = self.first.swap(ptr::null_mut(), Acquire);
        // SAFETY: sources are never freed.
        while let Some(released) = unsafe { source.as_ref() } {
            source = released.next.load(Relaxed);
            if let Some(owner) = released.owner.get()
                && !(is_last && owner.forgets_what_is_closed())
            {
                owner.deregister(fd, released);
            }
            retire(released);
        }
    }
}

/// Makes late events void, and the source fit for another descriptor.
fn retire(source: &'static Source) {
    source
        .generation
        .store((source.generation.load(Relaxed) + 1) % GENERATIONS, Relaxed);
    source.owner.set(None);
    source.hung_up.store(false, Relaxed);
    // The counts go on: an event that is being handled right now must still look like a new one.
    source.drained.store(NEVER, Relaxed);
    put_back(source);
}
