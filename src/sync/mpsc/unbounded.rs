//! The channel without a bound: a [`List`], and a receiver that waits.

use super::handle::Sides;
use super::inbox::Queue;
use super::list::List;
use super::signal::Signal;
use super::tail::Tail;

pub(super) struct Channel<T> {
    list: List<T>,
    /// The receiver waits here.
    arrival: Signal,
}

impl<T> Channel<T> {
    pub(super) fn new() -> Self {
        Self {
            list: List::new(),
            arrival: Signal::new(),
        }
    }

    #[inline]
    pub(super) fn send(&self, message: T) -> Result<(), T> {
        if self.list.push(message)? {
            self.call_receiver();
        }
        Ok(())
    }
}

impl<T> Queue for Channel<T> {
    type Message = T;

    #[inline]
    fn tail(&self) -> &Tail {
        self.list.tail()
    }

    #[inline]
    fn arrival(&self) -> &Signal {
        &self.arrival
    }

    #[inline]
    unsafe fn next(&self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { self.list.next() }
    }

    #[inline]
    unsafe fn has_next(&self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.list.has_next() }
    }

    #[inline]
    unsafe fn take(&self) -> Option<T> {
        // SAFETY: the caller's promise.
        unsafe { self.list.pop() }
    }
}

impl<T> Sides for Channel<T> {
    fn senders_gone(&self) {
        self.let_senders_go();
    }

    fn receiver_gone(&self) {
        let end = self.list.tail().let_receiver_go().next();
        // SAFETY: the receiver calls this as the last that it does; no more is claimed.
        unsafe { self.drop_rest(end) };
        self.list.free_spare();
    }
}
