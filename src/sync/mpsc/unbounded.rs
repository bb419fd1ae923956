//! The channel without a bound: senders append to a queue under the lock, and the receiver takes all of it
//! at once into an inbox of its own, from which it then takes one message after another without any lock.

use super::handle::{ReceiverHandle, Sides};
use super::signal::Signal;
use super::{Attempt, RecvTimeoutError, TryRecvError};
use crate::sync::lock::{Guard, Lock};
use standin_core::fault;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem;

/// A buffer above this size is given back to the allocator once it is empty.
const KEPT_BYTES: usize = 64 * 1024;

pub(super) struct Channel<T> {
    state: Lock<State<T>>,
    /// The receiver waits here.
    arrival: Signal,
}

struct State<T> {
    queue: VecDeque<T>,
    receiver_waits: bool,
    senders_gone: bool,
    receiver_gone: bool,
}

impl<T> Channel<T> {
    pub(super) fn new() -> Self {
        Self {
            state: Lock::new(State {
                queue: VecDeque::new(),
                receiver_waits: false,
                senders_gone: false,
                receiver_gone: false,
            }),
            arrival: Signal::new(),
        }
    }

    #[inline]
    pub(super) fn send(&self, message: T) -> Result<(), T> {
        let mut state = self.state.lock();
        if state.receiver_gone {
            return Err(message);
        }
        state.queue.push_back(message);
        self.unlock_and_call_receiver(state);
        Ok(())
    }

    /// Refuses messages from now on; returns what is in the queue.
    fn close(&self) -> VecDeque<T> {
        let mut state = self.state.lock();
        state.receiver_gone = true;
        mem::take(&mut state.queue)
    }

    #[inline]
    fn unlock_and_call_receiver(&self, mut state: Guard<'_, State<T>>) {
        let waits = mem::take(&mut state.receiver_waits);
        if waits {
            self.arrival.advance();
        }
        drop(state);
        if waits {
            self.arrival.wake_one();
        }
    }
}

impl<T> Sides for Channel<T> {
    fn senders_gone(&self) {
        let mut state = self.state.lock();
        state.senders_gone = true;
        self.unlock_and_call_receiver(state);
    }

    fn receiver_gone(&self) {
        drop(self.close());
    }
}

/// The receiver, with the messages that it has taken out of the queue; they are older than those in it.
pub(super) struct Inbox<T> {
    channel: ReceiverHandle<Channel<T>>,
    messages: RefCell<VecDeque<T>>,
}

impl<T> Inbox<T> {
    pub(super) fn new(channel: ReceiverHandle<Channel<T>>) -> Self {
        Self {
            channel,
            messages: RefCell::new(VecDeque::new()),
        }
    }

    #[inline]
    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut messages = self.messages.borrow_mut();
        if let Some(message) = messages.pop_front() {
            return Ok(message);
        }
        self.refill(&mut messages, self.channel.state.lock())
            .map_err(|state| {
                if state.senders_gone {
                    TryRecvError::Disconnected
                } else {
                    TryRecvError::Empty
                }
            })
    }

    #[inline]
    pub(super) fn attempt(&self, timed_out: bool) -> Attempt<'_, T> {
        let mut messages = self.messages.borrow_mut();
        match messages.pop_front() {
            Some(message) => Attempt::Break(Ok(message)),
            None => self.attempt_queue(&mut messages, timed_out),
        }
    }

    fn attempt_queue(&self, messages: &mut VecDeque<T>, timed_out: bool) -> Attempt<'_, T> {
        if fault::is_planted("dropped-at-disconnect") && self.channel.state.lock().senders_gone {
            return Attempt::Break(Err(RecvTimeoutError::Disconnected));
        }
        let mut state = match self.refill(messages, self.channel.state.lock()) {
            Ok(message) => return Attempt::Break(Ok(message)),
            Err(state) => state,
        };
        if state.senders_gone {
            return Attempt::Break(Err(RecvTimeoutError::Disconnected));
        }
        state.receiver_waits = !timed_out;
        if timed_out {
            return Attempt::Break(Err(RecvTimeoutError::Timeout));
        }
        Attempt::Continue(self.channel.arrival.ticket())
    }

    /// Exchanges the inbox, which is empty, for the queue; the lock again if that is empty too.
    fn refill<'a>(
        &self,
        messages: &mut VecDeque<T>,
        mut state: Guard<'a, State<T>>,
    ) -> Result<T, Guard<'a, State<T>>> {
        if state.queue.is_empty() {
            return Err(state);
        }
        let large = messages.capacity().saturating_mul(size_of::<T>()) > KEPT_BYTES;
        let empty = if large {
            VecDeque::new()
        } else {
            mem::take(messages)
        };
        let _freed_without_lock = mem::replace(messages, mem::replace(&mut state.queue, empty));
        drop(state);
        Ok(messages.pop_front().expect("the queue was not empty"))
    }
}

impl<T> Drop for Inbox<T> {
    fn drop(&mut self) {
        // Closed first: the destructors of messages may send. Then the oldest message first, as in std.
        let _newer = self.channel.close();
        drop(self.messages.take());
    }
}
