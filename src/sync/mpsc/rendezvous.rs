//! The channel without room: a message goes from the sender's hand into the receiver's.
//!
//! Two ways, after who came first. If the receiver waits, the sender puts the message into `handed`, which
//! takes the receiver's readiness away, so no second sender does; the receiver is bound to take it, also if
//! its deadline passed meanwhile. If not, the sender offers: its [`Offer`] lies on its own stack, in the
//! queue of the offers, until the receiver has taken the message out, or has gone.

use super::handle::Sides;
use super::signal::Signal;
use super::{RecvTimeoutError, TryRecvError, TrySendError};
use crate::sync::lock::{Guard, Lock};
use standin_core::{Instant, wait_queue};
use std::cell::{Cell, UnsafeCell};
use std::mem;
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};

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

/// A message on the stack of a sender that waits.
///
/// # Invariants
///
/// - *linked*: `next` is used under the channel's lock only, while the offer is in the queue, and by whoever
///   took it out of the queue afterwards.
/// - *owner*: the sender does not touch `message` while `answer` is `WAITING`; until then it belongs to
///   whoever took the offer out of the queue.
/// - *alive*: the offer lives until its sender sees `ANSWERED`. Whoever took it out of the queue
///   answers once, and does not touch it afterwards.
struct Offer<T> {
    next: Cell<*const Offer<T>>,
    message: UnsafeCell<Option<T>>,
    answer: AtomicU32,
}

/// The offers that wait, the oldest first; `last` has a meaning only if there are any.
struct Offers<T> {
    first: *const Offer<T>,
    last: *const Offer<T>,
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
        match self.hand_over(message) {
            Ok(()) => Ok(()),
            Err((state, message)) if state.receiver_gone => Err(message),
            Err((state, message)) => self.offer(state, message),
        }
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
        self.take_offer(self.state.lock()).map_err(|state| {
            if state.senders_gone {
                TryRecvError::Disconnected
            } else {
                TryRecvError::Empty
            }
        })
    }

    pub(super) fn recv(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        let mut timed_out = false;
        loop {
            let mut state = self.state.lock();
            if let Some(message) = state.handed.take() {
                return Ok(message);
            }
            let mut state = match self.take_offer(state) {
                Ok(message) => return Ok(message),
                Err(state) => state,
            };
            state.receiver_waits = !timed_out && !state.senders_gone;
            if state.senders_gone {
                return Err(RecvTimeoutError::Disconnected);
            }
            if timed_out {
                return Err(RecvTimeoutError::Timeout);
            }
            let ticket = self.arrival.ticket();
            drop(state);
            timed_out = !self.arrival.wait(ticket, deadline);
        }
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

    /// Waits until the receiver takes the message; the message again if it goes instead.
    fn offer(&self, mut state: Guard<'_, State<T>>, message: T) -> Result<(), T> {
        let offer = Offer {
            next: Cell::new(ptr::null()),
            message: UnsafeCell::new(Some(message)),
            answer: AtomicU32::new(WAITING),
        };
        // SAFETY: it is answered when the loop below ends, which parks and so does not unwind.
        unsafe { state.offers.push(&offer) };
        drop(state);
        while offer.answer.load(Acquire) == WAITING {
            let _ = wait_queue::wait(&offer.answer, WAITING, None);
        }
        // Nothing is in it if the receiver took it.
        match offer.message.into_inner() {
            None => Ok(()),
            Some(message) => Err(message),
        }
    }

    /// Takes the message of the sender that waits longest; the lock again if none does.
    fn take_offer<'a>(&self, mut state: Guard<'a, State<T>>) -> Result<T, Guard<'a, State<T>>> {
        let Some(offer) = state.offers.pop() else {
            return Err(state);
        };
        drop(state);
        // SAFETY: *owner*, *alive*: it was taken out of the queue above, and is not answered yet.
        let message = unsafe { (*(*offer).message.get()).take() };
        // SAFETY: taken out of the queue above, and not used afterwards.
        unsafe { answer(offer) };
        Ok(message.expect("an offer has its message until it is answered"))
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
        let mut offers = mem::replace(&mut state.offers, Offers::new());
        drop(state);
        while let Some(offer) = offers.pop() {
            // SAFETY: taken out of the queue, and not used afterwards.
            unsafe { answer(offer) };
        }
    }
}

/// Lets the sender of an offer go on.
///
/// # Safety
///
/// The caller took the offer out of the queue, and does not use it afterwards.
unsafe fn answer<T>(offer: *const Offer<T>) {
    // SAFETY: *alive*: the offer is not answered yet.
    let word = unsafe { &raw const (*offer).answer };
    // SAFETY: as above; from here on it may be gone, and only the address is used.
    unsafe { (*word).store(ANSWERED, Release) };
    wait_queue::wake(word, 1);
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
    /// The offer is new, and stays alive until it is answered.
    unsafe fn push(&mut self, offer: &Offer<T>) {
        if self.first.is_null() {
            self.first = offer;
        } else {
            // SAFETY: offers in the queue are not answered, so *alive*; *linked* makes `next` ours.
            unsafe { (*self.last).next.set(offer) };
        }
        self.last = offer;
    }

    /// Takes out the oldest offer; the caller answers it.
    fn pop(&mut self) -> Option<*const Offer<T>> {
        if self.first.is_null() {
            return None;
        }
        let offer = self.first;
        // SAFETY: offers in the queue are not answered, so *alive*; *linked* makes `next` ours.
        self.first = unsafe { (*offer).next.get() };
        Some(offer)
    }
}
