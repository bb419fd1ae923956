//! The monitor: an OS thread that looks whether machines get on. One that sits in the kernel, or in one green
//! thread, for longer than [`PATIENCE`] loses its processor to another machine, so the other threads go on. The
//! thread itself runs on where it is, and comes back to the queues when it next parks or yields.
//!
//! A thread in the kernel (an unknown call, a lock that standin does not know) uses no core, so another OS
//! thread for the processor costs next to nothing: where somebody waits for the processor, it is handed on at
//! the next look at which it has used none since the one before. A thread that has computes, whatever it waits for
//! at the moment (the allocator's lock, say). The first few, as many as there are processors, are given 10 ms; while so
//! many compute beside the processors, the next is given 10 ms *of a core*, and the more there are the more of those.
//! Where many compute, each gets less of a core as well, and loses its processor later, so the number of OS threads
//! follows the work there is, and does not run away.
//!
//! Threads that are pinned to the machine cannot go on with its processor on another one. For them the monitor
//! only says who it is (`blocked.rs`).
//!
//! Sockets are served while all machines are in their threads for long, too: the monitor sees that nobody has asked
//! the kernel for a while, and lets a processor that sleeps wait there, or asks itself (`README.md`, "The poller").
//!
//! While all processors are idle the monitor sleeps, and the first that goes on wakes it.

use super::barrier;
use super::blocked::{self, Blocked};
use super::capture::Place;
use super::hold::Asked;
use super::machine::{self, Machine};
use super::processor::{Processor, nanoseconds};
use super::reserve::{self, Vacancy};
use super::scheduler::Shared;
use crate::coroutine::Kind;
use crate::engine::Control;
use rustix::event::epoll::Event;
use standin_core::Instant;
use std::io;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::fence;
use std::thread::{self, Thread};
use std::time::Duration;

/// How long a thread may keep a processor from the others, in nanoseconds.
const PATIENCE: u64 = 10_000_000;
/// How long the monitor waits between two looks.
const PAUSE: Duration = Duration::from_millis(2);
/// The same, once a machine seems to be stuck, and for a while after one was.
const ALERT_PAUSE: Duration = Duration::from_micros(500);
const ALERT: u64 = 20_000_000;
/// How long a thread may keep a processor where many compute, whatever it gets of a core.
const MOST_PATIENCE: u64 = 500_000_000;
/// The least part of a core that a thread has which computes, where many do.
const LEAST_SHARE: u64 = 64;
/// How many OS threads are kept ready meanwhile.
const SPARE: usize = 2;
/// How long the monitor waits between two looks where a test wants it to be as quick as it can.
const HASTY_PAUSE: Duration = Duration::from_micros(20);

pub(super) struct Monitor {
    /// All processors are idle, or were when it last looked.
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Monitor {
    pub(super) const fn new() -> Self {
        Self {
            asleep: AtomicBool::new(false),
            thread: OnceLock::new(),
        }
    }

    /// Starts the OS thread, unless it runs.
    pub(super) fn start(&self, shared: &'static Shared) -> io::Result<()> {
        if self.thread.get().is_some() {
            return Ok(());
        }
        let thread = thread::Builder::new()
            .name("standin-monitor".into())
            .stack_size(128 << 10)
            .spawn(move || run(shared))
            .map_err(reserve::refused)?;
        self.thread.get_or_init(|| thread.thread().clone());
        Ok(())
    }

    /// A processor is not idle any more. By its machine, after it took its mark back.
    pub(super) fn wake(&self) {
        fence(SeqCst);
        if self.asleep.load(Relaxed)
            && self.asleep.swap(false, Relaxed)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Sleeps as long as all processors are idle.
    fn sleep(&self, shared: &Shared) {
        self.asleep.store(true, Relaxed);
        // As in `wake`: one of the two sees what the other wrote.
        fence(SeqCst);
        if !shared.are_all_idle() {
            self.asleep.store(false, Relaxed);
        }
        while self.asleep.load(Relaxed) {
            thread::park();
        }
    }
}

fn run(shared: &'static Shared) {
    let mut looks: Vec<Look> = shared.processors.iter().map(|_| Look::default()).collect();
    let mut watch = Watch {
        shared,
        now: nanoseconds(Instant::system()),
        before: 0,
        alert_until: 0,
        spare: Vec::with_capacity(SPARE),
        culprits: Vec::with_capacity(shared.processors.len()),
        events: Vec::new(),
    };
    loop {
        let before = watch.now;
        watch.now = nanoseconds(Instant::system());
        // It may have slept, or have waited for a core.
        watch.before = before.max(watch.now.saturating_sub(PAUSE.as_nanos() as u64));
        shared.end_rest(watch.now);
        watch.see_to_the_kernel();
        for (processor, look) in shared.processors.iter().zip(&mut looks) {
            watch.look_at(processor, look);
        }
        watch.report();
        thread::sleep(watch.pause());
        let has_told = watch.culprits.iter().all(|culprit| culprit.is_reported);
        if has_told && shared.are_all_idle() {
            watch.spare.clear();
            shared.monitor.sleep(shared);
        }
    }
}

/// What the monitor knows between two looks.
struct Watch {
    shared: &'static Shared,
    now: u64,
    /// When it looked before.
    before: u64,
    /// A machine seemed to be stuck not long ago.
    alert_until: u64,
    /// OS threads for machines, claimed when there is time for it: starting one takes long where many compute.
    spare: Vec<Vacancy>,
    /// Threads that run without their processor, and pinned ones that keep theirs from others.
    culprits: Vec<Culprit>,
    /// For what the kernel has.
    events: Vec<Event>,
}

/// What the monitor saw of one processor: the stay of a thread on its machine.
#[derive(Default)]
struct Look {
    run: Option<Run>,
}

struct Run {
    machine: &'static Machine,
    turn: u32,
    /// When it had not begun.
    since: u64,
    /// The time that the machine had had of a core when it was first seen, and when it was last.
    core_time: u64,
    seen_core_time: u64,
    is_reported: bool,
}

struct Culprit {
    control: Control,
    since: u64,
    computes: bool,
    machine: &'static Machine,
    /// The time that the machine had had of a core, and when that was.
    core_time: u64,
    seen: u64,
    is_reported: bool,
    place: Place,
}

impl Watch {
    /// The poller may be in a thread that computes, or in the kernel.
    fn see_to_the_kernel(&mut self) {
        let shared = self.shared;
        if shared.idle.poller.is_missed(self.now)
            && !shared.replace_poller()
            && shared.look(self.now, &mut self.events)
        {
            shared.reactor.hand_out(&self.events);
        }
    }

    fn look_at(&mut self, processor: &'static Processor, look: &mut Look) {
        let Some(machine) = processor
            .machine()
            .filter(|machine| machine.hold.is_outside() && ptr::eq(machine.processor(), processor))
        else {
            look.run = None;
            return;
        };
        let turn = machine.turns();
        let os_thread = machine.os_thread();
        let run = match &mut look.run {
            Some(run) if ptr::eq(run.machine, machine) && run.turn == turn => {
                self.be_alert();
                run
            }
            _ => {
                let core_time = os_thread.core_time();
                let run = look.run.insert(Run {
                    machine,
                    turn,
                    since: self.before,
                    core_time,
                    seen_core_time: core_time,
                    is_reported: false,
                });
                if !self.shared.hasty {
                    return;
                }
                run
            }
        };
        let elapsed = self.now - run.since;
        let core_time = os_thread.core_time();
        let used = core_time.saturating_sub(run.core_time);
        let just_used = core_time.saturating_sub(run.seen_core_time);
        let has_run = LEAST_SHARE * just_used > self.now - self.before;
        run.seen_core_time = core_time;
        let computes = has_run || os_thread.is_runnable();
        // Once as many as there are processors compute beside them, it is one, and with each time as many one more.
        let crowds = (self.computing() / self.shared.processors.len()) as u64;
        let is_long = match computes && crowds > 0 {
            true => used >= PATIENCE * crowds || elapsed >= MOST_PATIENCE,
            false => elapsed >= PATIENCE,
        };
        match self.shared.kind {
            Kind::Free => {
                let in_the_way = !computes && processor.is_waited_for(self.now);
                if is_long || in_the_way || self.shared.hasty {
                    match self.hand_on(processor, run, computes) {
                        Ok(()) => look.run = None,
                        Err(error) => blocked::complain(&error),
                    }
                }
            }
            Kind::Pinned => {
                if is_long && !run.is_reported {
                    run.is_reported = true;
                    if let Some((_asked, culprit)) = stop(processor, run, computes, self.now) {
                        self.culprits.push(culprit);
                    }
                }
            }
        }
    }

    /// Gives the processor to another machine, unless its own has got on meanwhile.
    ///
    /// # Errors
    ///
    /// There is no OS thread for another machine.
    fn hand_on(
        &mut self,
        processor: &'static Processor,
        run: &Run,
        computes: bool,
    ) -> io::Result<()> {
        // First: once the processor is taken it needs somebody.
        let vacancy = match self.spare.pop() {
            Some(vacancy) => vacancy,
            None => reserve::claim()?,
        };
        let Some((asked, culprit)) = stop(processor, run, computes, self.now) else {
            self.spare.push(vacancy);
            return Ok(());
        };
        if !asked.take() {
            self.spare.push(vacancy);
            return Ok(());
        }
        vacancy.run(Box::new(move || machine::run(processor)));
        self.culprits.push(culprit);
        self.be_alert();
        Ok(())
    }

    /// How many threads compute without a processor.
    fn computing(&self) -> usize {
        let culprits = self.culprits.iter();
        culprits.filter(|culprit| culprit.computes).count()
    }

    /// Tells who kept an OS thread for long, and forgets those that have got on.
    fn report(&mut self) {
        self.culprits.retain(|culprit| culprit.place.is_there());
        for culprit in &mut self.culprits {
            culprit.look_again(self.now);
            let duration = self.now - culprit.since;
            if duration >= PATIENCE && !culprit.is_reported {
                culprit.is_reported = true;
                blocked::report(Blocked::new(
                    culprit.control.clone(),
                    Duration::from_nanos(duration),
                    culprit.computes,
                    culprit.place,
                ));
            }
        }
    }

    fn be_alert(&mut self) {
        self.alert_until = self.now + ALERT;
    }

    /// How long to the next look; uses the time to be ready for it.
    fn pause(&mut self) -> Duration {
        if self.shared.hasty {
            return HASTY_PAUSE;
        }
        if self.now >= self.alert_until {
            self.spare.clear();
            return PAUSE;
        }
        if self.shared.kind == Kind::Free && self.spare.len() < SPARE {
            // Should there be none, that is said when it is needed.
            self.spare.extend(reserve::claim());
        }
        ALERT_PAUSE
    }
}

impl Culprit {
    /// Now and then: who computed may be in the kernel now, or the other way round.
    fn look_again(&mut self, now: u64) {
        let elapsed = now - self.seen;
        if elapsed >= PATIENCE {
            let core_time = self.machine.os_thread().core_time();
            let used = core_time.saturating_sub(self.core_time);
            self.computes = LEAST_SHARE * used > elapsed;
            (self.core_time, self.seen) = (core_time, now);
        }
    }
}

/// Keeps the machine out of the scheduler, if it is still in that run; who is to blame.
fn stop(
    processor: &Processor,
    run: &Run,
    computes: bool,
    now: u64,
) -> Option<(Asked<'static>, Culprit)> {
    let asked = run.machine.hold.ask(barrier::pass)?;
    if run.machine.turns() != run.turn || !ptr::eq(run.machine.processor(), processor) {
        return None;
    }
    let task = run.machine.task();
    let culprit = Culprit {
        // SAFETY: the machine runs the task, and cannot find out that it stopped as long as it is kept out.
        control: unsafe { (*task).control.clone() },
        since: run.since,
        computes,
        machine: run.machine,
        core_time: run.seen_core_time,
        seen: now,
        is_reported: false,
        place: Place::new(run.machine, run.turn, task),
    };
    Some((asked, culprit))
}
