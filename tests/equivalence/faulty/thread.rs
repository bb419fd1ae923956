//! std's threads, with faults.

use super::{Fault, every, has};
use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, channel};
use std::thread::ThreadId;
pub use std::thread::{Result, park, park_timeout, scope, yield_now};
use std::time::Duration;

static UNPARKS: AtomicUsize = AtomicUsize::new(0);

pub fn sleep(duration: Duration) {
    if !has(Fault::SleepsTooShort) {
        std::thread::sleep(duration);
    }
}

pub fn current() -> Thread {
    Thread(std::thread::current())
}

#[derive(Clone)]
pub struct Thread(std::thread::Thread);

impl Thread {
    pub fn id(&self) -> ThreadId {
        self.0.id()
    }

    pub fn name(&self) -> Option<&str> {
        self.0.name()
    }

    pub fn unpark(&self) {
        if !every(2, &UNPARKS, Fault::LosesUnparks) {
            self.0.unpark();
        }
    }
}

pub struct Builder(std::thread::Builder);

impl Builder {
    pub fn new() -> Self {
        Self(std::thread::Builder::new())
    }

    pub fn name(self, name: String) -> Self {
        if has(Fault::LosesNames) {
            self
        } else {
            Self(self.0.name(name))
        }
    }

    pub fn spawn<T: Send + 'static>(
        self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        let (sender, result) = channel();
        let handle = self.0.spawn(move || {
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
            let _ = sender.send(caught);
        })?;
        let thread = Thread(handle.thread().clone());
        Ok(JoinHandle {
            handle,
            thread,
            result,
        })
    }
}

pub struct JoinHandle<T> {
    handle: std::thread::JoinHandle<()>,
    thread: Thread,
    result: Receiver<Result<T>>,
}

impl<T> JoinHandle<T> {
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    pub fn join(self) -> Result<T> {
        if !has(Fault::JoinsEarly) {
            self.handle.join()?;
        }
        self.result.recv().expect("the thread sends how it ended")
    }
}

/// It cannot be done, as with std.
pub mod cancellation {
    use super::Thread;
    use std::io;

    pub const CANCEL: Option<fn(&Thread)> = None;

    pub fn is_cancelled(_: &io::Error) -> bool {
        false
    }
}

pub mod threads_of {
    use super::{Builder, JoinHandle};
    use std::io;

    pub fn spawn<T: Send + 'static>(
        builder: Builder,
        _: Option<usize>,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        builder.spawn(f)
    }
}
