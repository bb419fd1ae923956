//! The scheduler of one kind of green threads: its processors, the queue that they share, and where a thread
//! that becomes ready goes.

use super::barrier;
use super::idle::Idle;
use super::list::SharedList;
use super::local::{self, Here};
use super::machine::{self, Machine};
use super::monitor::Monitor;
use super::processor::{CACHE, Processor};
use super::reactor::Reactor;
use super::reserve;
use super::task::{self, Task};
use crate::coroutine::{Kind, Pool, SizeClass};
use crate::engine::record::Placed;
use crate::engine::workers::workers;
use crate::engine::{NewThread, descriptors, fork};
use crate::switches;
use rustix::event::epoll::Event;
use standin_core::context;
use std::io;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Mutex, OnceLock, PoisonError};

/// What there is once the first thread was spawned.
pub(super) struct Shared {
    pub(super) kind: Kind,
    pub(super) processors: Vec<Processor>,
    /// Ready threads that no processor has yet.
    pub(super) injected: SharedList,
    pub(super) idle: Idle,
    pub(super) reactor: Reactor,
    pub(super) monitor: Monitor,
    /// Of the stacks that processors keep for the next thread.
    pub(super) default_class: SizeClass,
    /// A test switch: every wake moves the thread to another processor.
    pub(super) hop: bool,
    /// A test switch: the monitor takes whatever processor it can.
    pub(super) hasty: bool,
    next_hop: AtomicUsize,
    /// How many of the processors have a machine.
    machines: AtomicUsize,
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
        // The scheduler's reference, until the thread has ended.
        let task = Placed::into_raw(task);
        self.with_processor(|here| match here {
            Some(here) => here.push(shared, task, true),
            None => self.inject(task),
        });
        // A thread that only spawns lets them run now and then: what they leave is warm for the next. Not a
        // pinned one, for which each call that may park is part of its program's promise.
        let is_ours = |task: &Task| self.kind == Kind::Free && std::ptr::eq(task.scheduler, self);
        if Task::current(|task| task.is_some_and(is_ours)) {
            context::progress();
        }
        Ok(())
    }

    /// A thread has ended.
    pub(super) fn ended(&self, class: SizeClass) {
        self.pool.release(class);
    }

    /// Queues a thread that was parked. The caller has it, in no queue.
    pub(super) fn ready(&'static self, task: *const Task) {
        if fork::is_child() {
            // It is a thread of the parent.
            return;
        }
        let shared = self.shared();
        match self.kind {
            Kind::Free if shared.hop => self.hop(task),
            Kind::Free => self.with_processor(|here| match here {
                Some(here) => here.push(shared, task, false),
                None => self.inject(task),
            }),
            Kind::Pinned => {
                // SAFETY: the task is the caller's, and has run. A machine of pinned threads keeps its
                // processor.
                let home = unsafe { (*task).machine() }.processor();
                self.with_processor(|here| match here {
                    Some(here) if std::ptr::eq(home, here) => here.push(shared, task, false),
                    here => home.deliver(shared, task, here),
                });
            }
        }
    }

    /// Queues a free thread on another processor than the last one was queued on: a test switch. The caller
    /// has it, in no queue.
    pub(super) fn hop(&self, task: *const Task) {
        let shared = self.shared();
        let next = shared.next_hop.fetch_add(1, Relaxed) % shared.machines.load(Relaxed);
        shared.processors[next].deliver(shared, task, None);
    }

    /// Queues a thread for any processor. The caller has it, in no queue.
    pub(super) fn inject(&self, task: *const Task) {
        let shared = self.shared();
        // SAFETY: the caller's promise.
        unsafe { shared.injected.push(task) };
        shared.wake_one_for_shared_work();
    }

    /// Calls `f` with the processor of this scheduler that the calling OS thread holds, and keeps until then.
    fn with_processor(&self, f: impl FnOnce(Option<&'static Processor>)) {
        let processor_of = |machine: &'static Machine| {
            Some(machine.processor()).filter(|processor| processor.is_of(self))
        };
        match local::here() {
            Here::Thread(task) => {
                // SAFETY: a thread that runs is alive.
                let machine = unsafe { task.as_ref() }.machine();
                if let Some(processor) = processor_of(machine)
                    && machine.hold.enter()
                {
                    f(Some(processor));
                    machine.hold.leave();
                } else {
                    f(None);
                }
            }
            Here::Machine(machine) => f(processor_of(machine)),
            Here::Elsewhere => f(None),
        }
    }

    /// Starts the machines, if they were not.
    pub(super) fn start(&'static self) -> io::Result<&'static Shared> {
        if fork::is_child() {
            return Err(fork::refused(super::name_of(self.kind)));
        }
        if !self.started.load(Acquire) {
            fork::watch()?;
            let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.started.load(Acquire) {
                self.start_machines()?;
                self.started.store(true, Release);
            }
        }
        Ok(self.shared())
    }

    fn start_machines(&'static self) -> io::Result<()> {
        // Both take some 20 ms once there are other OS threads.
        barrier::kind();
        descriptors::make_room_if_alone();
        // There since the last attempt, if that had everything but an OS thread.
        let shared = match self.shared.get() {
            Some(shared) => shared,
            None => {
                let shared = self.prepare()?;
                self.shared.get_or_init(|| shared)
            }
        };
        shared.monitor.start(shared)?;
        for processor in &shared.processors {
            // Before it runs: until then it is not idle, and the monitor does not sleep.
            shared.machines.fetch_add(1, SeqCst);
            if let Err(error) = reserve::run(Box::new(move || machine::run(processor))) {
                shared.machines.fetch_sub(1, SeqCst);
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
        let count = workers()?;
        let default_class = self.pool.default_class()?;
        // Each processor's cache, and what it takes from the pool at once.
        self.pool
            .set_slack(default_class, count.saturating_mul(2 * CACHE));
        Ok(Shared {
            kind: self.kind,
            reactor: Reactor::new()?,
            processors: (0..count)
                .map(|index| Processor::new(index, self))
                .collect(),
            injected: SharedList::new(),
            idle: Idle::new(count),
            monitor: Monitor::new(),
            default_class,
            hop: switches.hop,
            hasty: switches.hasty,
            next_hop: AtomicUsize::new(0),
            machines: AtomicUsize::new(0),
        })
    }
}

impl Shared {
    /// Whether no processor has anything to run.
    pub(super) fn are_all_idle(&self) -> bool {
        let machines = self.machines.load(SeqCst);
        // There are none yet when the monitor starts.
        machines > 0 && self.idle.are_all_idle(machines)
    }

    /// Wakes one sleeping processor, if need be, for work that no running machine is sure to look for.
    pub(super) fn wake_one_for_shared_work(&self) {
        self.wake(self.idle.to_wake_for_shared_work());
    }

    /// Wakes one sleeping processor, if there is one and none searches already, for a thread that is new.
    pub(super) fn wake_one_for_new_work(&self) {
        self.wake(self.idle.to_wake_for_new_work());
    }

    /// Once wakes may pay again, wakes one sleeping processor for what came meanwhile. By whoever looks at the clock and
    /// may be in something else for long.
    pub(super) fn end_rest(&self, now: u64) {
        if self.idle.end_rest(now) && self.has_work() {
            self.wake_one_for_shared_work();
        }
    }

    /// Whether anything is ready that every processor may run.
    pub(super) fn has_work(&self) -> bool {
        !self.injected.is_empty() || self.processors.iter().any(Processor::has_ready)
    }

    /// Wakes one sleeping processor, if there is one and none searches already.
    pub(super) fn wake_one(&self) {
        self.wake(self.idle.to_wake());
    }

    fn wake(&self, processor: Option<usize>) -> bool {
        if let Some(index) = processor {
            self.processors[index].wake(self);
        }
        processor.is_some()
    }

    /// Lets a processor that sleeps wait in the kernel in place of the poller; false if there is none.
    pub(super) fn replace_poller(&self) -> bool {
        let index = self.idle.to_wake_for_shared_work();
        if let Some(index) = index {
            self.idle.poller.appoint(index);
        }
        self.wake(index)
    }

    /// Takes what events the kernel has, for the caller to hand out, unless somebody else is at that: then false. By
    /// whoever looks at the clock.
    pub(super) fn look(&self, now: u64, events: &mut Vec<Event>) -> bool {
        let may = self.idle.poller.looks(now);
        if may {
            self.reactor.wait(Some(0), events);
            if let Some(poller) = self.idle.poller.has_looked()
                && self.idle.has_to_wake(poller)
            {
                self.wake(Some(poller));
            }
        }
        may
    }
}
