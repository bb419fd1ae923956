//! The channel without room: a message goes from the sender's hand into the receiver's.
//!
//! Two ways, after who came first. If the receiver waits, the sender puts the message into `handed`, which
//! takes the receiver's readiness away, so no second sender does; the receiver is bound to take it, also if
//! its deadline passed meanwhile, and a receiving future that is dropped leaves it to the next receive. If not, the
//! sender offers: its [`Offer`] lies on its own stack, or inside of its future, in the queue of the offers, until
//! the receiver has taken the message out, or has gone, or the sender takes it back.

use super::handle::Sides;
use super::signal::Signal;
use super::{Attempt, RecvTimeoutError, TryRecvError, TrySendError};
use crate::sync::lock::{Guard, Lock};
use crate::sync::ticket::Ticket;
use standin_core::wait_queue;
use std::cell::{Cell, UnsafeCell};
use std::mem;
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

pub(super) struct Channel<T> {
    state: Lock<State<T>>,
    /// The receiver waits here.
    arrival: Signal,
}

struct State<T> {
    offers: Offers<T>,
    /// A message for the receiver that waited.
    handed: Option<T>,
    receiver_waits: bool,
    senders_gone: bool,
    receiver_gone: bool,
}

const WAITING: u32 = 0;
const ANSWERED: u32 = 1;

/// A message on the stack of a sender that waits, or inside of its future.
///
/// # Invariants
///
/// - *linked*: `next` and `previous` are used under the channel's lock only. The offer is in the queue from
///   [`Channel::offer`] until it is answered or taken back, each in one section of the lock.
/// - *owner*: the message belongs to whoever has the lock while the offer is in the queue, and to the sender
///   before and afterwards.
/// - *alive*: the offer does not end while it is in the queue. Its sender sees `ANSWERED`, or takes the lock and
///   sees that it is not in the queue any more, before it lets the offer end; nobody touches it after the
///   answer.
struct Offer<T> {
    next: Cell<*const Offer<T>>,
    previous: Cell<*const Offer<T>>,
    message: UnsafeCell<Option<T>>,
    answer: AtomicU32,
}

// SAFETY: *linked*, *owner*: whoever touches a part has the lock, or is the sender alone with it; the message
// moves between threads.
unsafe impl<T: Send> Send for Offer<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Offer<T> {}

/// The offers that wait, the oldest first.
struct Offers<T> {
    first: *const Offer<T>,
    last: *const Offer<T>,
}

/// An offer that was made. It is in the queue until it is answered; if it is not by then, the drop takes it back.
struct Offered<'a, T> {
    channel: &'a Channel<T>,
    offer: &'a Offer<T>,
}

// SAFETY: the messages behind the pointers may move between threads; *linked* and *owner* say who touches
// an offer when.
unsafe impl<T: Send> Send for Offers<T> {}

impl<T> Channel<T> {
    pub(super) fn new() -> Self {
        Self {
            state: Lock::new(State {
                offers: Offers::new(),
                handed: None,
                receiver_waits: false,
                senders_gone: false,
                receiver_gone: false,
            }),
            arrival: Signal::new(),
        }
    }

    pub(super) fn send(&self, message: T) -> Result<(), T> {
        let offer = Offer::new();
        // SAFETY: the offer is new, stays where it is, and ends after what is made here.
        let offered = unsafe { self.offer(message, &offer) };
        while let Some(ticket) = offered.ticket() {
            ticket.wait(None);
        }
        drop(offered);
        offer.outcome()
    }

    /// As [`send`](Self::send), for a future.
    pub(super) async fn send_async(&self, message: T) -> Result<(), T> {
        let offer = Offer::new();
        // SAFETY: the offer is new, stays where it is inside of this pinned future, and ends after what is made
        // here.
        let offered = unsafe { self.offer(message, &offer) };
        while let Some(ticket) = offered.ticket() {
            // Nobody else waits on this word, to whom a wake could be passed on.
            ticket.wait_async(|_| ()).await;
        }
        drop(offered);
        offer.outcome()
    }

    pub(super) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.hand_over(message).map_err(|(state, message)| {
            if state.receiver_gone {
                TrySendError::Disconnected(message)
            } else {
                TrySendError::Full(message)
            }
        })
    }

    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        self.take(self.state.lock()).map_err(|state| {
            if state.senders_gone {
                TryRecvError::Disconnected
            } else {
                TryRecvError::Empty
            }
        })
    }

    pub(super) fn attempt(&self, timed_out: bool) -> Attempt<'_, T> {
        let mut state = match self.take(self.state.lock()) {
            Ok(message) => return Attempt::Break(Ok(message)),
            Err(state) => state,
        };
        state.receiver_waits = !timed_out && !state.senders_gone;
        if state.senders_gone {
            return Attempt::Break(Err(RecvTimeoutError::Disconnected));
        }
        if timed_out {
            return Attempt::Break(Err(RecvTimeoutError::Timeout));
        }
        Attempt::Continue(self.arrival.ticket())
    }

    /// The receiver waits no more, for the time being. A message that it was handed is kept for it.
    pub(super) fn receiver_gave_up(&self) {
        self.state.lock().receiver_waits = false;
    }

    /// Gives the message to the receiver if it waits; the lock and the message again if not.
    fn hand_over(&self, message: T) -> Result<(), (Guard<'_, State<T>>, T)> {
        let mut state = self.state.lock();
        if !state.receiver_waits {
            return Err((state, message));
        }
        state.handed = Some(message);
        self.unlock_and_call_receiver(state);
        Ok(())
    }

    /// Takes the message that was handed over, or that of the sender that waits longest; the lock again if there
    /// is none.
    fn take<'a>(&self, mut state: Guard<'a, State<T>>) -> Result<T, Guard<'a, State<T>>> {
        if let Some(message) = state.handed.take() {
            return Ok(message);
        }
        let Some(offer) = state.offers.pop() else {
            return Err(state);
        };
        // SAFETY: *owner*, *alive*: it was taken out of the queue in this section, and is not answered yet.
        let message = unsafe { (*(*offer).message.get()).take() };
        // SAFETY: taken out of the queue in this section, and not used afterwards.
        let sender = unsafe { answer(offer) };
        drop(state);
        wait_queue::wake(sender, 1);
        Ok(message.expect("an offer has its message until it is answered"))
    }

    /// Gives the message to the receiver if it waits, and puts it into the queue if not; if the receiver is gone,
    /// it stays in the offer.
    ///
    /// # Safety
    ///
    /// The offer is new. Until what is returned is dropped, it is not moved and does not end; what is returned is
    /// not leaked, unless the offer is leaked with it.
    unsafe fn offer<'a>(&'a self, message: T, offer: &'a Offer<T>) -> Offered<'a, T> {
        match self.hand_over(message) {
            Ok(()) => offer.answer.store(ANSWERED, Relaxed),
            Err((mut state, message)) => {
                // SAFETY: *owner*: it is not in the queue yet.
                unsafe { *offer.message.get() = Some(message) };
                if state.receiver_gone {
                    offer.answer.store(ANSWERED, Relaxed);
                } else {
                    // SAFETY: new, and *alive*: `Offered` takes it out when it is dropped, if it is not answered.
                    unsafe { state.offers.push(offer) };
                }
            }
        }
        Offered {
            channel: self,
            offer,
        }
    }

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
        let mut state = self.state.lock();
        state.receiver_gone = true;
        state.receiver_waits = false;
        let unreceived = state.handed.take();
        while let Some(offer) = state.offers.pop() {
            // SAFETY: taken out of the queue in this section, and not used afterwards.
            let sender = unsafe { answer(offer) };
            drop(state);
            wait_queue::wake(sender, 1);
            state = self.state.lock();
        }
        drop(state);
        drop(unreceived);
    }
}

/// Lets the sender of an offer go on. The caller wakes who waits on the word, of which only the address is left,
/// when it has freed the lock.
///
/// # Safety
///
/// The caller took the offer out of the queue in this section of the lock, and does not use it afterwards.
unsafe fn answer<T>(offer: *const Offer<T>) -> *const AtomicU32 {
    // SAFETY: *alive*: the offer is not answered yet.
    let word = unsafe { &raw const (*offer).answer };
    // SAFETY: as above; from here on it may be gone.
    unsafe { (*word).store(ANSWERED, Release) };
    word
}

impl<T> Offer<T> {
    fn new() -> Self {
        Self {
            next: Cell::new(ptr::null()),
            previous: Cell::new(ptr::null()),
            message: UnsafeCell::new(None),
            answer: AtomicU32::new(WAITING),
        }
    }

    /// What became of an offer that is not in the queue any more; the message again if nobody took it.
    fn outcome(self) -> Result<(), T> {
        match self.message.into_inner() {
            None => Ok(()),
            Some(message) => Err(message),
        }
    }
}

impl<'a, T> Offered<'a, T> {
    /// What to wait for, if it is not answered yet.
    fn ticket(&self) -> Option<Ticket<'a>> {
        (self.offer.answer.load(Acquire) == WAITING)
            .then(|| Ticket::new(&self.offer.answer, WAITING))
    }
}

impl<T> Drop for Offered<'_, T> {
    fn drop(&mut self) {
        if self.offer.answer.load(Acquire) == WAITING {
            let mut state = self.channel.state.lock();
            // It is answered under the lock, in the section that takes it out of the queue.
            if self.offer.answer.load(Acquire) == WAITING {
                // SAFETY: not answered, so in the queue, whose lock is held.
                unsafe { state.offers.remove(self.offer) };
            }
        }
    }
}

impl<T> Offers<T> {
    const fn new() -> Self {
        Self {
            first: ptr::null(),
            last: ptr::null(),
        }
    }

    /// # Safety
    ///
    /// The offer is new, and stays alive until it is answered or removed.
    unsafe fn push(&mut self, offer: &Offer<T>) {
        offer.previous.set(self.last);
        // SAFETY: offers in the queue are *alive*; *linked* makes `next` ours.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(offer),
            None => self.first = offer,
        }
        self.last = offer;
    }

    /// Takes out the oldest offer; the caller answers it.
    fn pop(&mut self) -> Option<*const Offer<T>> {
        // SAFETY: offers in the queue are *alive*.
        let first = unsafe { self.first.as_ref() }?;
        // SAFETY: it is in the queue.
        unsafe { self.remove(first) };
        Some(first)
    }

    /// # Safety
    ///
    /// The offer is in the queue.
    unsafe fn remove(&mut self, offer: &Offer<T>) {
        let (previous, next) = (offer.previous.get(), offer.next.get());
        // SAFETY: offers in the queue are *alive*; *linked* makes their links ours.
        match unsafe { previous.as_ref() } {
            Some(previous) => previous.next.set(next),
            None => self.first = next,
        }
        // SAFETY: as above.
        match unsafe { next.as_ref() } {
            Some(next) => next.previous.set(previous),
            None => self.last = previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Channel, TryRecvError};
    use crate::sync::tests::{before_sleep, leak};
    use std::task::{Context, Poll, Waker};

    #[test]
    fn an_offer_that_is_answered_while_its_drop_waits_for_the_lock_is_not_taken_back() {
        let cx = &mut Context::from_waker(Waker::noop());
        let channel = leak(Channel::new());
        let mut dropped = Box::pin(channel.send_async(1));
        let mut other = Box::pin(channel.send_async(2));
        assert!(dropped.as_mut().poll(cx).is_pending());
        assert!(other.as_mut().poll(cx).is_pending());
        let state = channel.state.lock();
        let receive_both = move || {
            assert_eq!(channel.take(state).ok(), Some(1));
            assert_eq!(channel.try_recv(), Ok(2));
        };
        before_sleep(receive_both, || drop(dropped));
        // Its links named the other one.
        assert_eq!(channel.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(other.as_mut().poll(cx), Poll::Ready(Ok(())));
    }
}
