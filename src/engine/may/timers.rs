//! The deadlines of parked threads, on an OS thread that does nothing else.
//!
//! Not may's own timer thread: that resumes a coroutine itself, so the coroutine is on another OS thread afterwards, and
//! while it runs no other deadline is met.
//!
//! A thread arms its timer before it parks, and disarms it before its park returns. Firing wakes a thread under the lock,
//! so what has been disarmed wakes nobody any more.

use super::thread::Thread;
use standin_core::Instant;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many threads are woken under one hold of the lock.
const BATCH: usize = 64;

static ARMED: Mutex<Armed> = Mutex::new(BTreeMap::new());
static CHANGED: Condvar = Condvar::new();

/// By deadline, and by the address of the thread, which has one at most.
type Armed = BTreeMap<Key, Arc<Thread>>;
type Key = (Instant, usize);

/// Dropped, it wakes nobody any more.
pub(super) struct Timer(Key);

/// Lets `thread` be woken at `deadline`. By the thread itself.
pub(super) fn arm(deadline: Instant, thread: Arc<Thread>) -> Timer {
    let key = (deadline, Arc::as_ptr(&thread).addr());
    let mut armed = lock();
    armed.insert(key, thread);
    let is_first = armed.first_key_value().map(|(first, _)| *first) == Some(key);
    drop(armed);
    if is_first {
        CHANGED.notify_one();
    }
    Timer(key)
}

impl Drop for Timer {
    fn drop(&mut self) {
        let removed = lock().remove(&self.0);
        drop(removed);
    }
}

/// Starts the OS thread, if there is none yet. By one caller at a time.
///
/// # Errors
///
/// The system grants none.
pub(super) fn start() -> io::Result<()> {
    static IS_THERE: AtomicBool = AtomicBool::new(false);
    if !IS_THERE.load(Relaxed) {
        let thread = std::thread::Builder::new().name("standin-may-timers".into());
        drop(thread.spawn(run)?);
        IS_THERE.store(true, Relaxed);
    }
    Ok(())
}

fn run() {
    let mut armed = lock();
    loop {
        let now = Instant::system();
        let mut fired = 0;
        while fired < BATCH
            && let Some(first) = armed.first_entry()
            && first.key().0 <= now
        {
            first.remove().notify();
            fired += 1;
        }
        if fired == BATCH {
            // Others want to arm and disarm.
            drop(armed);
            armed = lock();
            continue;
        }
        armed = match armed.first_key_value() {
            Some((&(deadline, _), _)) => {
                let left = deadline.saturating_since(Instant::system());
                let waited = CHANGED.wait_timeout(armed, left.min(LONGEST));
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => CHANGED.wait(armed).unwrap_or_else(PoisonError::into_inner),
        };
    }
}

/// Longer than this the system's timers need not be able to wait.
const LONGEST: Duration = Duration::from_secs(3600);

fn lock() -> MutexGuard<'static, Armed> {
    ARMED.lock().unwrap_or_else(PoisonError::into_inner)
}
