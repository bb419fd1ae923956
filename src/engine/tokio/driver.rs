//! A runtime's I/O driver as the reactor of this engine's threads.
//!
//! tokio keeps for each descriptor what it is ready for, and wakes who asked for that. Here each event is to be an
//! edge, counted in the descriptor's source. So the engine asks with a waker that takes the event at once: it
//! clears what tokio keeps, asks again, and raises the edge. Nothing that is still true is left behind in tokio, so a
//! thread that used up what an edge announced waits without asking the kernel, as on the green engine.
//!
//! `README.md` in this folder argues that no edge is lost.

use crate::engine::{Interest, Readiness, Source};
use rustix::net::SocketType;
use rustix::net::sockopt::socket_type;
use standin_core::{Lock, context};
use std::cell::UnsafeCell;
use std::future::poll_fn;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::pin::pin;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::task::{Context, Poll, Wake, Waker};
use tokio::io::Interest as Events;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{EnterGuard, Handle, Id};
use tokio::task::coop::unconstrained;

/// A runtime, as far as threads and descriptors are concerned. Drivers are never freed, only used again for another
/// runtime once no thread is on it and no descriptor known to it: `runtimes.rs` does that, under a lock.
pub(super) struct Driver {
    /// How many threads are on the runtime, or are about to be.
    pub(super) members: AtomicUsize,
    /// How many descriptors are registered.
    sources: AtomicUsize,
    /// Which runtime it serves, and its handle as long as there are members.
    runtime: UnsafeCell<(Option<Id>, Option<Handle>)>,
}

// SAFETY: the runtime is written under the lock of `runtimes.rs`, and only while there are no members; and read by
// members, or under that lock.
unsafe impl Sync for Driver {}

impl Driver {
    pub(super) fn new() -> Self {
        Self {
            members: AtomicUsize::new(0),
            sources: AtomicUsize::new(0),
            runtime: UnsafeCell::new((None, None)),
        }
    }

    /// # Safety
    ///
    /// The caller holds the lock, and if this is another runtime than before, the driver is unused.
    pub(super) unsafe fn serve(&self, handle: &Handle) {
        if self.members.load(Relaxed) == 0 {
            // SAFETY: there are no members, and with the lock held none come.
            unsafe { *self.runtime.get() = (Some(handle.id()), Some(handle.clone())) };
        }
    }

    /// Takes the handle, if there are no members.
    ///
    /// # Safety
    ///
    /// The caller holds the lock.
    pub(super) unsafe fn leave(&self) -> Option<Handle> {
        if self.members.load(Acquire) != 0 {
            return None;
        }
        // SAFETY: there are no members, and with the lock held none come.
        unsafe { (*self.runtime.get()).1.take() }
    }

    /// Whether it serves, or did last, this runtime.
    ///
    /// # Safety
    ///
    /// The caller holds the lock.
    pub(super) unsafe fn is_of(&self, runtime: Id) -> bool {
        // SAFETY: it is written with the lock held only.
        unsafe { (*self.runtime.get()).0 == Some(runtime) }
    }

    /// Whether it can serve another runtime.
    pub(super) fn is_unused(&self) -> bool {
        self.members.load(Acquire) == 0 && self.sources.load(Acquire) == 0
    }

    /// By members.
    pub(super) fn handle(&self) -> &Handle {
        // SAFETY: it does not change while there are members.
        unsafe { &(*self.runtime.get()).1 }
            .as_ref()
            .expect("a driver with members serves a runtime")
    }

    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.handle().enter()
    }
}

impl Readiness for Driver {
    fn register(&self, fd: BorrowedFd<'_>, source: &'static Source) -> io::Result<()> {
        let events = Events::READABLE | Events::WRITABLE | Events::PRIORITY;
        let known = {
            let _entered = self.enter();
            // SAFETY: whoever closes the descriptor, or hands it out, deregisters it first.
            unsafe { AsyncFd::register_with_interest(fd.as_raw_fd(), events) }
                .map_err(io::Error::from)?
        };
        let registered = Arc::new(Registered {
            source,
            is_datagram: socket_type(fd).is_ok_and(|kind| kind == SocketType::DGRAM),
            fd: Lock::new(Some(known)),
        });
        self.sources.fetch_add(1, Relaxed);
        ask(&registered, Interest::Read);
        source
            .home
            .store(Arc::into_raw(registered).expose_provenance(), Release);
        Ok(())
    }

    fn deregister(&self, _: BorrowedFd<'_>, source: &'static Source) {
        let registered = ptr::with_exposed_provenance(source.home.swap(0, Acquire));
        // SAFETY: `register` stored it, and a source is deregistered once.
        let registered: Arc<Registered> = unsafe { Arc::from_raw(registered) };
        let known = registered.fd.lock().take();
        // Outside of the lock: it drops the wakers.
        drop(known);
        self.sources.fetch_sub(1, Release);
    }

    fn before_wait(&self, _: BorrowedFd<'_>, source: &'static Source, interest: Interest) {
        let registered = ptr::with_exposed_provenance(source.home.load(Acquire));
        // SAFETY: it lives until the source is deregistered, which nobody does while a thread waits for it.
        let registered: ManuallyDrop<Arc<Registered>> =
            ManuallyDrop::new(unsafe { Arc::from_raw(registered) });
        let is_write = interest == Interest::Write;
        // Reads are asked for all the time. An error of a datagram socket is announced to writers only.
        if is_write || registered.is_datagram {
            let announced = ask(&registered, Interest::Write);
            if is_write && announced.is_over {
                // tokio says so for ever, although a datagram socket that had an error may be full.
                context::parking(|thread| thread.yield_now());
            }
        }
    }
}

/// A descriptor that a driver knows. As a waker it is what waits for reads.
struct Registered {
    source: &'static Source,
    is_datagram: bool,
    /// `None` once it is deregistered.
    fd: Lock<Option<AsyncFd<RawFd>>>,
}

/// The same as what waits for writes.
#[repr(transparent)]
struct ForWrites(Registered);

/// What tokio announced.
#[derive(Clone, Copy, Default)]
struct Announced {
    is_ready: bool,
    /// No more announcements come for the direction: its end, or an error, or the end of the runtime.
    is_over: bool,
    /// Something that makes reads stop short, or an error.
    is_special: bool,
}

/// Asks tokio to wake for the next event of a direction, and raises an edge for what it knows already.
fn ask(registered: &Arc<Registered>, interest: Interest) -> Announced {
    let waker = match interest {
        Interest::Read => Waker::from(registered.clone()),
        Interest::Write => {
            let side = Arc::into_raw(registered.clone()).cast::<ForWrites>();
            // SAFETY: the two are laid out alike.
            Waker::from(unsafe { Arc::from_raw(side) })
        }
    };
    let announced = match &*registered.fd.lock() {
        Some(known) => take_announced(known, interest, &waker),
        None => return Announced::default(),
    };
    if announced.is_ready {
        let is_error = interest == Interest::Write && announced.is_special;
        registered.source.edge(
            interest == Interest::Read || is_error,
            interest == Interest::Write,
            announced.is_special || announced.is_over,
        );
    }
    announced
}

/// Takes out of tokio what it knows of a direction, until it knows nothing and will wake.
fn take_announced(known: &AsyncFd<RawFd>, interest: Interest, waker: &Waker) -> Announced {
    let mut announced = Announced::default();
    let mut once = poll_fn(|context| {
        let polled = match interest {
            Interest::Read => known.poll_read_ready(context),
            Interest::Write => known.poll_write_ready(context),
        };
        polled.map_ok(|mut guard| {
            let ready = guard.ready();
            // It keeps what says that the direction is at its end.
            guard.clear_ready();
            ready
        })
    });
    // No budget: it is no task that asks.
    let mut once = pin!(unconstrained(&mut once));
    let mut context = Context::from_waker(waker);
    while let Poll::Ready(ready) = once.as_mut().poll(&mut context) {
        announced.is_ready = true;
        announced.is_over = match ready {
            Ok(ready) if interest == Interest::Read => ready.is_read_closed(),
            Ok(ready) => ready.is_write_closed(),
            Err(_) => true,
        };
        if announced.is_over {
            break;
        }
    }
    if announced.is_ready {
        let holds = |events| known.try_io(events, |_| Ok(())).is_ok();
        announced.is_special = holds(Events::ERROR) || holds(Events::PRIORITY);
    }
    announced
}

impl Wake for Registered {
    fn wake(self: Arc<Self>) {
        ask(&self, Interest::Read);
    }
}

impl Wake for ForWrites {
    fn wake(self: Arc<Self>) {
        let side = Arc::into_raw(self).cast::<Registered>();
        // SAFETY: the two are laid out alike.
        let registered = unsafe { Arc::from_raw(side) };
        if registered.is_datagram {
            // A reader waits for the error that may come, and does not ask again for each room to write.
            ask(&registered, Interest::Write);
        } else {
            // Once: whoever waits again asks again.
            registered.source.edge(false, true, false);
        }
    }
}
