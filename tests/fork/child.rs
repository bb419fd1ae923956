//! A process that was forked and goes on without exec, as its parent sees it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::AtomicUsize;

/// After so many seconds a child hangs, and is killed.
const HANGS: u32 = 60;

/// A child that was not waited for yet.
#[must_use = "a child that nobody waits for stays as a zombie"]
pub(crate) struct Child(libc::pid_t);

/// Forks; `true` in the child. For code that goes on in both.
pub(crate) fn fork() -> Option<Child> {
    // SAFETY: what the child may do is what these tests are about.
    match unsafe { libc::fork() } {
        -1 => panic!("cannot fork: {}", std::io::Error::last_os_error()),
        0 => {
            // SAFETY: the call has no preconditions. The signal's default action ends the process.
            unsafe { libc::alarm(HANGS) };
            None
        }
        child => Some(Child(child)),
    }
}

/// Runs `body` in a child, which ends with it: well, or with code 101 if it panicked.
pub(crate) fn in_child(body: impl FnOnce()) -> Child {
    match fork() {
        Some(child) => child,
        None => {
            let result = catch_unwind(AssertUnwindSafe(body));
            exit(if result.is_ok() { 0 } else { 101 })
        }
    }
}

/// Ends the process at once.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: the call has no preconditions.
    unsafe { libc::_exit(code) }
}

impl Child {
    /// Waits until it has ended, and that well.
    #[track_caller]
    pub(crate) fn ends_well(self) {
        let mut status = 0;
        // A section, so that it stops no other thread.
        let ended = standin::engine::blocking(|| {
            loop {
                // SAFETY: the status is written by the call.
                let ended = unsafe { libc::waitpid(self.0, &mut status, 0) };
                let error = std::io::Error::last_os_error();
                if ended != -1 || error.kind() != std::io::ErrorKind::Interrupted {
                    break ended;
                }
            }
        });
        assert_eq!(
            ended.expect("an OS thread"),
            self.0,
            "it is a child of this process"
        );
        assert!(
            libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
            "the child ended with status {status:#x}; {} kills one that hangs",
            libc::SIGALRM
        );
    }
}

/// Numbers that this process and its children share.
pub(crate) fn shared_numbers<const N: usize>() -> &'static [AtomicUsize; N] {
    // SAFETY: a new mapping, of nobody else.
    let memory = unsafe {
        libc::mmap(
            ptr::null_mut(),
            N * size_of::<AtomicUsize>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(memory, libc::MAP_FAILED);
    // SAFETY: large enough, aligned to a page, zeros, and mapped for ever.
    unsafe { &*memory.cast() }
}
