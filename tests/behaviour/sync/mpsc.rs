//! What every channel promises, and the unbounded one in particular. The bodies are plain functions; the
//! harness runs them on std and on every engine. `mpsc_sync.rs` has the channels with a bound.

use super::shapes::{sync, thread, time};
use std::error::Error;
use std::panic::{self, AssertUnwindSafe, RefUnwindSafe, UnwindSafe};
use sync::Arc;
use sync::atomic::{AtomicUsize, Ordering::SeqCst};
use sync::mpsc::{
    self, IntoIter, Iter, Receiver, RecvError, RecvTimeoutError, SendError, Sender, SyncSender,
    TryIter, TryRecvError, TrySendError, channel, sync_channel,
};
use time::{Duration, Instant};

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("mpsc_send_and_receive", mpsc_send_and_receive),
    ("mpsc_first_in_first_out", mpsc_first_in_first_out),
    ("mpsc_order_of_each_sender", mpsc_order_of_each_sender),
    ("mpsc_values_with_destructors", mpsc_values_with_destructors),
    (
        "mpsc_zero_sized_and_large_messages",
        mpsc_zero_sized_and_large_messages,
    ),
    ("mpsc_receive_waits", mpsc_receive_waits),
    ("mpsc_ping_pong", mpsc_ping_pong),
    ("mpsc_many_senders_conserve", mpsc_many_senders_conserve),
    ("mpsc_try_receive", mpsc_try_receive),
    ("mpsc_senders_gone", mpsc_senders_gone),
    (
        "mpsc_senders_go_during_receive",
        mpsc_senders_go_during_receive,
    ),
    (
        "mpsc_last_of_many_senders_goes",
        mpsc_last_of_many_senders_goes,
    ),
    ("mpsc_receiver_gone", mpsc_receiver_gone),
    ("mpsc_sender_panics", mpsc_sender_panics),
    ("mpsc_receiver_panics", mpsc_receiver_panics),
    ("mpsc_timeout_zero", mpsc_timeout_zero),
    ("mpsc_timeout_is_not_early", mpsc_timeout_is_not_early),
    ("mpsc_timeout_longest", mpsc_timeout_longest),
    ("mpsc_timeout_finds_message", mpsc_timeout_finds_message),
    ("mpsc_timeouts_lose_nothing", mpsc_timeouts_lose_nothing),
    ("mpsc_iterators", mpsc_iterators),
    ("mpsc_iterators_wait", mpsc_iterators_wait),
    (
        "mpsc_undelivered_dropped_once",
        mpsc_undelivered_dropped_once,
    ),
    (
        "mpsc_undelivered_dropped_in_order",
        mpsc_undelivered_dropped_in_order,
    ),
    ("mpsc_destructor_sends", mpsc_destructor_sends),
    (
        "mpsc_destructor_owns_the_other_side",
        mpsc_destructor_owns_the_other_side,
    ),
    ("mpsc_destructor_panics", mpsc_destructor_panics),
    (
        "mpsc_refused_message_comes_back",
        mpsc_refused_message_comes_back,
    ),
    (
        "mpsc_receiver_moves_between_threads",
        mpsc_receiver_moves_between_threads,
    ),
    (
        "mpsc_sender_shared_by_reference",
        mpsc_sender_shared_by_reference,
    ),
    ("mpsc_channel_of_channels", mpsc_channel_of_channels),
    ("mpsc_large_backlog", mpsc_large_backlog),
    ("mpsc_both_sides_go_at_once", mpsc_both_sides_go_at_once),
    ("mpsc_debug_text", mpsc_debug_text),
    ("mpsc_errors", mpsc_errors),
    ("mpsc_auto_traits", mpsc_auto_traits),
];

const LONG: Duration = Duration::from_secs(1_000);

/// Says in which order values are dropped.
struct Tracked {
    number: usize,
    drops: Arc<sync::Mutex<Vec<usize>>>,
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.drops.lock().unwrap().push(self.number);
    }
}

pub fn mpsc_send_and_receive() {
    let (sender, receiver) = channel();
    sender.send(1).unwrap();
    assert_eq!(receiver.recv(), Ok(1));
    let (sender, receiver) = channel::<Box<str>>();
    sender.clone().send("text".into()).unwrap();
    assert_eq!(&*receiver.recv().unwrap(), "text");
}

pub fn mpsc_first_in_first_out() {
    let (sender, receiver) = channel();
    for i in 0..10 {
        sender.send(i).unwrap();
    }
    assert_eq!(receiver.recv(), Ok(0));
    // Those that come after a first receive come after those that were there.
    for i in 10..1_000 {
        sender.send(i).unwrap();
    }
    for i in 1..1_000 {
        assert_eq!(receiver.try_recv(), Ok(i));
    }
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

pub fn mpsc_order_of_each_sender() {
    const SENDERS: usize = 4;
    const MESSAGES: usize = 1_000;
    let (sender, receiver) = channel();
    for number in 0..SENDERS {
        let sender = sender.clone();
        thread::spawn(move || {
            for message in 0..MESSAGES {
                sender.send((number, message)).unwrap();
            }
        });
    }
    drop(sender);
    let mut next = [0; SENDERS];
    for (number, message) in receiver {
        assert_eq!(message, next[number]);
        next[number] += 1;
    }
    assert_eq!(next, [MESSAGES; SENDERS]);
}

pub fn mpsc_values_with_destructors() {
    let drops = Arc::new(sync::Mutex::new(Vec::new()));
    let (sender, receiver) = channel();
    for number in 0..3 {
        let drops = Arc::clone(&drops);
        sender.send(Tracked { number, drops }).unwrap();
    }
    for number in 0..3 {
        assert_eq!(receiver.recv().unwrap().number, number);
        assert_eq!(drops.lock().unwrap().len(), number + 1);
    }
    drop((sender, receiver));
    assert_eq!(*drops.lock().unwrap(), [0, 1, 2]);
}

pub fn mpsc_zero_sized_and_large_messages() {
    let (sender, receiver) = channel();
    for _ in 0..100 {
        sender.send(()).unwrap();
    }
    assert_eq!(receiver.try_iter().count(), 100);
    let (sender, receiver) = channel();
    for i in 0..100_u8 {
        sender.send([i; 3_000]).unwrap();
    }
    drop(sender);
    for (i, message) in receiver.iter().enumerate() {
        assert_eq!(message, [i as u8; 3_000]);
    }
}

pub fn mpsc_receive_waits() {
    let (sender, receiver) = channel();
    let (ready, wait_ready) = channel();
    let thread = thread::spawn(move || {
        ready.send(()).unwrap();
        receiver.recv().unwrap()
    });
    wait_ready.recv().unwrap();
    sender.send(7).unwrap();
    assert_eq!(thread.join().unwrap(), 7);
}

pub fn mpsc_ping_pong() {
    const ROUNDS: usize = 1_000;
    let (ping, wait_ping) = channel();
    let (pong, wait_pong) = channel();
    let thread = thread::spawn(move || {
        for message in wait_ping {
            pong.send(message + 1).unwrap();
        }
    });
    let mut message = 0;
    for _ in 0..ROUNDS {
        ping.send(message).unwrap();
        message = wait_pong.recv().unwrap();
    }
    assert_eq!(message, ROUNDS);
    drop(ping);
    thread.join().unwrap();
}

pub fn mpsc_many_senders_conserve() {
    const SENDERS: usize = 8;
    const MESSAGES: usize = 1_000;
    let (sender, receiver) = channel();
    let threads: Vec<_> = (0..SENDERS)
        .map(|number| {
            let sender = sender.clone();
            thread::spawn(move || {
                for message in 0..MESSAGES {
                    sender.send(number * MESSAGES + message).unwrap();
                    if message % 100 == number {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    drop(sender);
    let mut all: Vec<_> = receiver.iter().collect();
    all.sort_unstable();
    assert_eq!(all, (0..SENDERS * MESSAGES).collect::<Vec<_>>());
    for thread in threads {
        thread.join().unwrap();
    }
}

pub fn mpsc_try_receive() {
    let (sender, receiver) = channel();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    sender.send(1).unwrap();
    assert_eq!(receiver.try_recv(), Ok(1));
    sender.send(2).unwrap();
    drop(sender);
    assert_eq!(receiver.try_recv(), Ok(2));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

pub fn mpsc_senders_gone() {
    let (sender, receiver) = channel();
    sender.send(1).unwrap();
    sender.clone().send(2).unwrap();
    drop(sender);
    assert_eq!(receiver.recv(), Ok(1));
    assert_eq!(receiver.recv_timeout(LONG), Ok(2));
    assert_eq!(receiver.recv(), Err(RecvError));
    assert_eq!(
        receiver.recv_timeout(LONG),
        Err(RecvTimeoutError::Disconnected)
    );
    assert_eq!(
        receiver.recv_timeout(Duration::ZERO),
        Err(RecvTimeoutError::Disconnected)
    );
}

pub fn mpsc_senders_go_during_receive() {
    for timeout in [None, Some(LONG), Some(Duration::MAX)] {
        let (sender, receiver) = channel::<()>();
        let (ready, wait_ready) = channel();
        let thread = thread::spawn(move || {
            ready.send(()).unwrap();
            match timeout {
                None => receiver.recv().unwrap_err().into(),
                Some(timeout) => receiver.recv_timeout(timeout).unwrap_err(),
            }
        });
        wait_ready.recv().unwrap();
        drop(sender);
        assert_eq!(thread.join().unwrap(), RecvTimeoutError::Disconnected);
    }
}

pub fn mpsc_last_of_many_senders_goes() {
    let (sender, receiver) = channel::<u8>();
    let clones: Vec<_> = (0..10).map(|_| sender.clone()).collect();
    drop(sender);
    for clone in clones {
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        drop(clone);
    }
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

pub fn mpsc_receiver_gone() {
    let (sender, receiver) = channel();
    sender.send(1).unwrap();
    drop(receiver);
    assert_eq!(sender.send(2), Err(SendError(2)));
    assert_eq!(sender.clone().send(3), Err(SendError(3)));
}

pub fn mpsc_sender_panics() {
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || {
        sender.send(1).unwrap();
        panic!("on purpose");
    });
    assert_eq!(receiver.recv(), Ok(1));
    assert_eq!(receiver.recv(), Err(RecvError));
    assert!(thread.join().is_err());
}

pub fn mpsc_receiver_panics() {
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || {
        receiver.recv().unwrap();
        panic!("on purpose");
    });
    sender.send(1).unwrap();
    assert!(thread.join().is_err());
    assert!(sender.send(2).is_err());
}

pub fn mpsc_timeout_zero() {
    let (sender, receiver) = channel();
    assert_eq!(
        receiver.recv_timeout(Duration::ZERO),
        Err(RecvTimeoutError::Timeout)
    );
    sender.send(1).unwrap();
    assert_eq!(receiver.recv_timeout(Duration::ZERO), Ok(1));
    assert_eq!(
        receiver.recv_timeout(Duration::ZERO),
        Err(RecvTimeoutError::Timeout)
    );
}

pub fn mpsc_timeout_is_not_early() {
    let (_sender, receiver) = channel::<()>();
    for micros in [1, 300, 10_000] {
        let timeout = Duration::from_micros(micros);
        let started = Instant::now();
        assert_eq!(
            receiver.recv_timeout(timeout),
            Err(RecvTimeoutError::Timeout)
        );
        assert!(started.elapsed() >= timeout);
    }
}

pub fn mpsc_timeout_longest() {
    let (sender, receiver) = channel();
    let (ready, wait_ready) = channel();
    let thread = thread::spawn(move || {
        ready.send(()).unwrap();
        receiver.recv_timeout(Duration::MAX)
    });
    wait_ready.recv().unwrap();
    sender.send(1).unwrap();
    assert_eq!(thread.join().unwrap(), Ok(1));
}

pub fn mpsc_timeout_finds_message() {
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || {
        for i in 0..100 {
            sender.send(i).unwrap();
        }
    });
    for i in 0..100 {
        assert_eq!(receiver.recv_timeout(LONG), Ok(i));
    }
    thread.join().unwrap();
}

/// Deadlines that pass while messages arrive: each message comes once.
pub fn mpsc_timeouts_lose_nothing() {
    const MESSAGES: usize = 500;
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || {
        for i in 0..MESSAGES {
            sender.send(i).unwrap();
            for _ in 0..i % 7 {
                thread::yield_now();
            }
        }
    });
    let mut next = 0;
    loop {
        match receiver.recv_timeout(Duration::from_micros(next as u64 % 3)) {
            Ok(message) => {
                assert_eq!(message, next);
                next += 1;
            }
            Err(RecvTimeoutError::Timeout) => thread::yield_now(),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    assert_eq!(next, MESSAGES);
    thread.join().unwrap();
}

pub fn mpsc_iterators() {
    let (sender, receiver) = channel();
    for i in 0..5 {
        sender.send(i).unwrap();
    }
    assert_eq!(receiver.try_iter().take(2).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(receiver.iter().take(1).collect::<Vec<_>>(), [2]);
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [3, 4]);
    assert_eq!(receiver.try_iter().next(), None);
    for i in 5..8 {
        sender.send(i).unwrap();
    }
    drop(sender);
    let mut seen = Vec::new();
    for message in &receiver {
        seen.push(message);
        if message == 6 {
            break;
        }
    }
    assert_eq!(seen, [5, 6]);
    let mut rest = receiver.into_iter();
    assert_eq!(
        (rest.next(), rest.next(), rest.next()),
        (Some(7), None, None)
    );
}

pub fn mpsc_iterators_wait() {
    let (sender, receiver) = channel();
    let (total, wait_total) = channel();
    let thread = thread::spawn(move || {
        let first: u32 = receiver.iter().take(3).sum();
        total.send(first).unwrap();
        receiver.into_iter().sum::<u32>()
    });
    for i in 1..=3 {
        sender.send(i).unwrap();
    }
    assert_eq!(wait_total.recv(), Ok(6));
    sender.send(10).unwrap();
    drop(sender);
    assert_eq!(thread.join().unwrap(), 10);
}

pub fn mpsc_undelivered_dropped_once() {
    for received in [0, 1, 5, 99, 100] {
        for receiver_first in [true, false] {
            let drops = Arc::new(sync::Mutex::new(Vec::new()));
            let (sender, receiver) = channel();
            for number in 0..100 {
                let drops = Arc::clone(&drops);
                sender.send(Tracked { number, drops }).unwrap();
            }
            for _ in 0..received {
                receiver.recv().unwrap();
            }
            if receiver_first {
                drop(receiver);
                assert_eq!(drops.lock().unwrap().len(), 100);
                drop(sender);
            } else {
                drop(sender);
                assert_eq!(drops.lock().unwrap().len(), received);
                drop(receiver);
            }
            assert_eq!(*drops.lock().unwrap(), (0..100).collect::<Vec<_>>());
        }
    }
}

/// Some were there at the first receive, others came later.
pub fn mpsc_undelivered_dropped_in_order() {
    let drops = Arc::new(sync::Mutex::new(Vec::new()));
    let (sender, receiver) = channel();
    let send = |number| {
        let drops = Arc::clone(&drops);
        sender.send(Tracked { number, drops }).unwrap();
    };
    (0..4).for_each(send);
    drop(receiver.recv().unwrap());
    (4..8).for_each(send);
    drop(receiver);
    assert_eq!(*drops.lock().unwrap(), (0..8).collect::<Vec<_>>());
}

/// A message that sends on the channel in which it is dropped finds it closed.
pub fn mpsc_destructor_sends() {
    struct Sends(Sender<Sends>, Arc<AtomicUsize>);
    impl Drop for Sends {
        fn drop(&mut self) {
            let message = Sends(channel().0, Arc::clone(&self.1));
            let refused = self.0.send(message).unwrap_err();
            self.1.fetch_add(1, SeqCst);
            // Its own channel has no receiver either; nor does it end in an endless row of messages.
            std::mem::forget(refused);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = channel();
    let send = || {
        let message = Sends(sender.clone(), Arc::clone(&drops));
        sender.send(message).unwrap();
    };
    (0..3).for_each(|_| send());
    // Some were there at the first receive, others come later.
    std::mem::forget(receiver.recv().unwrap());
    (0..3).for_each(|_| send());
    drop(receiver);
    assert_eq!(drops.load(SeqCst), 5);
}

pub fn mpsc_destructor_owns_the_other_side() {
    struct OwnsReceiver {
        _receiver: Receiver<OwnsReceiver>,
        drops: Arc<AtomicUsize>,
    }
    impl Drop for OwnsReceiver {
        fn drop(&mut self) {
            self.drops.fetch_add(1, SeqCst);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let (first, receiver) = channel();
    let (second, inner) = channel();
    let message = |receiver| OwnsReceiver {
        _receiver: receiver,
        drops: Arc::clone(&drops),
    };
    second.send(message(channel().1)).unwrap();
    first.send(message(inner)).unwrap();
    drop((first, second));
    drop(receiver);
    assert_eq!(drops.load(SeqCst), 2);
}

/// A destructor that panics as the receiver goes: the channel is closed, and nothing is dropped twice.
pub fn mpsc_destructor_panics() {
    struct Panics(Arc<AtomicUsize>, bool);
    impl Drop for Panics {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
            if self.1 {
                panic!("on purpose");
            }
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = channel();
    sender.send(Panics(Arc::clone(&drops), true)).unwrap();
    let result = panic::catch_unwind(AssertUnwindSafe(|| drop(receiver)));
    assert!(result.is_err());
    assert_eq!(drops.load(SeqCst), 1);
    assert!(sender.send(Panics(Arc::clone(&drops), false)).is_err());
    drop(sender);
    assert_eq!(drops.load(SeqCst), 2);
}

pub fn mpsc_refused_message_comes_back() {
    let drops = Arc::new(sync::Mutex::new(Vec::new()));
    let (sender, receiver) = channel();
    drop(receiver);
    let message = Tracked {
        number: 4,
        drops: Arc::clone(&drops),
    };
    let SendError(message) = sender.send(message).unwrap_err();
    assert_eq!(message.number, 4);
    assert!(drops.lock().unwrap().is_empty());
    drop(message);
    assert_eq!(*drops.lock().unwrap(), [4]);
}

pub fn mpsc_receiver_moves_between_threads() {
    let (sender, mut receiver) = channel();
    for i in 0..20 {
        sender.send(2 * i).unwrap();
        sender.send(2 * i + 1).unwrap();
        receiver = thread::spawn(move || {
            assert_eq!(receiver.recv(), Ok(2 * i));
            receiver
        })
        .join()
        .unwrap();
        assert_eq!(receiver.recv(), Ok(2 * i + 1));
    }
}

pub fn mpsc_sender_shared_by_reference() {
    let (sender, receiver) = channel();
    thread::scope(|scope| {
        for i in 0..4 {
            let sender = &sender;
            scope.spawn(move || sender.send(i).unwrap());
        }
    });
    let mut all: Vec<_> = receiver.try_iter().collect();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3]);
}

pub fn mpsc_channel_of_channels() {
    let (requests, wait_requests) = channel::<(u32, Sender<u32>)>();
    let server = thread::spawn(move || {
        for (number, answer) in wait_requests {
            // Who asked may be gone.
            let _ = answer.send(number * number);
        }
    });
    for number in 0..10 {
        let (answer, wait_answer) = channel();
        requests.send((number, answer)).unwrap();
        assert_eq!(wait_answer.recv(), Ok(number * number));
        assert_eq!(wait_answer.recv(), Err(RecvError));
    }
    drop(requests);
    server.join().unwrap();
}

pub fn mpsc_large_backlog() {
    const MESSAGES: usize = 50_000;
    let (sender, receiver) = channel();
    for _ in 0..3 {
        for i in 0..MESSAGES {
            sender.send(i).unwrap();
        }
        for i in 0..MESSAGES {
            assert_eq!(receiver.recv(), Ok(i));
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
}

pub fn mpsc_both_sides_go_at_once() {
    for _ in 0..200 {
        let live = Arc::new(());
        let (sender, receiver) = channel();
        let message = Arc::clone(&live);
        let other = thread::spawn(move || {
            let _ = sender.send(Arc::clone(&message));
            let _ = sender.send(message);
        });
        drop(receiver);
        other.join().unwrap();
        assert_eq!(Arc::strong_count(&live), 1);
    }
}

pub fn mpsc_debug_text() {
    let (sender, receiver) = channel::<u8>();
    assert_eq!(format!("{sender:?}"), "Sender { .. }");
    assert_eq!(format!("{receiver:?}"), "Receiver { .. }");
    assert_eq!(
        format!("{:?}", receiver.iter()),
        "Iter { rx: Receiver { .. } }"
    );
    assert_eq!(
        format!("{:?}", receiver.try_iter()),
        "TryIter { rx: Receiver { .. } }"
    );
    assert_eq!(
        format!("{:?}", receiver.into_iter()),
        "IntoIter { rx: Receiver { .. } }"
    );
    let (sender, _receiver) = sync_channel::<u8>(0);
    assert_eq!(format!("{sender:?}"), "SyncSender { .. }");
}

pub fn mpsc_errors() {
    fn error(error: impl Error + 'static) -> String {
        error.to_string()
    }
    assert_eq!(error(SendError(1)), "sending on a closed channel");
    assert_eq!(error(TrySendError::Full(1)), "sending on a full channel");
    assert_eq!(
        error(TrySendError::Disconnected(1)),
        "sending on a closed channel"
    );
    assert_eq!(error(RecvError), "receiving on a closed channel");
    assert_eq!(error(TryRecvError::Empty), "receiving on an empty channel");
    assert_eq!(
        error(RecvTimeoutError::Timeout),
        "timed out waiting on channel"
    );
    assert_eq!(format!("{:?}", SendError(1)), "SendError { .. }");
    assert_eq!(
        TrySendError::from(SendError(1)),
        TrySendError::Disconnected(1)
    );
    assert_eq!(TryRecvError::from(RecvError), TryRecvError::Disconnected);
    // They are std's own.
    let _: std::sync::mpsc::SendError<u8> = mpsc::SendError(1_u8);
}

pub fn mpsc_auto_traits() {
    use std::cell::Cell;
    use std::marker::PhantomPinned;
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    fn others<T: Unpin + UnwindSafe + RefUnwindSafe>() {}
    send::<Sender<Cell<u8>>>();
    sync::<Sender<Cell<u8>>>();
    send::<SyncSender<Cell<u8>>>();
    sync::<SyncSender<Cell<u8>>>();
    send::<Receiver<Cell<u8>>>();
    send::<IntoIter<Cell<u8>>>();
    type Odd<'a> = (&'a mut Cell<u8>, PhantomPinned);
    others::<Sender<Odd<'_>>>();
    others::<SyncSender<Odd<'_>>>();
    others::<Receiver<Odd<'_>>>();
    others::<Iter<'_, Odd<'_>>>();
    others::<TryIter<'_, Odd<'_>>>();
    others::<IntoIter<Odd<'_>>>();
}
