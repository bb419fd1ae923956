//! The engine `threads`: an OS thread for each thread. What standin is compared with, and what one chooses
//! to keep std's behaviour with standin's types.

use super::os_context::OsContext;
use super::{Contract, Finished, NewThread, Sleep, Socket, Spawn, interrupt};
use standin_core::context::{self, Context};
use std::cell::RefCell;
use std::io;
use std::ptr::NonNull;

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

thread_local! {
    /// Initialised before anything else on the thread, so destroyed after all other locals: destructors run
    /// in the reverse order of initialisation (`__cxa_thread_atexit`).
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// Ends the thread for everybody who waits for it.
struct Last {
    /// What lies behind `context::current` while the thread runs.
    _context: Box<OsContext>,
    /// What ends the join, once the thread's locals are destroyed.
    finished: Option<Finished>,
}

impl Drop for Last {
    fn drop(&mut self) {
        // SAFETY: the plain OS thread needs no context to stay valid.
        unsafe { context::replace(None) };
        drop(self.finished.take());
    }
}

fn run(thread: NewThread) {
    let own = Box::new(OsContext::new(thread.control().clone()));
    thread.control().bind(own.waker());
    let context: NonNull<dyn Context> = NonNull::from(&*own as &dyn Context);
    LAST.with_borrow_mut(|last| {
        *last = Some(Last {
            _context: own,
            finished: None,
        });
    });
    // SAFETY: `LAST` owns the context until it replaces it.
    unsafe { context::replace(Some(context)) };
    let finished = thread.run();
    LAST.with_borrow_mut(|last| {
        if let Some(last) = last {
            last.finished = Some(finished);
        }
    });
}
