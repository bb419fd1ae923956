//! What the monitor says of a thread that keeps its OS thread from the others.

use super::capture::Place;
use super::reserve;
use crate::engine::Control;
use crate::io::stderr;
use crate::thread::Thread;
use std::collections::HashSet;
use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Once, PoisonError, RwLock};
use std::time::Duration;

pub use super::capture::Backtrace;

/// A green thread that did not park, yield or end for some 10 ms: it sits in a call that standin does not know, or
/// waits for a lock of another library, or computes. See [`on_blocked`].
pub struct Blocked {
    control: Arc<Control>,
    duration: Duration,
    computes: bool,
    place: Place,
}

impl Blocked {
    pub(super) fn new(
        control: Arc<Control>,
        duration: Duration,
        computes: bool,
        place: Place,
    ) -> Self {
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
/// time. Without a callback, debug builds (those with `debug_assertions`) print each such thread once to stderr,
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

/// Tells whoever wants to know. By the monitor, which does not wait for it.
pub(super) fn report(blocked: Blocked) {
    let callback = CALLBACK
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    if callback.is_none() && !(blocked.is_pinned() || cfg!(debug_assertions)) {
        return;
    }
    let told = reserve::run(Box::new(move || {
        // What a callback panics with was printed.
        let _ = catch_unwind(AssertUnwindSafe(|| match callback {
            Some(callback) => callback(&blocked),
            None => print(&blocked),
        }));
    }));
    if let Err(error) = told {
        complain(&error);
    }
}

/// How many threads are printed.
const MOST: usize = 20;

fn print(blocked: &Blocked) {
    static PRINTED: Mutex<Option<HashSet<u64>>> = Mutex::new(None);
    let mut printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
    let printed = printed.get_or_insert_with(HashSet::new);
    if printed.len() == MOST || !printed.insert(blocked.control.id().get()) {
        return;
    }
    let mut report = format!("standin: {blocked}\n");
    // Finding names takes long, and a release build has few.
    if cfg!(debug_assertions)
        && let Some(backtrace) = blocked.backtrace()
    {
        report += &backtrace.to_string();
    }
    if printed.len() == MOST {
        report += "standin: this was the last thread of which this is printed; \
                   standin::engine::green::on_blocked says it of all\n";
    }
    // By standin's own, so that it stands between two lines of the program's. If it cannot be printed, nobody reads it.
    let _ = stderr().write_all(report.as_bytes());
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
