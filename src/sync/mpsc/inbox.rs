//! The receiving side of the channels that keep messages.

use super::handle::{ReceiverHandle, Sides};
use super::signal::Signal;
use super::spin::Spin;
use super::tail::{Look, Tail};
use super::{Attempt, RecvTimeoutError, TryRecvError};
use standin_core::{context, fault};
use std::cell::Cell;
use std::marker::PhantomData;

/// How often the receiver, on a plain OS thread, looks for a message before it waits: as long as a sender needs that is
/// at it on another processor, and a few times as long as other OS threads need.
const LOOKS: u32 = 10;

/// A channel that keeps messages.
pub(super) trait Queue: Sides {
    type Message;

    fn tail(&self) -> &Tail;

    /// The receiver waits here.
    fn arrival(&self) -> &Signal;

    /// The number of the next message.
    ///
    /// # Safety
    ///
    /// The caller is the receiver.
    unsafe fn next(&self) -> u64;

    /// Whether the next message is there.
    ///
    /// # Safety
    ///
    /// The caller is the receiver.
    unsafe fn has_next(&self) -> bool;

    /// Takes the next message, if it is there, and lets senders know that wait for its place.
    ///
    /// # Safety
    ///
    /// The caller is the receiver.
    unsafe fn take(&self) -> Option<Self::Message>;

    /// Calls the receiver, whom the tail said to wait.
    #[cold]
    fn call_receiver(&self) {
        self.arrival().advance();
        self.arrival().wake_one();
    }

    /// To be called when the last sender goes.
    fn let_senders_go(&self) {
        if self.tail().let_senders_go().receiver_waits() {
            self.call_receiver();
        }
    }

    /// Drops all messages before `end`, the oldest first, and the others too if the destructor of one unwinds.
    ///
    /// # Safety
    ///
    /// The caller is the receiver, and all numbers before `end` are claimed.
    unsafe fn drop_rest(&self, end: u64) {
        struct Rest<'a, C: Queue + ?Sized>(&'a C, u64);
        impl<C: Queue + ?Sized> Drop for Rest<'_, C> {
            fn drop(&mut self) {
                // SAFETY: the promise of who made this.
                while unsafe { self.0.next() } != self.1 {
                    let after = Rest(self.0, self.1);
                    // SAFETY: as above.
                    drop(unsafe { take_claimed(self.0) });
                    std::mem::forget(after);
                }
            }
        }
        drop(Rest(self, end));
    }
}

/// The receiver. It is one, and one thread uses it at a time.
pub(super) struct Inbox<C: Queue> {
    channel: ReceiverHandle<C>,
    not_sync: PhantomData<Cell<()>>,
}

impl<C: Queue> Inbox<C> {
    pub(super) fn new(channel: ReceiverHandle<C>) -> Self {
        Self {
            channel,
            not_sync: PhantomData,
        }
    }

    #[inline]
    pub(super) fn try_recv(&self) -> Result<C::Message, TryRecvError> {
        if self.drops_what_is_left() {
            return Err(TryRecvError::Disconnected);
        }
        // SAFETY: this is the receiver.
        if let Some(message) = unsafe { self.channel.take() } {
            return Ok(message);
        }
        // SAFETY: as above.
        match self.channel.tail().look_for(unsafe { self.channel.next() }) {
            // SAFETY: claimed.
            Look::Coming => Ok(unsafe { take_claimed(&*self.channel) }),
            Look::Gone => Err(TryRecvError::Disconnected),
            Look::Nothing => Err(TryRecvError::Empty),
        }
    }

    #[inline]
    pub(super) fn attempt(&self, timed_out: bool) -> Attempt<'_, C::Message> {
        if self.drops_what_is_left() {
            return Attempt::Break(Err(RecvTimeoutError::Disconnected));
        }
        // SAFETY: this is the receiver.
        match unsafe { self.channel.take() } {
            Some(message) => Attempt::Break(Ok(message)),
            None => self.attempt_to_wait(timed_out),
        }
    }

    /// A planted fault: once no sender is left, nothing is received.
    #[inline]
    fn drops_what_is_left(&self) -> bool {
        fault::is_planted("dropped-at-disconnect") && self.channel.tail().senders_are_gone()
    }

    /// There was no message.
    fn attempt_to_wait(&self, timed_out: bool) -> Attempt<'_, C::Message> {
        let tail = self.channel.tail();
        // SAFETY: this is the receiver.
        let next = unsafe { self.channel.next() };
        // Taken before the look: who calls the receiver has claimed, and so it is seen, or has yet to call.
        let ticket = self.channel.arrival().ticket();
        let look = if timed_out {
            tail.wait_no_more();
            tail.look_for(next)
        } else {
            tail.wait_for(next)
        };
        match look {
            // SAFETY: claimed, and this is the receiver.
            Look::Coming => Attempt::Break(Ok(unsafe { take_claimed(&*self.channel) })),
            Look::Gone => Attempt::Break(Err(RecvTimeoutError::Disconnected)),
            Look::Nothing if timed_out => Attempt::Break(Err(RecvTimeoutError::Timeout)),
            Look::Nothing => Attempt::Continue(ticket),
        }
    }

    /// Looks for a message for a while that is shorter than a wait and a wake, where that keeps nobody from sending
    /// one: on a plain OS thread. Another thread may need this processor to send.
    #[inline]
    pub(super) fn watch(&self) {
        // SAFETY: this is the receiver.
        if !unsafe { self.channel.has_next() } {
            self.watch_for_long();
        }
    }

    #[cold]
    fn watch_for_long(&self) {
        if context::current(|context| context.is_some()) {
            return;
        }
        let mut spin = Spin::new();
        // SAFETY: this is the receiver.
        while spin.count() < LOOKS && !unsafe { self.channel.has_next() } {
            spin.pause();
        }
    }
}

/// Takes a message that is certain to come: whoever claimed its number has no more to do than to write it.
///
/// # Safety
///
/// The caller is the receiver, and the number of the next message is claimed.
#[cold]
unsafe fn take_claimed<C: Queue + ?Sized>(channel: &C) -> C::Message {
    let mut spin = Spin::new();
    loop {
        // SAFETY: the caller's promise.
        if let Some(message) = unsafe { channel.take() } {
            return message;
        }
        spin.pause();
    }
}
