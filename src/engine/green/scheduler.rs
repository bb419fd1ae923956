//! The scheduler of one kind of green threads: its processors, the queue that they share, and where a thread
//! that becomes ready goes.

use super::idle::Idle;
use super::list::SharedList;
use super::machine;
use super::processor::{CACHE, Processor};
use super::task::{self, Task};
use super::{local, reserve};
use crate::coroutine::{Kind, Pool, SizeClass};
use crate::engine::NewThread;
use crate::switches;
use std::io;
use std::num::NonZero;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What there is once the first thread was spawned.
pub(super) struct Shared {
    pub(super) kind: Kind,
    pub(super) processors: Vec<Processor>,
    /// Ready threads that no processor has yet.
    pub(super) injected: SharedList,
    pub(super) idle: Idle,
    /// Of the stacks that processors keep for the next thread.
    pub(super) default_class: SizeClass,
    /// A test switch: every wake moves the thread to another processor.
    pub(super) hop: bool,
    next_hop: AtomicUsize,
}

pub(super) struct Scheduler {
    kind: Kind,
    pool: Pool,
    shared: OnceLock<Shared>,
    /// The machines run; set last.
    started: AtomicBool,
    starting: Mutex<()>,
}

impl Scheduler {
    pub(super) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            pool: Pool::new(kind, task::entry),
            shared: OnceLock::new(),
            started: AtomicBool::new(false),
            starting: Mutex::new(()),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What was made at the first spawn; only threads and machines ask, which there were none before.
    pub(super) fn shared(&self) -> &Shared {
        self.shared
            .get()
            .expect("the scheduler was started before its threads")
    }

    /// Makes a thread and queues it.
    pub(super) fn spawn(&'static self, thread: NewThread) -> io::Result<()> {
        let shared = self.start()?;
        let class = self.pool.reserve(thread.stack_size())?.keep();
        let task = Task::new(self, class, thread);
        task.control.bind(task.clone().into());
        // The scheduler's reference, until the thread has ended.
        let task = Arc::into_raw(task);
        match self.processor() {
            Some(processor) => processor.push(shared, task, true),
            None => self.inject(task),
        }
        Ok(())
    }

    /// A thread has ended.
    pub(super) fn ended(&self, class: SizeClass) {
        self.pool.release(class);
    }

    /// Queues a thread that was parked. The caller has it, in no queue.
    pub(super) fn ready(&'static self, task: *const Task) {
        let shared = self.shared();
        match self.kind {
            Kind::Free if shared.hop => self.hop(task),
            Kind::Free => match self.processor() {
                Some(here) => here.push(shared, task, false),
                None => self.inject(task),
            },
            Kind::Pinned => {
                // SAFETY: the task is the caller's, and processors live for ever. A thread that parked was
                // run by one.
                let home = unsafe { &*(*task).processor.get() };
                match self.processor() {
                    Some(here) if std::ptr::eq(home, here) => here.push(shared, task, false),
                    _ => home.deliver(shared, task),
                }
            }
        }
    }

    /// Queues a free thread on another processor than the last one was queued on: a test switch. The caller
    /// has it, in no queue.
    pub(super) fn hop(&self, task: *const Task) {
        let shared = self.shared();
        let next = shared.next_hop.fetch_add(1, Relaxed) % shared.processors.len();
        shared.processors[next].deliver(shared, task);
    }

    /// Queues a thread for any processor. The caller has it, in no queue.
    pub(super) fn inject(&self, task: *const Task) {
        let shared = self.shared();
        // SAFETY: the caller's promise.
        unsafe { shared.injected.push(task) };
        shared.wake_one_for_shared_work();
    }

    /// The processor of this scheduler that the calling OS thread holds.
    pub(super) fn processor(&self) -> Option<&'static Processor> {
        local::processor().filter(|processor| processor.is_of(self))
    }

    /// Starts the machines, if they were not.
    fn start(&'static self) -> io::Result<&'static Shared> {
        if !self.started.load(Acquire) {
            let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.started.load(Acquire) {
                self.start_machines()?;
                self.started.store(true, Release);
            }
        }
        Ok(self.shared())
    }

    fn start_machines(&'static self) -> io::Result<()> {
        // There since the last attempt, if that had everything but an OS thread.
        let shared = match self.shared.get() {
            Some(shared) => shared,
            None => {
                let shared = self.prepare()?;
                self.shared.get_or_init(|| shared)
            }
        };
        for processor in &shared.processors {
            if let Err(error) = reserve::run(Box::new(move || machine::run(processor))) {
                // Fewer machines are slower but serve every queue: threads are bound to a processor only
                // when a machine of it runs them. Without any there is no engine.
                if processor.index == 0 {
                    return Err(error);
                }
                break;
            }
        }
        Ok(())
    }

    fn prepare(&'static self) -> io::Result<Shared> {
        let switches =
            switches::get().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let count = processors()?;
        let default_class = self.pool.default_class()?;
        // Each processor's cache, and what it takes from the pool at once.
        self.pool
            .set_slack(default_class, count.saturating_mul(2 * CACHE));
        let processors = (0..count)
            .map(|index| Processor::new(index, self))
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Shared {
            kind: self.kind,
            processors,
            injected: SharedList::new(),
            idle: Idle::new(count),
            default_class,
            hop: switches.hop,
            next_hop: AtomicUsize::new(0),
        })
    }
}

impl Shared {
    /// Wakes one sleeping processor, if need be, for work that no running machine is sure to look for.
    pub(super) fn wake_one_for_shared_work(&self) {
        if let Some(index) = self.idle.to_wake_for_shared_work() {
            self.processors[index].reactor.wake();
        }
    }

    /// Wakes one sleeping processor, if there is one and none searches already.
    pub(super) fn wake_one(&self) {
        if let Some(index) = self.idle.to_wake() {
            self.processors[index].reactor.wake();
        }
    }
}

/// How many processors: `STANDIN_WORKERS`, else the available cores.
fn processors() -> io::Result<usize> {
    const MOST: usize = 1024;
    let Some(value) = std::env::var_os("STANDIN_WORKERS") else {
        return Ok(std::thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(MOST));
    };
    match value.to_str().map(str::parse) {
        Some(Ok(count)) if (1..=MOST).contains(&count) => Ok(count),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "the environment variable STANDIN_WORKERS is {value:?}: it has to be a number of processors \
                 from 1 to {MOST}; unset it for one an available core"
            ),
        )),
    }
}
