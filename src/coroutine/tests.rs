//! Tests of the whole, and the small scheduler that they share: a job is a
//! closure that runs on a fiber as a thread would.

mod exit;
mod overflow;
mod pool;
#[cfg(feature = "green")]
mod switch;
mod threads;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};
use std::ptr;

use super::{Fiber, Kind, Pool, Suspender, free, overflow as stack_overflow};

/// What a fiber passes when it suspends in the middle of a job.
const STOPPED: *mut () = ptr::without_provenance_mut(1);
/// What it passes when the job is done.
const DONE: *mut () = ptr::without_provenance_mut(2);

type Body = Box<dyn FnOnce(&Suspender) + Send>;

static FREE: Pool = Pool::new(Kind::Free, free_entry);
static PINNED: Pool = Pool::new(Kind::Pinned, pinned_entry);

thread_local! {
    /// The suspender of the free fiber that runs, so that destructors can
    /// stop as well. No destructor of its own.
    static SUSPENDER: Cell<*const Suspender> = const { Cell::new(ptr::null()) };
}

fn free_entry(suspender: &Suspender, first: *mut ()) -> ! {
    let mut job = first;
    loop {
        SUSPENDER.set(suspender);
        run_body(suspender, job);
        // SAFETY: on a free fiber, at the end of its thread; no reference to
        // a thread-local is left.
        unsafe {
            free::run_destructors();
            free::reset(None);
        }
        job = suspender.suspend(DONE);
    }
}

fn pinned_entry(suspender: &Suspender, first: *mut ()) -> ! {
    let mut job = first;
    loop {
        run_body(suspender, job);
        job = suspender.suspend(DONE);
    }
}

#[inline(never)]
fn run_body(suspender: &Suspender, job: *mut ()) {
    // SAFETY: `Job::resume` passes a boxed body first.
    let body = unsafe { Box::from_raw(job.cast::<Body>()) };
    let result = catch_unwind(AssertUnwindSafe(|| body(suspender)));
    if result.is_err() {
        std::process::abort();
    }
}

/// Stops the free fiber that runs this.
fn stop() {
    // SAFETY: set by `free_entry`, and the suspender lives on this stack.
    unsafe { (*SUSPENDER.get()).suspend(STOPPED) };
}

/// A job on its fiber.
struct Job {
    fiber: Fiber,
    body: Option<Body>,
}

impl Job {
    fn new(pool: &'static Pool, body: impl FnOnce(&Suspender) + Send + 'static) -> Job {
        let reservation = pool.reserve(None).unwrap();
        let fiber = pool.take(reservation.keep());
        Job::on(fiber, body)
    }

    fn on(fiber: Fiber, body: impl FnOnce(&Suspender) + Send + 'static) -> Job {
        Job {
            fiber,
            body: Some(Box::new(body)),
        }
    }

    /// Runs it until it stops or ends; returns whether it ended.
    fn resume(&mut self) -> bool {
        let value = match self.body.take() {
            Some(body) => Box::into_raw(Box::new(body)).cast(),
            None => ptr::null_mut(),
        };
        // SAFETY: the entries above expect a body first and nothing later.
        // Test threads have std's alternate stacks. The tests keep pinned
        // jobs on one OS thread.
        let told = unsafe { self.fiber.resume(value) };
        told == DONE
    }

    fn run(mut self) -> Fiber {
        while !self.resume() {}
        self.fiber
    }
}

/// Runs a closure as one thread on a free fiber, to its end.
fn on_free(body: impl FnOnce() + Send + 'static) {
    let reservation = FREE.reserve(None).unwrap();
    let fiber = FREE.take(reservation.class());
    FREE.give(Job::on(fiber, |_| body()).run());
}

const CHILD: &str = "STANDIN_CHILD";

/// Whether this process was started by [`child`] for this case.
fn is_child(case: &str) -> bool {
    std::env::var_os(CHILD).is_some_and(|value| value == case)
}

/// Runs one test of this binary in a process of its own.
///
/// `module` is `module_path!()`, `case` tells the test that it is the child.
fn child(module: &str, test: &str, case: &str, environment: &[(&str, &str)]) -> Output {
    let (_, module) = module.split_once("::").unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args([&format!("{module}::{test}"), "--exact", "--nocapture"])
        .arg("--test-threads=1")
        .env_remove("STANDIN_TEST")
        .env_remove("RUST_MIN_STACK")
        .env(CHILD, case)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn assert_child_passes(module: &str, test: &str, case: &str, environment: &[(&str, &str)]) {
    let output = child(module, test, case, environment);
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{output:#?}"
    );
}

#[test]
fn this_machine_runs_free_threads() {
    assert_eq!(free::support(), Ok(()));
}

#[test]
fn the_switch_takes_free_threads_away() {
    if is_child("no-free") {
        let error = FREE.reserve(None).map(drop).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("no-free"), "{error}");
        Job::new(&PINNED, |_| ()).run();
        return;
    }
    assert_child_passes(
        module_path!(),
        "the_switch_takes_free_threads_away",
        "no-free",
        &[("STANDIN_TEST", "no-free")],
    );
}

#[test]
fn an_unknown_switch_is_an_error() {
    if is_child("unknown") {
        let error = PINNED.reserve(None).map(drop).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("mprotect"), "{error}");
        return;
    }
    assert_child_passes(
        module_path!(),
        "an_unknown_switch_is_an_error",
        "unknown",
        &[("STANDIN_TEST", "no-such")],
    );
}
