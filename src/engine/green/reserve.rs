//! OS threads for whatever needs one for a while: machines, and the blocking sections of pinned threads.
//! Some are kept for seconds when they have nothing to do.

use crate::coroutine::overflow;
use crate::engine::fork;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long an OS thread waits for something to do before it ends.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same, where so many others wait already: what needed them all is over.
const SURPLUS_PATIENCE: Duration = Duration::from_millis(100);
const FEW: usize = 4;

pub(super) type Job = Box<dyn FnOnce() + Send>;

/// The OS threads that wait.
static WAITING: Mutex<Vec<Arc<Place>>> = Mutex::new(Vec::new());

#[derive(Default)]
struct Place {
    job: Mutex<Option<Job>>,
    arrived: Condvar,
}

/// An OS thread that waits for its job.
pub(super) struct Vacancy(Option<Arc<Place>>);

impl Vacancy {
    /// Lets the OS thread run `job`, which does not unwind.
    pub(super) fn run(mut self, job: Job) {
        if let Some(place) = self.0.take() {
            place.fill(job);
        }
    }
}

impl Drop for Vacancy {
    fn drop(&mut self) {
        if let Some(place) = self.0.take() {
            // Afterwards it waits among the others.
            place.fill(Box::new(|| ()));
        }
    }
}

/// An OS thread for a job that comes soon.
///
/// # Errors
///
/// None waits, and the system grants no other.
pub(super) fn claim() -> io::Result<Vacancy> {
    let waiting = lock(&WAITING).pop();
    let place = match waiting {
        Some(place) => place,
        None => start()?,
    };
    Ok(Vacancy(Some(place)))
}

/// Lets an OS thread run `job`, which does not unwind.
///
/// # Errors
///
/// As for [`claim`].
pub(super) fn run(job: Job) -> io::Result<()> {
    claim()?.run(job);
    Ok(())
}

fn start() -> io::Result<Arc<Place>> {
    let place = Arc::new(Place::default());
    let own = place.clone();
    let (ready, started) = std::sync::mpsc::sync_channel(1);
    let thread = thread::Builder::new()
        .name("standin-machine".into())
        .spawn(move || {
            match overflow::prepare_os_thread() {
                Ok(_signal_stack) => {
                    // The one who waits is gone only if the process ends.
                    let _ = ready.send(Ok(()));
                    serve(&own);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        });
    thread.map_err(refused)?;
    match started.recv() {
        Ok(result) => result.map(|()| place).map_err(refused),
        Err(_) => Err(refused(io::Error::other("it ended before it began"))),
    }
}

/// What to do if the system grants no OS thread.
pub(super) fn refused(error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!(
            "cannot start an OS thread for green threads: {error}; raise the limits on threads \
             (RLIMIT_NPROC, `ulimit -u`) and on address space, which their stacks take (RLIMIT_AS, \
             `ulimit -v`), or run fewer blocking sections at once"
        ),
    )
}

impl Place {
    fn fill(&self, job: Job) {
        *lock(&self.job) = Some(job);
        self.arrived.notify_one();
    }

    /// The job of whoever has claimed the place.
    fn claimed(&self) -> Option<Job> {
        let mut slot = self
            .arrived
            .wait_while(lock(&self.job), |job| job.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        slot.take()
    }
}

fn serve(place: &Arc<Place>) {
    let mut job = place.claimed();
    while let Some(next) = job {
        next();
        if fork::is_child() {
            // It ends, as any thread that forked does when it returns.
            return;
        }
        let mut waiting = lock(&WAITING);
        let patience = match waiting.len() < FEW {
            true => PATIENCE,
            false => SURPLUS_PATIENCE,
        };
        waiting.push(place.clone());
        drop(waiting);
        job = wait(place, patience);
    }
}

/// The next job; `None` if there was none for so long.
fn wait(place: &Arc<Place>, patience: Duration) -> Option<Job> {
    let slot = lock(&place.job);
    let (mut slot, _) = place
        .arrived
        .wait_timeout_while(slot, patience, |job| job.is_none())
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(job) = slot.take() {
        return Some(job);
    }
    drop(slot);
    let mut waiting = lock(&WAITING);
    if let Some(index) = waiting.iter().position(|other| Arc::ptr_eq(other, place)) {
        waiting.swap_remove(index);
        return None;
    }
    drop(waiting);
    // Somebody took the place just now and is about to fill it.
    place.claimed()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
