//! What the monitor says of a thread that keeps its OS thread from the others.

use super::capture::Place;
use super::reserve;
use crate::engine::Control;
use crate::io::stderr;
use crate::thread::Thread;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Once, PoisonError, RwLock};
use std::time::Duration;

pub use super::capture::Backtrace;

/// A green thread that did not park, yield or end for some 10 ms: it sits in a call that standin does not know, or
/// waits for a lock of another library, or computes. See [`on_blocked`].
pub struct Blocked {
    control: Control,
    duration: Duration,
    computes: bool,
    place: Place,
}

impl Blocked {
    pub(super) fn new(control: Control, duration: Duration, computes: bool, place: Place) -> Self {
        Self {
            control,
            duration,
            computes,
            place,
        }
    }

    /// The thread.
    #[must_use]
    pub fn thread(&self) -> Thread {
        Thread::new(self.control.clone())
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.control.name()
    }

    /// How long it had run when it was noticed, less a few milliseconds.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Whether it computed, or waited for a core; otherwise it was in the kernel.
    #[must_use]
    pub fn computes(&self) -> bool {
        self.computes
    }

    /// Whether it is pinned: then the others of its OS thread do wait for it. Those of a free thread were given
    /// to another OS thread.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.control
            .engine()
            .is_some_and(|engine| engine.contract().shares_locals())
    }

    /// Where the thread is now; `None` if it has got on, or if that cannot be found out: it is known on Linux
    /// alone, and not if the program handles `SIGURG` itself.
    ///
    /// The thread is asked by that signal. The kernel goes on with most calls after it; those which it does not
    /// go on with (`nanosleep`, `poll`, `epoll_wait`, receives with a timeout, ...) fail with `EINTR`, as with
    /// any signal.
    #[must_use]
    pub fn backtrace(&self) -> Option<Backtrace> {
        self.place.backtrace()
    }
}

impl fmt::Debug for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocked")
            .field("name", &self.name())
            .field("duration", &self.duration)
            .field("computes", &self.computes)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name().unwrap_or("<unnamed>");
        let ms = self.duration.as_millis();
        write!(f, "the green thread '{name}' ")?;
        match self.computes {
            true => write!(f, "computes for {ms} ms now")?,
            false => write!(f, "blocks its OS thread for {ms} ms now")?,
        }
        match (self.is_pinned(), self.computes) {
            (false, false) => write!(
                f,
                ", in a call that standin does not know; the others go on on another OS thread"
            ),
            (false, true) => write!(f, "; the others go on on another OS thread"),
            (true, false) => write!(
                f,
                ", and all that are pinned to it wait: put the call into standin::engine::blocking, use \
                 standin's type instead, or use the engine green, whose threads go on"
            ),
            (true, true) => write!(
                f,
                ", and all that are pinned to its OS thread wait: call standin::thread::yield_now now and \
                 then, put the work into standin::engine::blocking, or use the engine green, whose threads go on"
            ),
        }
    }
}

type Callback = Arc<dyn Fn(&Blocked) + Send + Sync>;

static CALLBACK: RwLock<Option<Callback>> = RwLock::new(None);

/// Calls `callback` whenever a green thread blocks its OS thread, or computes without a pause, for longer than
/// about 10 ms: each time anew, also for the same thread. Replaces what was set before.
///
/// It is called on an OS thread of its own, after the other threads were given another one, and so may take its
/// time: meanwhile up to 1,024 threads wait to be told of, and no more are. Without a callback, debug builds (those with `debug_assertions`) print each such thread once to stderr,
/// with a backtrace. Release builds print pinned threads alone, without one. After 20 threads no more are printed.
///
/// ```
/// use standin::engine::green;
///
/// green::on_blocked(|blocked| {
///     eprintln!("{blocked}");
///     if let Some(backtrace) = blocked.backtrace() {
///         eprintln!("{backtrace}");
///     }
/// });
/// ```
pub fn on_blocked(callback: impl Fn(&Blocked) + Send + Sync + 'static) {
    *CALLBACK.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(callback));
}

/// Tells whoever wants to know. By the monitor, which does not wait for it: one OS thread tells of one after the other.
pub(super) fn report(blocked: Blocked) {
    let has_callback = callback().is_some();
    if !(has_callback || blocked.is_pinned() || cfg!(debug_assertions)) {
        return;
    }
    let mut reporter = reporter();
    if reporter.waiting.len() == MOST_WAITING {
        return;
    }
    if !has_callback {
        let id = blocked.control.id().get();
        if reporter.printed.len() == MOST_PRINTED || !reporter.printed.insert(id) {
            return;
        }
    }
    reporter.waiting.push_back(blocked);
    if std::mem::replace(&mut reporter.is_at_work, true) {
        return;
    }
    drop(reporter);
    if let Err(error) = reserve::run(Box::new(tell_all)) {
        self::reporter().is_at_work = false;
        complain(&error);
    }
}

/// How many threads are printed.
const MOST_PRINTED: usize = 20;
/// How many wait to be told of while somebody takes their time for one.
const MOST_WAITING: usize = 1024;

/// What is to be told.
#[derive(Default)]
struct Reporter {
    waiting: VecDeque<Blocked>,
    /// The threads that were printed, or wait for it.
    printed: HashSet<u64>,
    /// An OS thread tells.
    is_at_work: bool,
}

static REPORTER: LazyLock<Mutex<Reporter>> = LazyLock::new(Mutex::default);

fn reporter() -> MutexGuard<'static, Reporter> {
    REPORTER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn callback() -> Option<Callback> {
    CALLBACK
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

fn tell_all() {
    loop {
        let mut reporter = reporter();
        let Some(blocked) = reporter.waiting.pop_front() else {
            reporter.is_at_work = false;
            return;
        };
        let is_last = reporter.printed.len() == MOST_PRINTED && reporter.waiting.is_empty();
        drop(reporter);
        // What a callback panics with was printed.
        let _ = catch_unwind(AssertUnwindSafe(|| match callback() {
            Some(callback) => callback(&blocked),
            // By standin's own, so that it stands between two lines of the program's. If it cannot be printed, nobody
            // reads it.
            None => drop(stderr().write_all(text_of(&blocked, is_last).as_bytes())),
        }));
    }
}

fn text_of(blocked: &Blocked, is_last: bool) -> String {
    let mut text = format!("standin: {blocked}\n");
    // A release build has few names.
    if cfg!(debug_assertions)
        && let Some(backtrace) = blocked.backtrace()
    {
        text += &backtrace.to_string();
    }
    if is_last {
        text += "standin: this was the last thread of which this is printed; \
                 standin::engine::green::on_blocked says it of all\n";
    }
    text
}

/// The monitor can do nothing, and green threads wait for it.
pub(super) fn complain(error: &io::Error) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        eprintln!(
            "standin: a green thread blocks its OS thread, and those that wait for it cannot go on elsewhere: \
             {error}"
        );
    });
}
