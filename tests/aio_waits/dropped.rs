//! Futures that are dropped while they wait, one step at a time: whom the lock, the place or the message goes to.

use super::polled::{Polled, ready};
use standin::aio::{MutexExt, ReceiverExt, RwLockExt, SyncSenderExt};
use standin::sync::mpsc::{Receiver, RecvError, TryRecvError, TrySendError, channel, sync_channel};
use standin::sync::{Arc, Mutex, RwLock};

#[test]
fn a_mutex_goes_past_a_future_that_was_woken_and_dropped() {
    let mutex = Mutex::new(0);
    let held = mutex.lock().unwrap();
    let (mut first, mut second, mut third) = (
        Polled::new(mutex.lock_async()),
        Polled::new(mutex.lock_async()),
        Polled::new(mutex.lock_async()),
    );
    for future in [&mut first, &mut second, &mut third] {
        assert!(future.poll().is_pending());
    }
    drop(held);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    let guard = second.ready().unwrap();
    drop(guard);
    assert_eq!(third.wakes(), 1);
    drop(third);
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn a_mutex_forgets_a_future_that_was_dropped_before_it_was_woken() {
    let mutex = Mutex::new(0);
    let held = mutex.lock().unwrap();
    let (mut first, mut second) = (
        Polled::new(mutex.lock_async()),
        Polled::new(mutex.lock_async()),
    );
    assert!(first.poll().is_pending());
    assert!(second.poll().is_pending());
    drop(first);
    drop(held);
    assert_eq!(second.wakes(), 1);
    drop(second.ready().unwrap());
}

#[test]
fn readers_come_in_after_a_woken_writer_was_dropped() {
    let lock = RwLock::new(0);
    let held = lock.write().unwrap();
    let mut writer = Polled::new(lock.write_async());
    let mut readers = [(); 2].map(|()| Polled::new(lock.read_async()));
    assert!(writer.poll().is_pending());
    for reader in &mut readers {
        assert!(reader.poll().is_pending());
    }
    drop(held);
    // The writer goes first, and the readers were left to it.
    assert_eq!((writer.wakes(), readers[0].wakes()), (1, 0));
    drop(writer);
    let guards = readers.map(|mut reader| {
        assert_eq!(reader.wakes(), 1);
        reader.ready().unwrap()
    });
    drop(guards);
    assert!(lock.try_write().is_ok());
}

#[test]
fn the_next_writer_comes_in_after_a_woken_writer_was_dropped() {
    let lock = RwLock::new(0);
    let held = lock.read().unwrap();
    let mut writers = [(); 3].map(|()| Polled::new(lock.write_async()));
    let mut reader = Polled::new(lock.read_async());
    for writer in &mut writers {
        assert!(writer.poll().is_pending());
    }
    assert!(reader.poll().is_pending());
    drop(held);
    let [first, mut second, mut third] = writers;
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    drop(second.ready().unwrap());
    assert_eq!(third.wakes(), 1);
    drop(third.ready().unwrap());
    drop(reader.ready().unwrap());
}

#[test]
fn readers_join_readers_once_the_writer_between_was_dropped() {
    let lock = RwLock::new(0);
    let held = lock.read().unwrap();
    let mut writer = Polled::new(lock.write_async());
    let mut reader = Polled::new(lock.read_async());
    assert!(writer.poll().is_pending());
    assert!(reader.poll().is_pending());
    drop(writer);
    assert_eq!(reader.wakes(), 1);
    drop(reader.ready().unwrap());
    drop(lock.try_read().unwrap());
    drop(held);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_free_place_goes_past_a_sender_that_was_woken_and_dropped() {
    let (sender, receiver) = sync_channel(1);
    sender.send(0).unwrap();
    let mut senders = [1, 2, 3].map(|n| Polled::new(sender.send_async(n)));
    for future in &mut senders {
        assert!(future.poll().is_pending());
    }
    let [first, second, mut third] = senders;
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    drop(second);
    assert_eq!(third.wakes(), 1);
    assert_eq!(third.ready(), Ok(()));
    assert_eq!(receiver.try_recv(), Ok(3));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_place_goes_past_a_sender_that_was_dropped_before_it_was_woken() {
    let (sender, receiver) = sync_channel(1);
    sender.send(0).unwrap();
    let mut senders = [1, 2].map(|n| Polled::new(sender.send_async(n)));
    for future in &mut senders {
        assert!(future.poll().is_pending());
    }
    let [first, mut second] = senders;
    drop(first);
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(second.wakes(), 1);
    assert_eq!(second.ready(), Ok(()));
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[test]
fn an_offer_is_taken_back_by_a_drop() {
    let (sender, mut receiver) = sync_channel(0);
    let message = |n: usize| Arc::new(n);
    let kept: Vec<_> = (0..4).map(message).collect();
    let mut offers: Vec<_> = kept
        .iter()
        .map(|message| Polled::new(sender.send_async(message.clone())))
        .collect();
    for offer in &mut offers {
        assert!(offer.poll().is_pending());
    }
    // From the middle, the end and the beginning of the queue.
    for index in [1, 2, 0] {
        drop(offers.remove(index));
    }
    assert!([0, 1, 3].iter().all(|n| Arc::strong_count(&kept[*n]) == 1));
    assert_eq!(receiver.try_recv().as_deref(), Ok(&2));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(offers[0].wakes(), 1);
    assert_eq!(offers[0].ready(), Ok(()));
    // One that was taken was sent, whether its future hears of it or not.
    let mut offer = Polled::new(sender.send_async(message(7)));
    assert!(offer.poll().is_pending());
    assert_eq!(ready(receiver.recv_async()).as_deref(), Ok(&7));
    drop(offer);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_message_that_was_handed_to_a_dropped_future_is_received_next() {
    for by_try in [true, false] {
        let (sender, mut receiver) = sync_channel(0);
        assert_eq!(sender.try_send(0), Err(TrySendError::Full(0)));
        let mut future = Polled::new(receiver.recv_async());
        assert!(future.poll().is_pending());
        assert_eq!(sender.try_send(1), Ok(()));
        assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
        assert_eq!(future.wakes(), 1);
        drop(future);
        let received = if by_try {
            receiver.try_recv().map_err(|_| RecvError)
        } else {
            receiver.recv()
        };
        assert_eq!(received, Ok(1));
    }
}

#[test]
fn nothing_is_handed_to_a_receiver_that_gave_up() {
    let (sender, mut receiver) = sync_channel(0);
    let mut future = Polled::new(receiver.recv_async());
    assert!(future.poll().is_pending());
    drop(future);
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_message_that_nobody_took_goes_with_the_receiver() {
    let (sender, mut receiver) = sync_channel(0);
    let mut future = Polled::new(receiver.recv_async());
    assert!(future.poll().is_pending());
    let message = Arc::new(());
    sender.try_send(message.clone()).unwrap();
    drop(future);
    drop(receiver);
    assert_eq!(Arc::strong_count(&message), 1);
    assert!(matches!(
        sender.try_send(message),
        Err(TrySendError::Disconnected(_))
    ));
}

#[test]
fn a_dropped_receive_leaves_the_messages() {
    let (unbounded, receiver) = channel();
    check_dropped_receive(|n| unbounded.send(n).unwrap(), receiver);
    let (bounded, receiver) = sync_channel(3);
    check_dropped_receive(|n| bounded.send(n).unwrap(), receiver);
}

fn check_dropped_receive(send: impl Fn(usize), mut receiver: Receiver<usize>) {
    let mut future = Polled::new(receiver.recv_async());
    assert!(future.poll().is_pending());
    send(1);
    assert_eq!(future.wakes(), 1);
    drop(future);
    let mut future = Polled::new(receiver.recv_async());
    assert_eq!(future.ready(), Ok(1));
    drop(future);
    let mut future = Polled::new(receiver.recv_async());
    assert!(future.poll().is_pending());
    drop(future);
    send(2);
    assert_eq!(receiver.recv(), Ok(2));
}
