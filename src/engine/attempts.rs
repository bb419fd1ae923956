//! Socket operations for futures: attempt, and wait in the wait queue until a reactor sees an edge. The same loop as
//! `readiness.rs` has for threads, cut at its waits: see `source.rs` for why no wake-up is lost. `standin::aio` relies
//! on it.
//!
//! An attempt is the operation of the engine's contract with [`Limit::Immediate`](super::Limit::Immediate): the future
//! may be polled by anybody, who must not be blocked.

use super::operations::{Look, until_not_interrupted, would_block};
use super::source::{Interest, Registered};
use super::{Control, Engine, SocketRef, kernel, tokio};
use ::tokio::task::coop;
use standin_core::wait_queue::Waiting;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How often a single poll attempts in vain, although edges came, before it lets others run.
const ATTEMPTS: u32 = 4;

/// One direction of one socket, for one engine, as whoever polls it knows it. A future that is dropped between two
/// polls has done nothing: what an attempt did is returned by the same poll.
///
/// # Invariant
///
/// *borrowed*: each poll is given the same socket, which is not closed or taken apart in between.
pub(crate) struct Attempts {
    interest: Interest,
    /// By which reactor it waits, once it had to.
    registered: Option<Registered>,
    /// While it waits: more edges than how many.
    awaited: Option<u32>,
    /// When it attempts although nothing was announced, where it has to.
    look: Option<(Look, crate::engine::BoxedFuture)>,
    /// Structurally pinned.
    waiting: Waiting,
}

/// What is attempted.
pub(crate) trait Operation {
    type Output;

    /// Attempts it; `WouldBlock` is to wait.
    fn attempt(&mut self) -> io::Result<Self::Output>;

    /// Whether the result says that nothing is left to read in a TCP stream.
    fn drains(&self, _: &Self::Output) -> bool {
        false
    }

    /// What it is when the receiving side is shut down, although it would block.
    fn end(&mut self) -> io::Result<Self::Output> {
        Err(would_block())
    }
}

impl<T, F: FnMut() -> io::Result<T>> Operation for F {
    type Output = T;

    fn attempt(&mut self) -> io::Result<T> {
        self()
    }
}

impl Attempts {
    pub(crate) const fn new(interest: Interest) -> Self {
        Self {
            interest,
            registered: None,
            awaited: None,
            look: None,
            waiting: Waiting::new(),
        }
    }

    /// Attempts `operation` until it succeeds or fails for good.
    ///
    /// # Errors
    ///
    /// Those of the operation, and of registering the socket; and [`cancelled`](super::cancelled), if the caller is a
    /// thread that was cancelled.
    pub(crate) fn poll<O: Operation>(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        engine: Engine,
        socket: SocketRef<'_>,
        operation: &mut O,
    ) -> Poll<io::Result<O::Output>> {
        // Where tokio polls a task, so many operations a poll.
        let budget = ready!(coop::poll_proceed(context));
        Control::check_cancellation()?;
        // SAFETY: `waiting` is pinned again below, and nothing is moved out of it.
        let this = unsafe { self.get_unchecked_mut() };
        for _ in 0..ATTEMPTS {
            ready!(this.poll_wait(context, engine));
            if this.registered.is_none() && !socket.registration.is_empty() {
                this.register(engine, socket)?;
            }
            // Read before the attempt: an edge that comes later ends the wait below.
            let seen = this.seen();
            if let Some(done) = this.attempt(socket, seen, operation) {
                budget.made_progress();
                return Poll::Ready(done);
            }
            if this.awaited.is_none() {
                this.begin_wait(engine, socket, seen)?;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ready when there is a reason to attempt.
    fn poll_wait(&mut self, context: &mut Context<'_>, engine: Engine) -> Poll<()> {
        let (Some(registered), Some(seen)) = (self.registered, self.awaited) else {
            return Poll::Ready(());
        };
        // SAFETY: the whole is pinned (`poll` says so), and nothing moves this field or hands out another reference.
        let waiting = unsafe { Pin::new_unchecked(&mut self.waiting) };
        let source = registered.source;
        if source
            .poll_wait(waiting, context, self.interest, seen)
            .is_ready()
        {
            self.awaited = None;
            return Poll::Ready(());
        }
        let Some((look, timer)) = &mut self.look else {
            return Poll::Pending;
        };
        ready!(timer.as_mut().poll(context));
        *timer = crate::aio::sleeping(engine, look.next());
        Poll::Ready(())
    }

    /// The number of edges so far, where a reactor knows the socket.
    fn seen(&self) -> Option<u32> {
        let registered = self.registered?;
        Some(registered.source.seen(self.interest))
    }

    /// Attempts; `None` if the operation has to wait.
    fn attempt<O: Operation>(
        &self,
        socket: SocketRef<'_>,
        seen: Option<u32>,
        operation: &mut O,
    ) -> Option<io::Result<O::Output>> {
        let known = self
            .registered
            .filter(|_| self.interest == Interest::Read)
            .map(|registered| registered.source)
            .zip(seen);
        let short_is_all = socket.shared.short_is_all();
        if known.is_some_and(|(source, seen)| short_is_all && source.is_drained(seen)) {
            return None;
        }
        let value = match until_not_interrupted(|| operation.attempt()) {
            Ok(value) => value,
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Some(Err(error)),
            Err(_) if known.is_some_and(|(source, _)| source.has_ended()) => {
                return self.unless_shut_down(socket, operation);
            }
            Err(_) => return None,
        };
        if let Some((source, seen)) = known
            && short_is_all
            && operation.drains(&value)
        {
            source.set_drained(seen);
        }
        Some(Ok(value))
    }

    /// As the function of the same name in `operations.rs`, after an attempt in vain.
    #[cold]
    fn unless_shut_down<O: Operation>(
        &self,
        socket: SocketRef<'_>,
        operation: &mut O,
    ) -> Option<io::Result<O::Output>> {
        match kernel::is_receiving_shut_down(socket.fd()) {
            Ok(false) => return None,
            Ok(true) => {}
            Err(error) => return Some(Err(error)),
        }
        // What came before the shutdown is received first.
        let done = match until_not_interrupted(|| operation.attempt()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => operation.end(),
            done => done,
        };
        // Urgent data looks like an end too, but not to the kernel's own question.
        match done {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            done => Some(done),
        }
    }

    /// From here on an edge wakes, unless it came already.
    fn begin_wait(
        &mut self,
        engine: Engine,
        socket: SocketRef<'_>,
        seen: Option<u32>,
    ) -> io::Result<()> {
        let known = self.registered.zip(seen);
        let (registered, seen) = match known {
            Some((registered, seen)) if !registered.source.has_ended() => (registered, seen),
            // A reactor says so as well when it ends itself, with its tokio runtime.
            _ => {
                let found = self.register(engine, socket)?;
                match (known, found.before) {
                    (Some((known, seen)), _) if std::ptr::eq(known.source, found.source) => {
                        (known, seen)
                    }
                    (_, Some(before)) => (found, before),
                    // Others registered it meanwhile.
                    _ => return Ok(()),
                }
            }
        };
        registered
            .reactor
            .before_wait(socket.fd(), registered.source, self.interest);
        if registered.source.begin_wait(self.interest, seen) {
            self.awaited = Some(seen);
            let mut look = Look::new();
            if self.look.is_none()
                && let Some(pause) = look.pause(socket, self.interest)
            {
                self.look = Some((look, crate::aio::sleeping(engine, pause)));
            }
        }
        Ok(())
    }

    fn register(&mut self, engine: Engine, socket: SocketRef<'_>) -> io::Result<Registered> {
        let by_own = engine.contract().registered(socket, self.interest)?;
        let registered = match by_own {
            Some(registered) => registered,
            None => tokio::registered(socket, self.interest)?,
        };
        Ok(*self.registered.insert(registered))
    }
}
