//! The engine `threads`: an OS thread for each thread. What standin is compared with, and what one chooses
//! to keep std's behaviour with standin's types.

use super::control::Control;
use super::{Contract, NewThread, Sleep, Socket, Spawn, interrupt};
use standin_core::Instant;
use standin_core::context::{self, Context, OsThread};
use std::any::Any;
use std::cell::RefCell;
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::Waker;

/// OS threads.
pub(super) struct Threads;

impl Contract for Threads {
    fn name(&self) -> &'static str {
        "threads"
    }
}

impl Sleep for Threads {}
impl Socket for Threads {}

impl Spawn for Threads {
    fn start(&'static self, thread: NewThread) -> io::Result<Option<std::thread::JoinHandle<()>>> {
        interrupt::prepare()?;
        let mut builder = std::thread::Builder::new();
        if let Some(name) = thread.control().name() {
            builder = builder.name(name.to_owned());
        }
        if let Some(size) = thread.stack_size() {
            builder = builder.stack_size(size);
        }
        builder.spawn(move || run(thread)).map(Some)
    }

    fn blocking(&self, section: &mut (dyn FnMut() + Send)) -> io::Result<()> {
        section();
        Ok(())
    }
}

/// What lies behind `context::current` while a thread of this engine runs.
struct Running {
    parking: OsThread,
    control: Arc<Control>,
    /// What ends the join, once the thread's locals are destroyed.
    finished: Option<super::Finished>,
}

impl Context for Running {
    fn park(&self, deadline: Option<Instant>) {
        self.parking.park(deadline);
    }

    fn waker(&self) -> Waker {
        self.parking.waker()
    }

    fn local(&self) -> Option<&(dyn Any + Send + Sync)> {
        Some(&self.control)
    }
}

thread_local! {
    /// Initialised before anything else on the thread, so destroyed after all other locals: destructors run
    /// in the reverse order of initialisation (`__cxa_thread_atexit`).
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// Ends the thread for everybody who waits for it.
struct Last(Box<Running>);

impl Drop for Last {
    fn drop(&mut self) {
        // SAFETY: the plain OS thread needs no context to stay valid.
        unsafe { context::replace(None) };
        drop(self.0.finished.take());
    }
}

fn run(thread: NewThread) {
    let control = thread.control().clone();
    let running = Box::new(Running {
        parking: OsThread::new(),
        control: control.clone(),
        finished: None,
    });
    control.bind(running.waker());
    let context: NonNull<dyn Context> = NonNull::from(&*running as &dyn Context);
    LAST.with_borrow_mut(|last| *last = Some(Last(running)));
    // SAFETY: `LAST` owns the context until it replaces it.
    unsafe { context::replace(Some(context)) };
    let finished = thread.run();
    LAST.with_borrow_mut(|last| {
        if let Some(last) = last {
            last.0.finished = Some(finished);
        }
    });
}
