//! std's channels, with faults.

use super::super::{Fault, every, has};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc as std_mpsc;
pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};
use std::time::Duration;

static SENT: AtomicUsize = AtomicUsize::new(0);

pub fn channel<T: Clone>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = std_mpsc::channel();
    (
        Sender(Held::new(sender)),
        Receiver {
            receiver,
            last: Mutex::new(None),
        },
    )
}

pub fn sync_channel<T: Clone>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (sender, receiver) =
        std_mpsc::sync_channel(bound + usize::from(has(Fault::OverfillsChannels)));
    (
        SyncSender(Held::new(sender)),
        Receiver {
            receiver,
            last: Mutex::new(None),
        },
    )
}

#[derive(Clone)]
pub struct Sender<T>(Held<std_mpsc::Sender<T>, T>);

impl<T> Sender<T> {
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.0.send(value, std_mpsc::Sender::send)
    }
}

#[derive(Clone)]
pub struct SyncSender<T>(Held<std_mpsc::SyncSender<T>, T>);

impl<T> SyncSender<T> {
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.0.send(value, std_mpsc::SyncSender::send)
    }
}

impl<T> SyncSender<T> {
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.0.sender.try_send(value)
    }
}

/// A sender, and a message that it holds back.
struct Held<S, T> {
    sender: S,
    held: Mutex<Option<T>>,
}

impl<S: Clone, T> Clone for Held<S, T> {
    fn clone(&self) -> Self {
        Self::new(self.sender.clone())
    }
}

impl<S, T> Held<S, T> {
    fn new(sender: S) -> Self {
        Self {
            sender,
            held: Mutex::new(None),
        }
    }

    fn send(
        &self,
        value: T,
        send: impl Fn(&S, T) -> Result<(), SendError<T>>,
    ) -> Result<(), SendError<T>> {
        if every(3, &SENT, Fault::LosesMessages) {
            return Ok(());
        }
        let held = self.held.lock().unwrap().take();
        if held.is_none() && every(3, &SENT, Fault::ReordersMessages) {
            *self.held.lock().unwrap() = Some(value);
            return Ok(());
        }
        send(&self.sender, value)?;
        held.map_or(Ok(()), |held| send(&self.sender, held))
    }
}

pub struct Receiver<T> {
    receiver: std_mpsc::Receiver<T>,
    last: Mutex<Option<T>>,
}

impl<T: Clone> Receiver<T> {
    pub fn recv(&self) -> Result<T, RecvError> {
        match self.receiver.recv() {
            Ok(value) => Ok(self.heard(value)),
            Err(error) => self.again().ok_or(error),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = T> {
        std::iter::from_fn(|| self.recv().ok())
    }

    pub fn try_iter(&self) -> impl Iterator<Item = T> {
        std::iter::from_fn(|| self.try_recv().ok())
    }

    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.receiver.try_recv().map(|value| self.heard(value))
    }

    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        let timeout = if has(Fault::TimesOutEarly) {
            Duration::ZERO
        } else {
            timeout
        };
        self.receiver
            .recv_timeout(timeout)
            .map(|value| self.heard(value))
    }

    fn heard(&self, value: T) -> T {
        *self.last.lock().unwrap() = Some(value.clone());
        value
    }

    /// The last message once more, instead of a disconnect.
    fn again(&self) -> Option<T> {
        if has(Fault::MissesDisconnects) {
            self.last.lock().unwrap().take()
        } else {
            None
        }
    }
}
