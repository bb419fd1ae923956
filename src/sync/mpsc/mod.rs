//! Channels with many senders and one receiver: the shapes of [`std::sync::mpsc`].
//!
//! This file has the public types; each of the three kinds of channel is one file: `unbounded` behind
//! [`channel`], `bounded` and `rendezvous` behind [`sync_channel`]. The first two keep messages, in a `list` or a
//! `ring`, which senders and receiver use without a lock; their receiver is an `inbox`. The third keeps its state
//! behind one lock (`Lock`, which parks), for a few dozen instructions at a time. The errors are std's own.
//!
//! # No wake-up is lost
//!
//! A thread that has to wait reads the sequence number of the signal that it will wait on, and then says in the
//! state that it waits, in one step in which it sees that it still has to: in a section of the lock, or by a
//! compare-and-swap of the word in which the thing that it waits for will be seen. Whoever makes that happen sees,
//! in the same step, that somebody waits, and advances the sequence; then, without a lock, it wakes. The
//! wait queue lets a thread sleep only while the sequence is what the thread read; so it is asleep when the
//! wake comes, or does not fall asleep. It then looks at the state again, so that a wake too many does
//! no harm.
//!
//! Only who waits is woken, and one message or one free place wakes one thread. The end of the other side
//! wakes everybody.
//!
//! # Destructors
//!
//! Messages are dropped and given back outside of any lock. Their destructors may do anything, also send on the
//! same channel, where they find it closed.

mod bounded;
mod handle;
mod inbox;
mod iter;
mod list;
mod rendezvous;
mod ring;
mod signal;
mod slot;
mod spin;
mod tail;
#[cfg(test)]
mod tests;
mod unbounded;

use self::handle::{ReceiverHandle, SenderHandle};
use self::inbox::Inbox;
use super::ticket::Ticket;
use standin_core::{Instant, context};
use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

pub use self::iter::{IntoIter, Iter, TryIter};
pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

/// One look of the receiver at its channel: what the operation ends with, or what to wait for before the next.
type Attempt<'a, T> = ControlFlow<Result<T, RecvTimeoutError>, Ticket<'a>>;

/// A channel that holds any number of messages: sending never waits. This corresponds to
/// [`std::sync::mpsc::channel`].
///
/// ```
/// use standin::sync::mpsc::channel;
/// use std::thread;
///
/// let (sender, receiver) = channel();
/// thread::spawn(move || sender.send(10).unwrap());
/// assert_eq!(receiver.recv(), Ok(10));
/// assert!(receiver.recv().is_err());
/// ```
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = handle::pair(unbounded::Channel::new());
    let receiver = ReceiverKind::Unbounded(Inbox::new(receiver));
    (Sender { channel: sender }, Receiver::new(receiver))
}

/// A channel that holds up to `bound` messages: sending waits while there are as many. With zero, each
/// message goes from hand to hand: sending waits until a receiver takes it. This corresponds to
/// [`std::sync::mpsc::sync_channel`].
///
/// Room for the messages is reserved at once; it takes memory as they first come there.
///
/// # Panics
///
/// If so many messages are more than a process can have room for.
#[must_use]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    if bound == 0 {
        let (sender, receiver) = handle::pair(rendezvous::Channel::new());
        (
            SyncSender {
                channel: SyncSenderKind::Rendezvous(sender),
            },
            Receiver::new(ReceiverKind::Rendezvous(receiver)),
        )
    } else {
        let (sender, receiver) = handle::pair(bounded::Channel::new(bound));
        (
            SyncSender {
                channel: SyncSenderKind::Bounded(sender),
            },
            Receiver::new(ReceiverKind::Bounded(Inbox::new(receiver))),
        )
    }
}

/// The sending side of a [`channel`]; a clone sends to the same receiver. This corresponds to
/// [`std::sync::mpsc::Sender`].
pub struct Sender<T> {
    channel: SenderHandle<unbounded::Channel<T>>,
}

impl<T> Sender<T> {
    /// Puts a message into the channel, without waiting. This corresponds to
    /// [`std::sync::mpsc::Sender::send`].
    ///
    /// # Errors
    ///
    /// The message, if the receiver is gone. Success does not say that it will be received.
    #[inline]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        let sent = self.channel.send(t).map_err(SendError);
        context::progress();
        sent
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self {
            channel: self.channel.clone(),
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

/// The sending side of a [`sync_channel`]; a clone sends to the same receiver. This corresponds to
/// [`std::sync::mpsc::SyncSender`].
pub struct SyncSender<T> {
    channel: SyncSenderKind<T>,
}

enum SyncSenderKind<T> {
    Bounded(SenderHandle<bounded::Channel<T>>),
    Rendezvous(SenderHandle<rendezvous::Channel<T>>),
}

impl<T> SyncSender<T> {
    /// Waits until there is room for the message (in a channel of bound zero: until the receiver takes it),
    /// and puts it there. This corresponds to [`std::sync::mpsc::SyncSender::send`].
    ///
    /// # Errors
    ///
    /// The message, if the receiver is gone, also if it goes during the wait.
    #[inline]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        let sent = match &self.channel {
            SyncSenderKind::Bounded(channel) => channel.send(t),
            SyncSenderKind::Rendezvous(channel) => channel.send(t),
        };
        context::progress();
        sent.map_err(SendError)
    }

    /// As [`send`](Self::send), for a future.
    pub(crate) async fn send_in_task(&self, t: T) -> Result<(), SendError<T>> {
        let sent = match &self.channel {
            SyncSenderKind::Bounded(channel) => channel.send_async(t).await,
            SyncSenderKind::Rendezvous(channel) => channel.send_async(t).await,
        };
        context::progress();
        sent.map_err(SendError)
    }

    /// Puts the message into the channel if there is room now (in a channel of bound zero: if the receiver
    /// waits for a message now). This corresponds to [`std::sync::mpsc::SyncSender::try_send`].
    ///
    /// # Errors
    ///
    /// The message, in [`TrySendError::Full`] or, if the receiver is gone, in
    /// [`TrySendError::Disconnected`].
    #[inline]
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        let sent = match &self.channel {
            SyncSenderKind::Bounded(channel) => channel.try_send(t),
            SyncSenderKind::Rendezvous(channel) => channel.try_send(t),
        };
        context::progress();
        sent
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> Self {
        let channel = match &self.channel {
            SyncSenderKind::Bounded(channel) => SyncSenderKind::Bounded(channel.clone()),
            SyncSenderKind::Rendezvous(channel) => SyncSenderKind::Rendezvous(channel.clone()),
        };
        Self { channel }
    }
}

impl<T> fmt::Debug for SyncSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncSender").finish_non_exhaustive()
    }
}

impl<T> UnwindSafe for SyncSender<T> {}
impl<T> RefUnwindSafe for SyncSender<T> {}

/// The receiving side of a [`channel`] or a [`sync_channel`]. This corresponds to
/// [`std::sync::mpsc::Receiver`].
///
/// It can be given to another thread, but one thread has it at a time:
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>(_: T) {}
/// assert_sync(standin::sync::mpsc::channel::<u32>().1);
/// ```
pub struct Receiver<T> {
    channel: ReceiverKind<T>,
    not_sync: PhantomData<std::cell::Cell<()>>,
}

enum ReceiverKind<T> {
    Unbounded(Inbox<unbounded::Channel<T>>),
    Bounded(Inbox<bounded::Channel<T>>),
    Rendezvous(ReceiverHandle<rendezvous::Channel<T>>),
}

impl<T> Receiver<T> {
    fn new(channel: ReceiverKind<T>) -> Self {
        Self {
            channel,
            not_sync: PhantomData,
        }
    }

    /// Takes a message if there is one now (in a channel of bound zero: if a sender waits with one). This
    /// corresponds to [`std::sync::mpsc::Receiver::try_recv`].
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`], or [`TryRecvError::Disconnected`] if there will never be one.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let received = match &self.channel {
            ReceiverKind::Unbounded(channel) => channel.try_recv(),
            ReceiverKind::Bounded(channel) => channel.try_recv(),
            ReceiverKind::Rendezvous(channel) => channel.try_recv(),
        };
        context::progress();
        received
    }

    /// Waits for a message and takes it. This corresponds to [`std::sync::mpsc::Receiver::recv`].
    ///
    /// # Errors
    ///
    /// [`RecvError`] if there is none and all senders are gone, also if the last one goes during the wait.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        // Without a deadline the only error is that the senders are gone.
        self.recv_until(None).map_err(|_| RecvError)
    }

    /// Waits for a message, but no longer than about `timeout`, and takes it. This corresponds to
    /// [`std::sync::mpsc::Receiver::recv_timeout`]. A time that ends beyond what the clock can represent is
    /// no limit.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError::Timeout`] if none came in that time; [`RecvTimeoutError::Disconnected`] if there
    /// is none and all senders are gone.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        match self.try_recv() {
            Ok(message) => Ok(message),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => self.recv_until(context::now().checked_add(timeout)),
        }
    }

    /// The messages as they come, waiting for each, until all senders are gone. This corresponds to
    /// [`std::sync::mpsc::Receiver::iter`].
    pub fn iter(&self) -> Iter<'_, T> {
        Iter::new(self)
    }

    /// The messages that are there, without waiting for more. This corresponds to
    /// [`std::sync::mpsc::Receiver::try_iter`].
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter::new(self)
    }

    #[inline]
    fn recv_until(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        self.watch();
        let mut timed_out = false;
        loop {
            match self.attempt(timed_out) {
                ControlFlow::Break(received) => {
                    context::progress();
                    return received;
                }
                ControlFlow::Continue(ticket) => timed_out = !ticket.wait(deadline),
            }
        }
    }

    /// As [`recv`](Self::recv), for a future. The exclusive borrow keeps others from receiving meanwhile, and can be
    /// sent to another thread with the future, which a shared one could not.
    pub(crate) async fn recv_in_task(&mut self) -> Result<T, RecvError> {
        let rendezvous = match &self.channel {
            ReceiverKind::Rendezvous(channel) => Some(&**channel),
            ReceiverKind::Unbounded(_) | ReceiverKind::Bounded(_) => None,
        };
        loop {
            match self.attempt(false) {
                ControlFlow::Break(received) => {
                    context::progress();
                    return received.map_err(|_| RecvError);
                }
                ControlFlow::Continue(ticket) => {
                    // Where messages are kept, all that is left behind is a signal too many to nobody. And nobody
                    // else waits as a receiver, to whom a wake could be passed on.
                    let gave_up = |_| {
                        if let Some(channel) = rendezvous {
                            channel.receiver_gave_up();
                        }
                    };
                    ticket.wait_async(gave_up).await;
                }
            }
        }
    }

    #[inline]
    fn watch(&self) {
        match &self.channel {
            ReceiverKind::Unbounded(channel) => channel.watch(),
            ReceiverKind::Bounded(channel) => channel.watch(),
            // A sender that waits is there, or is not.
            ReceiverKind::Rendezvous(_) => {}
        }
    }

    #[inline]
    fn attempt(&self, timed_out: bool) -> Attempt<'_, T> {
        match &self.channel {
            ReceiverKind::Unbounded(channel) => channel.attempt(timed_out),
            ReceiverKind::Bounded(channel) => channel.attempt(timed_out),
            ReceiverKind::Rendezvous(channel) => channel.attempt(timed_out),
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}
// It keeps messages on the heap only.
impl<T> Unpin for Receiver<T> {}
