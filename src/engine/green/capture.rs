//! Where a thread is that runs on another OS thread: it is asked by a signal, whose handler writes down the
//! return addresses of what it interrupted.
//!
//! The handler runs in the middle of anything, so it takes no lock and does not allocate. It walks the stack by
//! the unwinder of the C runtime (as profilers do), and leaves the names to the one who asked.

use super::local;
use super::machine::Machine;
use super::task::Task;
use std::fmt;
use std::ptr;

/// A stay of a thread on a machine.
#[derive(Clone, Copy)]
pub(super) struct Place {
    machine: &'static Machine,
    turn: u32,
    /// To be compared only.
    task: *const Task,
}

// SAFETY: the pointer is not followed.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

impl Place {
    pub(super) fn new(machine: &'static Machine, turn: u32, task: *const Task) -> Self {
        Self {
            machine,
            turn,
            task,
        }
    }

    /// Whether the thread has not stopped since.
    pub(super) fn is_there(&self) -> bool {
        self.machine.turns() == self.turn && ptr::eq(self.machine.task(), self.task)
    }

    /// Where the thread is, if it is still there.
    pub(super) fn backtrace(&self) -> Option<Backtrace> {
        signal::addresses(self).map(|addresses| Backtrace::new(&addresses))
    }
}

/// Where the thread's own functions end and the scheduler's begin.
const SCHEDULER: &str = "standin::engine::green::task::";

/// The functions that a thread is in, innermost first. It prints as std's backtraces do.
pub struct Backtrace(Vec<Frame>);

struct Frame {
    name: String,
    location: Option<String>,
}

impl Backtrace {
    fn new(addresses: &[usize]) -> Self {
        let mut frames = Vec::new();
        for &address in addresses {
            let before = frames.len();
            // Several, where functions were inlined.
            backtrace::resolve(address as *mut _, |symbol| {
                let name = symbol
                    .name()
                    .map_or_else(unknown, |name| format!("{name:#}"));
                let location = symbol.filename().map(|file| {
                    let line = symbol.lineno().unwrap_or(0);
                    format!("{}:{line}", file.display())
                });
                frames.push(Frame { name, location });
            });
            if frames[before..]
                .iter()
                .any(|frame: &Frame| frame.name.starts_with(SCHEDULER))
            {
                frames.truncate(before);
                break;
            }
            if frames.len() == before {
                frames.push(Frame {
                    name: unknown(),
                    location: None,
                });
            }
        }
        Self(frames)
    }
}

fn unknown() -> String {
    "<unknown>".to_owned()
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, frame) in self.0.iter().enumerate() {
            writeln!(f, "{n:4}: {}", frame.name)?;
            if let Some(location) = &frame.location {
                writeln!(f, "             at {location}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(target_os = "linux")]
mod signal {
    use super::{Place, Task, local};
    use std::mem::MaybeUninit;
    use std::ptr;
    use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
    use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize};
    use std::sync::{Mutex, OnceLock, PoisonError};
    use std::time::{Duration, Instant};

    /// Ignored by default, and used by nearly nobody; Go's runtime chose it for the same reasons.
    const SIGNAL: libc::c_int = libc::SIGURG;
    const MOST_FRAMES: usize = 64;
    /// How long the one who asks waits for the handler to begin.
    const PATIENCE: Duration = Duration::from_millis(200);

    /// Nobody is asked. Also: who was asked does not answer.
    const IDLE: u32 = 0;
    const ASKED: u32 = 1;
    const ANSWERING: u32 = 2;
    const ANSWERED: u32 = 3;

    static STATE: AtomicU32 = AtomicU32::new(IDLE);
    /// Who is asked.
    static TASK: AtomicPtr<Task> = AtomicPtr::new(ptr::null_mut());
    static FRAMES: [AtomicUsize; MOST_FRAMES] = [const { AtomicUsize::new(0) }; MOST_FRAMES];
    static LENGTH: AtomicUsize = AtomicUsize::new(0);

    /// The return addresses of a thread, if it is still there.
    pub(super) fn addresses(place: &Place) -> Option<Vec<usize>> {
        if !place.is_there() {
            return None;
        }
        let frames = ask(place, || place.is_there())?;
        // Another thread may have come to that OS thread, in a task at the same address.
        place.is_there().then_some(frames)
    }

    /// The return addresses of the thread at `place`, or of one that came there later; waits as long as `is_there`.
    pub(super) fn ask(place: &Place, is_there: impl Fn() -> bool) -> Option<Vec<usize>> {
        static ASKING: Mutex<()> = Mutex::new(());
        let _asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
        if !install() {
            return None;
        }
        TASK.store(place.task.cast_mut(), Relaxed);
        let os_thread = place.machine.os_thread().thread();
        STATE.store(ASKED, Release);
        let process = rustix::process::getpid().as_raw_nonzero().get();
        // SAFETY: it only sends a signal, whose handler is in place; an OS thread that has ended is an error.
        let sent = unsafe { libc::syscall(libc::SYS_tgkill, process, os_thread, SIGNAL) } == 0;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match STATE.load(Acquire) {
                ANSWERED => break,
                ASKED if !sent || !is_there() || Instant::now() >= deadline => {
                    if STATE.compare_exchange(ASKED, IDLE, AcqRel, Relaxed).is_ok() {
                        return None;
                    }
                }
                IDLE => return None,
                _ => std::thread::sleep(Duration::from_micros(50)),
            }
        }
        let length = LENGTH.load(Relaxed);
        STATE.store(IDLE, Relaxed);
        let frames = FRAMES[..length].iter().map(|frame| frame.load(Relaxed));
        Some(frames.collect())
    }

    /// Installs the handler, once; false if somebody else handles the signal.
    fn install() -> bool {
        static INSTALLED: OnceLock<bool> = OnceLock::new();
        *INSTALLED.get_or_init(|| {
            // SAFETY: plain data, for which zeros are a valid value.
            let mut before: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
            // SAFETY: it only reads the action that is in force.
            let known = unsafe { libc::sigaction(SIGNAL, ptr::null(), &mut before) } == 0;
            if !known || before.sa_sigaction != libc::SIG_DFL {
                return false;
            }
            // SAFETY: as above.
            let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
            action.sa_sigaction = handle as *const () as usize;
            // On the alternate stack that machines have: the thread's own may be nearly full.
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
            // SAFETY: the handler is async-signal-safe.
            unsafe { libc::sigaction(SIGNAL, &action, ptr::null_mut()) == 0 }
        })
    }

    extern "C" fn handle(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: the calling OS thread is in the middle of a turn of this task, which is alive until that is over.
        let task = unsafe { local::task().as_ref() };
        let is_it = |task: &&Task| ptr::eq(*task, TASK.load(Relaxed));
        let answer = match task.filter(is_it).is_some_and(Task::is_unwindable) {
            true => ANSWERING,
            // It has got on, or is about to, or has just come.
            false => IDLE,
        };
        let is_asked = STATE.compare_exchange(ASKED, answer, AcqRel, Relaxed);
        if is_asked.is_err() || answer == IDLE {
            return;
        }
        // SAFETY: the calling thread's own.
        let errno = unsafe { *libc::__errno_location() };
        // SAFETY: the kernel's record of what was interrupted.
        let interrupted = unsafe { interrupted_at(context) };
        let mut length = 0;
        let mut is_beyond_handler = interrupted.is_none();
        let each = |frame: &backtrace::Frame| {
            let address = frame.ip() as usize;
            is_beyond_handler |= Some(address) == interrupted;
            if is_beyond_handler {
                FRAMES[length].store(address, Relaxed);
                length += 1;
            }
            length < MOST_FRAMES
        };
        // SAFETY: one handler at a time gets here (`ANSWERING`). What the crate asks synchronisation for is
        // another library of another system.
        unsafe { backtrace::trace_unsynchronized(each) };
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = errno };
        LENGTH.store(length, Relaxed);
        STATE.store(ANSWERED, Release);
    }

    /// # Safety
    ///
    /// `context` is what a handler with `SA_SIGINFO` got.
    #[cfg(target_arch = "x86_64")]
    unsafe fn interrupted_at(context: *mut libc::c_void) -> Option<usize> {
        let context = context.cast::<libc::ucontext_t>();
        // SAFETY: the caller's promise.
        let registers = unsafe { &(*context).uc_mcontext.gregs };
        Some(registers[libc::REG_RIP as usize] as usize)
    }

    #[cfg(not(target_arch = "x86_64"))]
    unsafe fn interrupted_at(_: *mut libc::c_void) -> Option<usize> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::Place;
    use super::signal::ask;
    use crate::engine::{GREEN, green};
    use crate::thread;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::Relaxed;

    /// The signal finds them at any instruction, those of a switch among them, where no stack can be walked.
    #[test]
    fn threads_that_switch_all_the_time() {
        let ends = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let ends = ends.clone();
                let body = move || {
                    while !ends.load(Relaxed) {
                        thread::yield_now();
                    }
                };
                GREEN.spawn(body).expect("the engine runs here")
            })
            .collect();
        let (mut questions, mut answers) = (0, 0);
        while questions < 3_000 || answers < 100 {
            for processor in &green::FREE.scheduler.shared().processors {
                let Some(machine) = processor.machine() else {
                    continue;
                };
                let place = Place::new(machine, machine.turns(), machine.task());
                questions += 1;
                answers += usize::from(ask(&place, || true).is_some());
            }
        }
        ends.store(true, Relaxed);
        for thread in threads {
            thread.join().expect("no panic");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod signal {
    use super::Place;

    pub(super) fn addresses(_: &Place) -> Option<Vec<usize>> {
        None
    }
}
