//! Models of the channels that keep messages: the lists and rings that `standin::sync::mpsc` stands on, which several
//! threads use without a lock, and the waits of their two sides. They live with the kernel crate because the facade
//! cannot be built for the model checker; the sources are the channels' own, a block has two slots.

#![cfg(loom)]
#![allow(dead_code, unreachable_pub)]

#[path = "../../src/sync/mpsc/list.rs"]
mod list;
#[path = "../../src/sync/mpsc/ring.rs"]
mod ring;
#[path = "../../src/sync/mpsc/slot.rs"]
mod slot;
#[path = "../../src/sync/mpsc/spin.rs"]
mod spin;
#[path = "../../src/sync/mpsc/tail.rs"]
mod tail;

use list::List;
use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::{Acquire, Release};
use loom::sync::{Arc, Mutex};
use loom::thread;
use ring::{Refused, Ring};
use spin::Spin;
use standin_core::Instant;
use standin_core::wait_queue::Wait;
use standin_core::wait_queue::model::{WaitQueue, os_thread};
use std::time::Duration;
use tail::{Look, Tail};

/// With at most so many preemptions.
fn bounded(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut checker = loom::model::Builder::new();
    checker.preemption_bound = Some(preemptions);
    checker.max_branches = 10_000;
    checker.check(f);
}

/// What keeps the messages.
trait Store<T>: Send + Sync + 'static {
    fn tail(&self) -> &Tail;

    /// The message again, if the receiver is gone or it has no room.
    fn push(&self, message: T) -> Result<bool, Refused<T>>;

    /// For the receiver, as are the others.
    fn next(&self) -> u64;

    fn pop(&self) -> Option<(T, bool)>;

    fn wait_for_room(&self) -> bool;

    fn nobody_waits(&self);
}

impl<T: Send + 'static> Store<T> for List<T> {
    fn tail(&self) -> &Tail {
        self.tail()
    }

    fn push(&self, message: T) -> Result<bool, Refused<T>> {
        self.push(message).map_err(Refused::ReceiverGone)
    }

    fn next(&self) -> u64 {
        // SAFETY: the models have one receiver.
        unsafe { self.next() }
    }

    fn pop(&self) -> Option<(T, bool)> {
        // SAFETY: as above.
        unsafe { self.pop() }.map(|message| (message, false))
    }

    fn wait_for_room(&self) -> bool {
        unreachable!("it has room")
    }

    fn nobody_waits(&self) {}
}

impl<T: Send + 'static> Store<T> for Ring<T> {
    fn tail(&self) -> &Tail {
        self.tail()
    }

    fn push(&self, message: T) -> Result<bool, Refused<T>> {
        self.push(message)
    }

    fn next(&self) -> u64 {
        // SAFETY: the models have one receiver.
        unsafe { self.next() }
    }

    fn pop(&self) -> Option<(T, bool)> {
        // SAFETY: as above.
        unsafe { self.pop() }
    }

    fn wait_for_room(&self) -> bool {
        self.wait_for_room()
    }

    fn nobody_waits(&self) {
        self.nobody_waits();
    }
}

/// A channel as `inbox.rs` and `bounded.rs` have it.
#[repr(C, align(128))]
struct Channel<S> {
    arrival: Line,
    space: Line,
    waiting: Mutex<usize>,
    queue: WaitQueue,
    store: S,
}

/// Words in neighbouring lines lie in different buckets.
#[repr(align(64))]
struct Line(AtomicU32);

impl Line {
    fn new() -> Self {
        const { assert!(size_of::<Self>() == 64) };
        Self(AtomicU32::new(0))
    }

    fn advance(&self) {
        self.0.fetch_add(1, Release);
    }
}

impl<S> Channel<S> {
    fn new(store: S) -> Arc<Self> {
        Arc::new(Self {
            arrival: Line::new(),
            space: Line::new(),
            waiting: Mutex::new(0),
            queue: WaitQueue::new(),
            store,
        })
    }

    fn send<T>(&self, mut message: T) -> Result<(), T>
    where
        S: Store<T>,
    {
        loop {
            match self.store.push(message) {
                Ok(receiver_waits) => {
                    if receiver_waits {
                        self.call_receiver();
                    }
                    return Ok(());
                }
                Err(Refused::ReceiverGone(message)) => return Err(message),
                Err(Refused::Full(unsent)) => message = unsent,
            }
            let mut waiting = self.waiting.lock().unwrap();
            if self.store.wait_for_room() {
                *waiting += 1;
                let sequence = self.space.0.load(Acquire);
                drop(waiting);
                let _ = self.queue.wait(&self.space.0, sequence, None, &os_thread());
            }
        }
    }

    fn call_receiver(&self) {
        self.arrival.advance();
        self.queue.wake(&self.arrival.0, 1);
    }

    fn let_senders_go<T>(&self)
    where
        S: Store<T>,
    {
        if self.store.tail().let_senders_go().receiver_waits() {
            self.call_receiver();
        }
    }

    /// The next message; none if the senders are gone, or if the time of a deadline has come.
    fn receive<T>(&self, hasty: bool) -> Result<T, Look>
    where
        S: Store<T>,
    {
        let deadline = hasty.then(|| Instant::from_origin(Duration::ZERO));
        let mut timed_out = false;
        loop {
            if let Some(message) = self.take() {
                return Ok(message);
            }
            let ticket = self.arrival.0.load(Acquire);
            let tail = self.store.tail();
            let look = if timed_out {
                tail.wait_no_more();
                tail.look_for(self.store.next())
            } else {
                tail.wait_for(self.store.next())
            };
            match look {
                Look::Coming => return Ok(self.take_claimed()),
                Look::Nothing if !timed_out => {
                    let waited = self
                        .queue
                        .wait(&self.arrival.0, ticket, deadline, &os_thread());
                    timed_out = waited == Wait::TimedOut;
                }
                none => return Err(none),
            }
        }
    }

    fn take<T>(&self) -> Option<T>
    where
        S: Store<T>,
    {
        let (message, senders_wait) = self.store.pop()?;
        if senders_wait {
            let mut waiting = self.waiting.lock().unwrap();
            let calls = *waiting > 0;
            if calls {
                *waiting -= 1;
                self.space.advance();
            }
            if *waiting == 0 {
                self.store.nobody_waits();
            }
            drop(waiting);
            if calls {
                self.queue.wake(&self.space.0, 1);
            }
        }
        Some(message)
    }

    fn take_claimed<T>(&self) -> T
    where
        S: Store<T>,
    {
        let mut spin = Spin::new();
        loop {
            match self.take() {
                Some(message) => return message,
                None => spin.pause(),
            }
        }
    }

    fn let_receiver_go<T>(&self)
    where
        S: Store<T>,
    {
        let end = self.store.tail().let_receiver_go().next();
        let mut waiting = self.waiting.lock().unwrap();
        *waiting = 0;
        self.space.advance();
        self.store.nobody_waits();
        drop(waiting);
        self.queue.wake(&self.space.0, usize::MAX);
        while self.store.next() != end {
            drop(self.take_claimed());
        }
    }
}

/// Two senders, the first with two messages, and a receiver that waits: it gets all messages, those of each sender in
/// order, and hears of the end.
fn messages_come_once_and_in_order<S: Store<u32>>(store: S) {
    let channel = Channel::new(store);
    let senders = [&[10, 11][..], &[20]].map(|messages| {
        let channel = channel.clone();
        thread::spawn(move || messages.iter().for_each(|n| channel.send(*n).unwrap()))
    });
    let mut received: Vec<u32> = (0..3).map(|_| channel.receive(false).unwrap()).collect();
    for sender in senders {
        sender.join().unwrap();
    }
    channel.let_senders_go();
    assert_eq!(channel.receive(false), Err(Look::Gone));
    let mut places = [10, 11, 20].map(|n| received.iter().position(|m| *m == n).unwrap());
    assert!(places[0] < places[1], "{received:?}");
    received.sort_unstable();
    places.sort_unstable();
    assert_eq!((&*received, places), (&[10, 11, 20][..], [0, 1, 2]));
}

#[test]
fn a_list_keeps_every_message() {
    bounded(1, || messages_come_once_and_in_order(List::new()));
}

#[test]
fn a_ring_of_one_keeps_every_message() {
    bounded(1, || messages_come_once_and_in_order(Ring::new(1)));
}

#[test]
fn a_ring_of_two_keeps_every_message() {
    bounded(1, || messages_come_once_and_in_order(Ring::new(2)));
}

/// The senders alone: what they append is there, through the growth of the list.
#[test]
fn two_append_at_once() {
    bounded(3, || {
        let list = Arc::new(List::new());
        let other = {
            let list = list.clone();
            thread::spawn(move || (10..12).for_each(|n| assert_eq!(list.push(n), Ok(false))))
        };
        (20..22).for_each(|n| assert_eq!(list.push(n), Ok(false)));
        other.join().unwrap();
        // SAFETY: this thread is the receiver.
        let received: Vec<u32> = std::iter::from_fn(|| unsafe { list.pop() }).collect();
        let of = |tens| received.iter().copied().filter(move |n| n / 10 == tens);
        assert!(of(1).eq(10..12) && of(2).eq(20..22), "{received:?}");
    });
}

/// One sender and one receiver, through three blocks, the third of which is the first again.
#[test]
fn blocks_are_used_again() {
    bounded(1, || {
        let channel = Channel::new(List::new());
        let sender = {
            let channel = channel.clone();
            thread::spawn(move || {
                (0..5).for_each(|n| channel.send(n).unwrap());
                channel.let_senders_go::<u32>();
            })
        };
        for n in 0..5 {
            assert_eq!(channel.receive(false), Ok(n));
        }
        assert_eq!(channel.receive(false), Err(Look::Gone));
        sender.join().unwrap();
    });
}

/// One message, or the end, for a receiver that waits: no wake-up is lost.
#[test]
fn a_receiver_that_waits_is_called() {
    bounded(4, || {
        let channel = Channel::new(Ring::new(1));
        let sender = {
            let channel = channel.clone();
            thread::spawn(move || {
                channel.send(1).unwrap();
                channel.let_senders_go::<u32>();
            })
        };
        assert_eq!(channel.receive(false), Ok(1));
        assert_eq!(channel.receive(false), Err(Look::Gone));
        sender.join().unwrap();
    });
}

/// A deadline that passes while a message comes: it is there afterwards, and the next wait is woken.
#[test]
fn a_timeout_loses_nothing() {
    bounded(3, || {
        let channel = Channel::new(List::new());
        let sender = {
            let channel = channel.clone();
            thread::spawn(move || channel.send(1).unwrap())
        };
        match channel.receive(true) {
            Ok(message) => assert_eq!(message, 1),
            Err(none) => {
                assert_eq!(none, Look::Nothing);
                assert_eq!(channel.receive(false), Ok(1));
            }
        }
        sender.join().unwrap();
    });
}

/// The receiver goes while two send: a message is refused or dropped, and nobody waits on. (A message that is neither is a
/// leak, which the checker finds.)
fn the_receiver_goes<S: Store<Arc<()>>>(store: S, before: usize) {
    let channel = Channel::new(store);
    let message = Arc::new(());
    for _ in 0..before {
        channel.send(message.clone()).unwrap();
    }
    let senders = [(); 2].map(|()| {
        let (channel, message) = (channel.clone(), message.clone());
        thread::spawn(move || drop(channel.send(message)))
    });
    channel.let_receiver_go();
    for sender in senders {
        sender.join().unwrap();
    }
    assert!(channel.send(message.clone()).is_err());
    assert_eq!(Arc::strong_count(&message), 1);
}

#[test]
fn a_list_whose_receiver_goes() {
    bounded(2, || the_receiver_goes(List::new(), 1));
}

#[test]
fn a_ring_whose_receiver_goes() {
    bounded(2, || the_receiver_goes(Ring::new(2), 1));
    bounded(2, || the_receiver_goes(Ring::new(1), 1));
}

/// Three senders and one place: a place that becomes free is somebody's.
#[test]
fn a_free_place_calls_a_sender() {
    bounded(1, || {
        let channel = Channel::new(Ring::new(1));
        channel.send(0_u32).unwrap();
        let senders = [1, 2].map(|n| {
            let channel = channel.clone();
            thread::spawn(move || channel.send(n).unwrap())
        });
        assert_eq!(channel.receive(false), Ok(0));
        let second: Result<u32, _> = channel.receive(false);
        let third: Result<u32, _> = channel.receive(false);
        assert_eq!(second.unwrap() + third.unwrap(), 3);
        for sender in senders {
            sender.join().unwrap();
        }
        assert_eq!(channel.store.tail().look().next(), 3);
    });
}
