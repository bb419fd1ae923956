//! What channels with a bound promise: room for some messages, or for none. The bodies are plain functions;
//! the harness runs them on std and on every engine.

use super::shapes::{sync, thread, time};
use sync::Arc;
use sync::atomic::{AtomicUsize, Ordering::SeqCst};
use sync::mpsc::{
    Receiver, RecvError, RecvTimeoutError, SendError, SyncSender, TryRecvError, TrySendError,
    channel, sync_channel,
};
use time::{Duration, Instant};

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("mpsc_sync_order", mpsc_sync_order),
    ("mpsc_sync_full", mpsc_sync_full),
    (
        "mpsc_sync_send_waits_for_room",
        mpsc_sync_send_waits_for_room,
    ),
    (
        "mpsc_sync_never_more_than_bound",
        mpsc_sync_never_more_than_bound,
    ),
    ("mpsc_sync_conserves", mpsc_sync_conserves),
    (
        "mpsc_sync_mixed_sends_conserve",
        mpsc_sync_mixed_sends_conserve,
    ),
    ("mpsc_sync_receiver_gone", mpsc_sync_receiver_gone),
    (
        "mpsc_sync_receiver_goes_during_send",
        mpsc_sync_receiver_goes_during_send,
    ),
    ("mpsc_sync_senders_gone", mpsc_sync_senders_gone),
    (
        "mpsc_sync_senders_go_during_receive",
        mpsc_sync_senders_go_during_receive,
    ),
    (
        "mpsc_sync_undelivered_dropped_once",
        mpsc_sync_undelivered_dropped_once,
    ),
    ("mpsc_sync_destructor_sends", mpsc_sync_destructor_sends),
    ("mpsc_sync_timeouts", mpsc_sync_timeouts),
    (
        "mpsc_sync_timeouts_lose_nothing",
        mpsc_sync_timeouts_lose_nothing,
    ),
    ("mpsc_sync_iterators", mpsc_sync_iterators),
    ("mpsc_sync_large_bound", mpsc_sync_large_bound),
    ("mpsc_rendezvous_hands_over", mpsc_rendezvous_hands_over),
    ("mpsc_rendezvous_send_waits", mpsc_rendezvous_send_waits),
    ("mpsc_rendezvous_try_send", mpsc_rendezvous_try_send),
    ("mpsc_rendezvous_try_receive", mpsc_rendezvous_try_receive),
    (
        "mpsc_rendezvous_try_on_both_sides",
        mpsc_rendezvous_try_on_both_sides,
    ),
    (
        "mpsc_rendezvous_senders_in_order",
        mpsc_rendezvous_senders_in_order,
    ),
    (
        "mpsc_rendezvous_try_send_after_timeout",
        mpsc_rendezvous_try_send_after_timeout,
    ),
    (
        "mpsc_rendezvous_receiver_goes",
        mpsc_rendezvous_receiver_goes,
    ),
    ("mpsc_rendezvous_drops_once", mpsc_rendezvous_drops_once),
];

const LONG: Duration = Duration::from_secs(1_000);
const BOUNDS: [usize; 4] = [0, 1, 2, 64];

/// Starts a thread that sends `message` and says what came of it.
fn send_in_thread<T: Send + 'static>(
    sender: &SyncSender<T>,
    message: T,
) -> thread::JoinHandle<Result<(), SendError<T>>> {
    let sender = sender.clone();
    thread::spawn(move || sender.send(message))
}

pub fn mpsc_sync_order() {
    for bound in BOUNDS {
        let (sender, receiver) = sync_channel(bound);
        let thread = thread::spawn(move || {
            for i in 0..500 {
                sender.send(i).unwrap();
            }
        });
        for i in 0..500 {
            assert_eq!(receiver.recv(), Ok(i));
        }
        assert_eq!(receiver.recv(), Err(RecvError));
        thread.join().unwrap();
    }
}

pub fn mpsc_sync_full() {
    for bound in BOUNDS {
        let (sender, receiver) = sync_channel(bound);
        for i in 0..bound {
            assert_eq!(sender.try_send(i), Ok(()));
        }
        assert_eq!(sender.try_send(bound), Err(TrySendError::Full(bound)));
        assert_eq!(sender.try_send(bound), Err(TrySendError::Full(bound)));
        if bound > 0 {
            assert_eq!(receiver.try_recv(), Ok(0));
            assert_eq!(sender.try_send(bound), Ok(()));
            assert_eq!(
                receiver.try_iter().collect::<Vec<_>>(),
                (1..=bound).collect::<Vec<_>>()
            );
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
}

pub fn mpsc_sync_send_waits_for_room() {
    let (sender, receiver) = sync_channel(1);
    sender.send(1).unwrap();
    let waiting = send_in_thread(&sender, 2);
    assert_eq!(receiver.recv(), Ok(1));
    assert_eq!(receiver.recv(), Ok(2));
    assert_eq!(waiting.join().unwrap(), Ok(()));
}

/// Messages that were sent and not received are never more than the bound, and one that is on its way.
pub fn mpsc_sync_never_more_than_bound() {
    for bound in BOUNDS {
        let (sender, receiver) = sync_channel(bound);
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let thread = thread::spawn(move || {
            for i in 0..300 {
                sender.send(i).unwrap();
                count.store(i + 1, SeqCst);
            }
        });
        for received in 0..300 {
            assert!(sent.load(SeqCst) <= received + bound);
            assert_eq!(receiver.recv(), Ok(received));
            if received % 10 == 0 {
                thread::yield_now();
            }
        }
        thread.join().unwrap();
    }
}

pub fn mpsc_sync_conserves() {
    const SENDERS: usize = 8;
    const MESSAGES: usize = 300;
    for bound in BOUNDS {
        let (sender, receiver) = sync_channel(bound);
        let threads: Vec<_> = (0..SENDERS)
            .map(|number| {
                let sender = sender.clone();
                thread::spawn(move || {
                    for message in 0..MESSAGES {
                        sender.send(number * MESSAGES + message).unwrap();
                    }
                })
            })
            .collect();
        drop(sender);
        let mut all: Vec<_> = receiver.into_iter().collect();
        all.sort_unstable();
        assert_eq!(all, (0..SENDERS * MESSAGES).collect::<Vec<_>>());
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

/// Senders that wait among senders that only try, and a receiver that does both too.
pub fn mpsc_sync_mixed_sends_conserve() {
    const MESSAGES: usize = 200;
    for bound in BOUNDS {
        let (sender, receiver) = sync_channel(bound);
        let trying: Vec<_> = (0..2)
            .map(|_| {
                let sender = sender.clone();
                thread::spawn(move || {
                    for i in 0..MESSAGES {
                        let mut message = i;
                        while let Err(error) = sender.try_send(message) {
                            let TrySendError::Full(refused) = error else {
                                panic!("the receiver is still there");
                            };
                            assert_eq!(refused, i);
                            message = refused;
                            thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let sender = sender.clone();
                thread::spawn(move || (0..MESSAGES).for_each(|i| sender.send(i).unwrap()))
            })
            .collect();
        drop(sender);
        let mut counts = [0; MESSAGES];
        loop {
            if let Ok(message) = receiver.try_recv() {
                counts[message] += 1;
            }
            match receiver.recv_timeout(Duration::from_micros(50)) {
                Ok(message) => counts[message] += 1,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        assert_eq!(counts, [4; MESSAGES]);
        for thread in trying.into_iter().chain(waiting) {
            thread.join().unwrap();
        }
    }
}

pub fn mpsc_sync_receiver_gone() {
    for bound in BOUNDS {
        let (sender, receiver) = sync_channel(bound);
        drop(receiver);
        assert_eq!(sender.send(1), Err(SendError(1)));
        assert_eq!(sender.try_send(2), Err(TrySendError::Disconnected(2)));
    }
}

pub fn mpsc_sync_receiver_goes_during_send() {
    for bound in [0, 1, 2] {
        let (sender, receiver) = sync_channel(bound);
        for _ in 0..bound {
            sender.send(usize::MAX).unwrap();
        }
        let waiting: Vec<_> = (0..5).map(|i| send_in_thread(&sender, i)).collect();
        thread::yield_now();
        drop(receiver);
        for (i, thread) in waiting.into_iter().enumerate() {
            assert_eq!(thread.join().unwrap(), Err(SendError(i)));
        }
    }
}

pub fn mpsc_sync_senders_gone() {
    let (sender, receiver) = sync_channel(3);
    sender.send(1).unwrap();
    sender.clone().send(2).unwrap();
    drop(sender);
    assert_eq!(receiver.recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Ok(2));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(
        receiver.recv_timeout(Duration::ZERO),
        Err(RecvTimeoutError::Disconnected)
    );
    assert_eq!(receiver.recv(), Err(RecvError));
}

pub fn mpsc_sync_senders_go_during_receive() {
    for bound in BOUNDS {
        let (sender, receiver) = sync_channel::<u8>(bound);
        let (ready, wait_ready) = channel();
        let thread = thread::spawn(move || {
            ready.send(()).unwrap();
            (receiver.recv_timeout(LONG), receiver.recv())
        });
        wait_ready.recv().unwrap();
        drop(sender);
        let expected = (Err(RecvTimeoutError::Disconnected), Err(RecvError));
        assert_eq!(thread.join().unwrap(), expected);
    }
}

pub fn mpsc_sync_undelivered_dropped_once() {
    for received in [0, 1, 4] {
        let live = Arc::new(());
        let (sender, receiver) = sync_channel(4);
        for _ in 0..4 {
            sender.send(Arc::clone(&live)).unwrap();
        }
        for _ in 0..received {
            drop(receiver.recv().unwrap());
        }
        assert_eq!(Arc::strong_count(&live), 5 - received);
        drop(receiver);
        assert_eq!(Arc::strong_count(&live), 1);
        drop(sender);
        assert_eq!(Arc::strong_count(&live), 1);
    }
}

pub fn mpsc_sync_destructor_sends() {
    struct Sends(Option<SyncSender<Sends>>, Arc<AtomicUsize>);
    impl Drop for Sends {
        fn drop(&mut self) {
            if let Some(sender) = self.0.take() {
                assert!(sender.try_send(Sends(None, Arc::clone(&self.1))).is_err());
                assert!(sender.send(Sends(None, Arc::clone(&self.1))).is_err());
                self.1.fetch_add(1, SeqCst);
            }
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = sync_channel(2);
    for _ in 0..2 {
        sender
            .send(Sends(Some(sender.clone()), Arc::clone(&drops)))
            .unwrap();
    }
    drop(receiver);
    assert_eq!(drops.load(SeqCst), 2);
}

pub fn mpsc_sync_timeouts() {
    for bound in BOUNDS {
        let (sender, receiver) = sync_channel(bound);
        for micros in [0, 300, 5_000] {
            let timeout = Duration::from_micros(micros);
            let started = Instant::now();
            assert_eq!(
                receiver.recv_timeout(timeout),
                Err(RecvTimeoutError::Timeout)
            );
            assert!(started.elapsed() >= timeout);
        }
        let sending = send_in_thread(&sender, 1);
        assert_eq!(receiver.recv_timeout(LONG), Ok(1));
        assert_eq!(sending.join().unwrap(), Ok(()));
        let sending = send_in_thread(&sender, 2);
        assert_eq!(receiver.recv_timeout(Duration::MAX), Ok(2));
        assert_eq!(sending.join().unwrap(), Ok(()));
    }
}

/// Deadlines that pass while messages arrive: each message that was sent comes once.
pub fn mpsc_sync_timeouts_lose_nothing() {
    const MESSAGES: usize = 300;
    for bound in BOUNDS {
        let (sender, receiver) = sync_channel(bound);
        let thread = thread::spawn(move || {
            for i in 0..MESSAGES {
                sender.send(i).unwrap();
                for _ in 0..i % 5 {
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
}

pub fn mpsc_sync_iterators() {
    for bound in BOUNDS {
        let (sender, receiver) = sync_channel(bound);
        let thread = thread::spawn(move || (0..20).for_each(|i| sender.send(i).unwrap()));
        assert_eq!(receiver.iter().take(5).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let mut expected = 5;
        while expected < 10 {
            for message in receiver.try_iter().take(10 - expected) {
                assert_eq!(message, expected);
                expected += 1;
            }
            thread::yield_now();
        }
        for message in &receiver {
            assert_eq!(message, expected);
            expected += 1;
            if expected == 15 {
                break;
            }
        }
        assert_eq!(
            receiver.into_iter().collect::<Vec<_>>(),
            (15..20).collect::<Vec<_>>()
        );
        thread.join().unwrap();
    }
}

pub fn mpsc_sync_large_bound() {
    let (sender, receiver) = sync_channel(100_000);
    for i in 0..100_000 {
        sender.try_send(i).unwrap();
    }
    assert_eq!(sender.try_send(0), Err(TrySendError::Full(0)));
    assert!(receiver.try_iter().eq(0..100_000));
}

pub fn mpsc_rendezvous_hands_over() {
    let (sender, receiver) = sync_channel(0);
    for i in 0..100 {
        let sending = send_in_thread(&sender, i);
        assert_eq!(receiver.recv(), Ok(i));
        assert_eq!(sending.join().unwrap(), Ok(()));
    }
}

/// A send does not return before its message was taken.
pub fn mpsc_rendezvous_send_waits() {
    let (sender, receiver) = sync_channel(0);
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let thread = thread::spawn(move || {
        for i in 1..=200 {
            sender.send(i).unwrap();
            assert!(count.load(SeqCst) >= i);
        }
    });
    for i in 1..=200 {
        taken.store(i, SeqCst);
        assert_eq!(receiver.recv(), Ok(i));
        thread::yield_now();
    }
    thread.join().unwrap();
}

/// It succeeds once the receiver waits, and not before.
pub fn mpsc_rendezvous_try_send() {
    let (sender, receiver) = sync_channel(0);
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    let thread = thread::spawn(move || {
        let message = receiver.recv();
        (message, receiver)
    });
    while let Err(error) = sender.try_send(2) {
        assert_eq!(error, TrySendError::Full(2));
        thread::yield_now();
    }
    let (message, receiver) = thread.join().unwrap();
    assert_eq!(message, Ok(2));
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    drop(receiver);
    assert_eq!(sender.try_send(4), Err(TrySendError::Disconnected(4)));
}

/// It succeeds once a sender waits, and not before.
pub fn mpsc_rendezvous_try_receive() {
    let (sender, receiver) = sync_channel(0);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    let sending = send_in_thread(&sender, 1);
    let message = loop {
        match receiver.try_recv() {
            Ok(message) => break message,
            Err(error) => assert_eq!(error, TryRecvError::Empty),
        }
        thread::yield_now();
    };
    assert_eq!(message, 1);
    assert_eq!(sending.join().unwrap(), Ok(()));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    drop(sender);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

/// Who only tries never waits, so two of them never meet.
pub fn mpsc_rendezvous_try_on_both_sides() {
    let (sender, receiver) = sync_channel(0);
    let thread = thread::spawn(move || {
        for i in 0..200 {
            assert_eq!(sender.try_send(i), Err(TrySendError::Full(i)));
        }
        sender
    });
    for _ in 0..200 {
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
    drop(thread.join().unwrap());
}

/// Of two messages of one thread the first is taken first, however many others wait.
pub fn mpsc_rendezvous_senders_in_order() {
    const SENDERS: usize = 5;
    const MESSAGES: usize = 50;
    let (sender, receiver) = sync_channel(0);
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

/// A receiver that gave up is not there to take anything.
pub fn mpsc_rendezvous_try_send_after_timeout() {
    let (sender, receiver) = sync_channel(0);
    let timeout = Duration::from_micros(100);
    assert_eq!(
        receiver.recv_timeout(timeout),
        Err(RecvTimeoutError::Timeout)
    );
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
}

pub fn mpsc_rendezvous_receiver_goes() {
    let (sender, receiver) = sync_channel(0);
    let waiting: Vec<_> = (0..5).map(|i| send_in_thread(&sender, i)).collect();
    // One gets through, the others get their messages back.
    let through = receiver.recv().unwrap();
    drop(receiver);
    for (i, thread) in waiting.into_iter().enumerate() {
        let expected = if i == through {
            Ok(())
        } else {
            Err(SendError(i))
        };
        assert_eq!(thread.join().unwrap(), expected);
    }
}

pub fn mpsc_rendezvous_drops_once() {
    let live = Arc::new(());
    for _ in 0..100 {
        let (sender, receiver): (SyncSender<Arc<()>>, Receiver<_>) = sync_channel(0);
        let waiting: Vec<_> = (0..3)
            .map(|_| send_in_thread(&sender, Arc::clone(&live)))
            .collect();
        drop(receiver.recv_timeout(Duration::from_micros(10)));
        drop(receiver.try_recv());
        drop(receiver);
        for thread in waiting {
            drop(thread.join().unwrap());
        }
        assert_eq!(Arc::strong_count(&live), 1);
    }
}
