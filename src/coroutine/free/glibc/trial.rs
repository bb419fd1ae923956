//! The self-test: two threads, one after the other, on one block.
//!
//! What `facts` could only look up is tried here before anybody relies on it.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::exit::{key_value, keys_used, reset, run_destructors};
use super::facts::facts;
use super::switch::thread_pointer;
use crate::coroutine::class::SizeClass;
use crate::coroutine::fiber::{Fiber, Suspender};
use crate::coroutine::slab::Slab;
use crate::coroutine::{Kind, Unsupported};

thread_local! {
    static CELL: Cell<u64> = const { Cell::new(INITIAL) };
    static DROPPED: Counted = const { Counted };
}

const INITIAL: u64 = 0x5eed;
const CHANGED: u64 = 0xc0de;
const TRIAL_STACK: usize = 32 << 10;

/// Destructors that ran.
static DROPS: AtomicUsize = AtomicUsize::new(0);

struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        DROPS.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the thread on the block reports.
struct Report {
    key: Option<libc::pthread_key_t>,
    /// What was found wrong.
    wrong: Option<&'static str>,
    cell: *const Cell<u64>,
    thread: Option<std::thread::ThreadId>,
}

pub(super) fn run() -> Result<(), Unsupported> {
    let header = Fiber::header_offset(Kind::Free);
    let class = SizeClass::for_stack(TRIAL_STACK, header)
        .ok_or_else(|| Unsupported::new("thread-local storage is too large for a stack"))?;
    let slab = Slab::map(class, header, 1, 1).map_err(|error| {
        Unsupported::for_now(format!("no memory for the self-test ({error:?})"))
    })?;
    // SAFETY: the slot was just mapped and is used for nothing else.
    let mut fiber = unsafe { Fiber::build(slab.slot(0), class, Kind::Free, body) };
    let key = new_key();
    let result = observe(&mut fiber, key);
    if let Some(key) = key {
        // SAFETY: the key was made above and nobody uses it any more.
        unsafe { libc::pthread_key_delete(key) };
    }
    // The slot stays in its slab, a few pages, and the fiber rests there for
    // ever.
    result.map_err(|wrong| Unsupported::new(format!("the self-test failed: {wrong}")))
}

fn new_key() -> Option<libc::pthread_key_t> {
    unsafe extern "C" fn count(_: *mut c_void) {
        DROPS.fetch_add(1, Ordering::Relaxed);
    }
    let mut key = 0;
    // SAFETY: the function takes any value.
    let error = unsafe { libc::pthread_key_create(&mut key, Some(count)) };
    (error == 0).then_some(key)
}

/// Runs the two threads and looks at them, and at the own thread, from here.
fn observe(fiber: &mut Fiber, key: Option<libc::pthread_key_t>) -> Result<(), &'static str> {
    let own = thread_pointer();
    let own_cell = CELL.with(ptr::from_ref);
    CELL.set(1);
    // SAFETY: libc's own thread-local.
    unsafe { *libc::__errno_location() = libc::ENOTTY };
    let mut seen = [(ptr::null(), None); 2];
    for seen in &mut seen {
        let mut report = Report {
            key,
            wrong: None,
            cell: ptr::null(),
            thread: None,
        };
        let drops = DROPS.load(Ordering::Relaxed);
        let value = (&raw mut report).cast::<()>();
        // Once to its middle, once to its end.
        for _ in 0..2 {
            // SAFETY: the body expects a report; no code of this function
            // touches it meanwhile. An overflow, which could not be reported
            // without an alternate stack, is out of question in so few
            // frames.
            unsafe { fiber.resume(value) };
            if thread_pointer() != own || CELL.get() != 1 {
                return Err("the thread pointer did not come back");
            }
            // SAFETY: as above.
            if unsafe { *libc::__errno_location() } != libc::ENOTTY {
                return Err("errno is shared");
            }
        }
        if let Some(wrong) = report.wrong {
            return Err(wrong);
        }
        if DROPS.load(Ordering::Relaxed) != drops + 1 + usize::from(key.is_some()) {
            return Err("destructors did not run");
        }
        *seen = (report.cell, report.thread);
    }
    if seen.iter().any(|(cell, _)| ptr::eq(*cell, own_cell)) {
        return Err("thread-locals are shared");
    }
    let own_thread = Some(std::thread::current().id());
    if seen[0].1 == seen[1].1 || seen.iter().any(|(_, thread)| *thread == own_thread) {
        return Err("std's thread ids are not distinct");
    }
    Ok(())
}

/// What runs on the block: for each report one thread, which stops once in
/// its middle.
fn body(suspender: &Suspender, first: *mut ()) -> ! {
    let mut value = first;
    loop {
        let report = value.cast::<Report>();
        // SAFETY: `observe` resumes with a report that it leaves alone until
        // the end of the thread.
        let report = unsafe { &mut *report };
        report.wrong = start(report).err();
        suspender.suspend(ptr::null_mut());
        if CELL.get() != CHANGED {
            report.wrong = Some("a thread-local did not keep its value");
        }
        // SAFETY: on the free fiber, at the end of its thread.
        unsafe {
            run_destructors();
            reset(None);
        }
        value = suspender.suspend(ptr::null_mut());
    }
}

#[inline(never)]
fn start(report: &mut Report) -> Result<(), &'static str> {
    // First of all, since an allocation may set errno, and std keeps
    // thread-specific data of its own.
    // SAFETY: libc's own thread-local.
    if unsafe { *libc::__errno_location() } != 0 {
        return Err("errno is not fresh");
    }
    start_with_key(report.key)?;
    report.cell = CELL.with(ptr::from_ref);
    report.thread = Some(std::thread::current().id());
    if CELL.replace(CHANGED) != INITIAL {
        return Err("a thread-local is not fresh");
    }
    // SAFETY: the function has no preconditions.
    if unsafe { libc::pthread_self() } as usize != thread_pointer() {
        return Err("pthread_self is not the block");
    }
    DROPPED.with(|_| ());
    Ok(())
}

fn start_with_key(key: Option<libc::pthread_key_t>) -> Result<(), &'static str> {
    let used = keys_used(facts());
    // SAFETY: a byte of the running block.
    if unsafe { used.read() } != 0 {
        return Err("thread-specific data is not fresh");
    }
    // All keys may be taken; then nothing more can be looked at.
    let Some(key) = key else { return Ok(()) };
    let value = ptr::from_ref(&DROPS).cast::<c_void>();
    // SAFETY: a key that exists, and a byte of the running block.
    let (error, after) = unsafe { (libc::pthread_setspecific(key, value), used.read()) };
    if (error, after) != (0, 1) {
        return Err("the mark for thread-specific data is not where it was");
    }
    // SAFETY: the index of a key that exists, and its entry.
    let found =
        unsafe { key_value(facts(), key as usize).map(|entry| (*entry).value.cast_const()) };
    if found != Some(value) {
        return Err("thread-specific data is not where it was");
    }
    Ok(())
}
