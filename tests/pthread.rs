//! What a `pthread_t` is good for on each kind of thread. `behaviour/thread.rs` has what all have in common.

#![cfg(all(feature = "green", feature = "threads", target_os = "linux"))]

use standin::engine::{GREEN, THREADS};
use standin::os::unix::thread::JoinHandleExt;
use standin::sync::mpsc::channel;
use standin::thread::Builder;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// No signal: it is only looked whether there is somebody to take one.
const NONE: i32 = 0;

#[test]
fn os_thread_is_joined_by_its_pthread() {
    let (ends, ended) = channel::<()>();
    let thread = THREADS
        .spawn(move || ended.recv().unwrap_err())
        .expect("an OS thread");
    // SAFETY: the thread has not ended, and was not joined.
    let error = unsafe { libc::pthread_kill(thread.as_pthread_t(), NONE) };
    assert_eq!(error, 0);
    let pthread = thread.into_pthread_t();
    drop(ends);
    // SAFETY: `into_pthread_t` handed the right to join over.
    assert_eq!(unsafe { libc::pthread_join(pthread, ptr::null_mut()) }, 0);
}

#[test]
fn green_thread_is_unknown_to_the_kernel() {
    let (ends, ended) = channel::<()>();
    let thread = GREEN
        .spawn(move || ended.recv().unwrap_err())
        .expect("a green thread");
    let pthread = thread.as_pthread_t();
    // SAFETY: the thread has not ended, so its block is there.
    assert_eq!(unsafe { libc::pthread_kill(pthread, NONE) }, libc::ESRCH);
    // SAFETY: zeroes are an empty set; the thread has not ended.
    let error = unsafe {
        let processors: libc::cpu_set_t = std::mem::zeroed();
        libc::pthread_setaffinity_np(pthread, size_of_val(&processors), &processors)
    };
    assert_eq!(error, libc::ESRCH);
    drop(ends);
    thread.join().unwrap();
}

#[test]
fn green_thread_hands_no_join_over() {
    let thread = Builder::new()
        .name("stays".to_owned())
        .spawn_on(GREEN, || ())
        .expect("a green thread");
    let panic = catch_unwind(AssertUnwindSafe(|| thread.into_pthread_t())).unwrap_err();
    let message = panic.downcast_ref::<String>().expect("a message");
    assert!(message.contains("stays"), "{message}");
    assert!(message.contains("into_pthread_t"), "{message}");
    assert!(message.contains("engine `threads`"), "{message}");
}
