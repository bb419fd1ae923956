//! The smallest engine: an OS thread for each thread, with nothing but std and the public contract. The
//! contract test suite (`tests/contract`) runs on it too.
//!
//! Sleeping and sockets are the contract's provided methods, which block the OS thread. What is left is to
//! park, and to end a thread in the right order.

use standin::engine::context::{self, Context};
use standin::engine::{Contract, Control, Finished, Instant, NewThread, Sleep, Socket, Spawn};
use std::any::Any;
use std::cell::RefCell;
use std::io;
use std::ptr::NonNull;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::thread::{Builder, JoinHandle};

pub(crate) struct OsThreads;

impl Contract for OsThreads {
    fn name(&self) -> &'static str {
        "example"
    }
}

impl Sleep for OsThreads {}
impl Socket for OsThreads {}

impl Spawn for OsThreads {
    fn start(&'static self, thread: NewThread) -> io::Result<Option<JoinHandle<()>>> {
        let mut builder = Builder::new();
        if let Some(name) = thread.control().name() {
            builder = builder.name(name.to_owned());
        }
        if let Some(size) = thread.stack_size() {
            builder = builder.stack_size(size);
        }
        builder.spawn(|| run(thread)).map(Some)
    }

    fn blocking(&self, section: &mut (dyn FnMut() + Send)) -> io::Result<()> {
        // The OS thread is the thread's own, so nobody else waits for it.
        section();
        Ok(())
    }
}

/// The token of a thread.
#[derive(Default)]
struct Token {
    is_there: Mutex<bool>,
    came: Condvar,
}

impl Token {
    /// Takes the token; waits for it until the deadline at most.
    fn take(&self, deadline: Option<Instant>) {
        let absent = |is_there: &mut bool| !*is_there;
        let is_there = self.is_there.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_there = match deadline {
            None => self
                .came
                .wait_while(is_there, absent)
                .unwrap_or_else(PoisonError::into_inner),
            Some(deadline) => {
                let left = deadline.saturating_since(Instant::system());
                let waited = self.came.wait_timeout_while(is_there, left, absent);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        *is_there = false;
    }
}

impl Wake for Token {
    fn wake(self: Arc<Self>) {
        *self.is_there.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.came.notify_one();
    }
}

/// What the wait queue, and the std-shaped modules, ask a running thread.
struct Running {
    token: Arc<Token>,
    control: Control,
    finished: Option<Finished>,
}

impl Context for Running {
    fn park(&self, deadline: Option<Instant>) -> bool {
        self.token.take(deadline);
        false
    }

    fn waker(&self) -> Waker {
        self.token.clone().into()
    }

    fn local(&self) -> Option<&(dyn Any + Send + Sync)> {
        Some(&self.control)
    }
}

thread_local! {
    /// The first thread-local that a thread initialises, and so the last one whose destructor runs: the others
    /// may still park.
    static RUNNING: RefCell<Option<Last>> = const { RefCell::new(None) };
}

struct Last(Box<Running>);

impl Drop for Last {
    fn drop(&mut self) {
        // SAFETY: without a context this is a plain OS thread, which it is from here on.
        unsafe { context::replace(None) };
        // This ends the join.
        drop(self.0.finished.take());
    }
}

fn run(thread: NewThread) {
    let control = thread.control().clone();
    let running = Box::new(Running {
        token: Arc::default(),
        control: control.clone(),
        finished: None,
    });
    control.bind(running.waker());
    let current: NonNull<dyn Context> = NonNull::from(&*running as &dyn Context);
    RUNNING.set(Some(Last(running)));
    // SAFETY: the box lies in `RUNNING` until its destructor has replaced the context, on this thread.
    unsafe { context::replace(Some(current)) };
    let finished = thread.run();
    RUNNING.with_borrow_mut(|last| {
        last.as_mut().expect("it was set above").0.finished = Some(finished);
    });
}
