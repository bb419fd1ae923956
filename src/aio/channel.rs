//! Channels in async code: the same [`mpsc`](crate::sync::mpsc), with threads and tasks at either end.
//!
//! [`Sender::send`](crate::sync::mpsc::Sender::send) never waits, and is the one for async code too.

use crate::sync::mpsc::{Receiver, RecvError, SendError, SyncSender};

/// Receiving in async code, from every kind of channel.
pub trait ReceiverExt<T> {
    /// As [`Receiver::recv`], for a future.
    ///
    /// It borrows the receiver exclusively, so that the future is `Send` if `T` is. It may be dropped at any time
    /// and takes no message with it: what is sent to a receiver that waits in a dropped future is there for its
    /// next receive.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if there is no message and all senders are gone, also if the last one goes during the wait.
    ///
    /// ```
    /// use standin::aio::ReceiverExt;
    /// use standin::sync::mpsc::channel;
    /// use standin::thread;
    ///
    /// let (sender, mut receiver) = channel();
    /// thread::spawn(move || sender.send(10).unwrap());
    /// standin::block_on(async move {
    ///     assert_eq!(receiver.recv_async().await, Ok(10));
    ///     assert!(receiver.recv_async().await.is_err());
    /// });
    /// ```
    fn recv_async(&mut self) -> impl Future<Output = Result<T, RecvError>>;
}

impl<T> ReceiverExt<T> for Receiver<T> {
    fn recv_async(&mut self) -> impl Future<Output = Result<T, RecvError>> {
        self.recv_in_task()
    }
}

/// Sending in async code where it may wait: for room, or for the receiver.
pub trait SyncSenderExt<T> {
    /// As [`SyncSender::send`], for a future.
    ///
    /// The future is `Send` if `T` is. Dropped before it was ready, it drops the message with it, which will not be
    /// received; except that in a channel of bound zero the receiver may have taken it since the last poll. As
    /// long as it is neither polled nor dropped after it was woken, other senders may wait for it.
    ///
    /// # Errors
    ///
    /// The message, if the receiver is gone, also if it goes during the wait.
    fn send_async(&self, t: T) -> impl Future<Output = Result<(), SendError<T>>>;
}

impl<T> SyncSenderExt<T> for SyncSender<T> {
    fn send_async(&self, t: T) -> impl Future<Output = Result<(), SendError<T>>> {
        self.send_in_task(t)
    }
}
