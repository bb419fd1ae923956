//! Sync-style code waits for a future.

use crate::engine::{self, Control};
use standin_core::context;
use standin_core::wait_queue::{self, Wait};
use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::task::{Context, Poll, Wake, Waker};

/// Waits for a future, and returns its output. What waits is the calling thread, of whichever engine: a green thread
/// parks, an OS thread blocks.
///
/// On the engine `async` the future is polled by the runtime that the thread runs on, as one of its tasks would be;
/// everywhere else by the thread itself. With the feature `async` the future is in the context of a tokio runtime
/// wherever it is polled: the one that the caller is in, else that of `engine::tokio::default_runtime`. So futures
/// that need tokio work from every context.
///
/// A cancelled thread waits on; [`try_block_on`] does not.
///
/// # Panics
///
/// With the panic of the future. And, with the feature `async`, where it is called by an async task that tokio
/// polls: that would stop all the other tasks of the OS thread. There, `.await` the future. On other executors this
/// cannot be told, and the executor's thread is blocked; nor can it in a task in `tokio::task::unconstrained`, or in
/// one that was in `block_in_place` since it was polled.
///
/// ```
/// use standin::{block_on, thread};
///
/// let doubled = async |n: u32| 2 * n;
/// let thread = thread::spawn(move || block_on(doubled(21)));
/// assert_eq!(thread.join().unwrap(), 42);
/// ```
pub fn block_on<F>(future: F) -> F::Output
where
    F: Future + Send,
    F::Output: Send,
{
    refuse_in_task("block_on");
    let mut future = pin!(future);
    caught(poll_fn(|context| future.as_mut().poll(context)))
}

/// As [`block_on`], for any future: it is polled by the calling thread itself, always, and so need not be `Send`.
/// What is meant for tokio's own tasks (`tokio::task::LocalSet`, task-locals, a task's budget) is not there.
///
/// # Panics
///
/// As [`block_on`].
pub fn block_on_local<F: Future>(future: F) -> F::Output {
    refuse_in_task("block_on_local");
    let mut output = None;
    let mut future = pin!(future);
    poll_here(pin!(poll_fn(|context| {
        let polled = future.as_mut().poll(context);
        polled.map(|value| output = Some(value))
    })));
    output.expect("it was polled until it was ready")
}

/// As [`block_on`], but for no longer than until the thread is cancelled: then the future is dropped.
///
/// # Errors
///
/// [`cancelled`](crate::engine::cancelled), if the thread was cancelled before the future was ready.
///
/// # Panics
///
/// As [`block_on`].
pub fn try_block_on<F>(future: F) -> io::Result<F::Output>
where
    F: Future + Send,
    F::Output: Send,
{
    refuse_in_task("try_block_on");
    let control = Control::current(|control| control.cloned());
    let is_cancelled = || {
        control
            .as_ref()
            .is_some_and(|control| control.is_cancelled())
    };
    let mut future = pin!(future);
    caught(poll_fn(|context| {
        if is_cancelled() {
            return Poll::Ready(Err(engine::cancelled()));
        }
        future.as_mut().poll(context).map(Ok)
    }))
}

fn refuse_in_task(called: &str) {
    #[cfg(feature = "async")]
    if context::current(|context| context.is_none()) && super::ambient::is_polled() {
        panic!(
            "standin::{called} was called by an async task, where it would block the OS thread that its runtime \
             polls tasks on: `.await` the future there, or move the code that blocks into \
             `standin::unblock(|| ...).await`"
        );
    }
    let _ = called;
}

/// Lets the engine of the calling thread poll `future`, with a panic in it kept from the poller and raised here.
fn caught<F>(mut future: F) -> F::Output
where
    F: Future + Send + Unpin,
    F::Output: Send,
{
    let mut output = None;
    engine::here().block_on(pin!(poll_fn(|context| {
        let future = Pin::new(&mut future);
        match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => output = Some(Ok(value)),
            Err(panic) => output = Some(Err(panic)),
        }
        Poll::Ready(())
    })));
    match output.expect("it was polled until it was ready") {
        Ok(value) => value,
        Err(panic) => resume_unwind(panic),
    }
}

/// Polls `future` on the calling thread until it is ready; the thread waits in the wait queue meanwhile. A
/// cancellation of the thread is one more reason to poll.
pub(crate) fn poll_here<'a>(mut future: Pin<&mut (dyn Future<Output = ()> + 'a)>) {
    let notice = Arc::new(Notice(AtomicU32::new(POLLED)));
    let waker = Waker::from(notice.clone());
    let mut context = Context::from_waker(&waker);
    let mut sees_cancellation = true;
    loop {
        // What was noticed up to here, this poll sees.
        notice.0.swap(POLLED, Acquire);
        let polled = {
            #[cfg(feature = "async")]
            let _entered = super::ambient::enter();
            future.as_mut().poll(&mut context)
        };
        if polled.is_ready() {
            // It may have been so at once, and the next one may be.
            context::progress();
            return;
        }
        sees_cancellation &= !notice.wait(sees_cancellation);
    }
}

/// Whether there is a reason to poll again. A word of its own, not the token of the thread: what the future does
/// while it is polled may park, and use that up.
struct Notice(AtomicU32);

/// Since the last notice a poll has begun.
const POLLED: u32 = 0;
/// As `POLLED`, and the thread waits.
const AWAITED: u32 = 1;
const NOTICED: u32 = 2;

impl Notice {
    /// Waits for a notice; true if what came was the cancellation of the thread.
    fn wait(&self, sees_cancellation: bool) -> bool {
        if self
            .0
            .compare_exchange(POLLED, AWAITED, Relaxed, Relaxed)
            .is_err()
        {
            return false;
        }
        Control::current(|control| {
            while self.0.load(Acquire) == AWAITED {
                match control.filter(|_| sees_cancellation) {
                    Some(control) => {
                        let flag = control.cancel_flag();
                        if wait_queue::wait_interruptible(&self.0, AWAITED, None, flag)
                            == Wait::Interrupted
                        {
                            return true;
                        }
                    }
                    None => drop(wait_queue::wait(&self.0, AWAITED, None)),
                }
            }
            false
        })
    }
}

impl Wake for Notice {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.0.swap(NOTICED, AcqRel) == AWAITED {
            wait_queue::wake(&self.0, 1);
        }
    }
}
