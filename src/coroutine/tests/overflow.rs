//! What a fault on a fiber does to the process.

use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use std::ptr::NonNull;

use super::{FREE, Job, PINNED, child, is_child, stack_overflow};
use crate::coroutine::Pool;

#[inline(never)]
fn recurse(depth: usize) -> usize {
    let frame = std::hint::black_box([depth; 64]);
    if frame[3] == usize::MAX {
        return 0;
    }
    recurse(depth + 1) + frame[5]
}

fn pool(case: &str) -> &'static Pool {
    if case.contains("pinned") {
        &PINNED
    } else {
        &FREE
    }
}

/// Runs on a fiber of a thread with our alternate stack, on a thread of its
/// own so that std's is not in the way.
fn on_fiber(case: &'static str, name: Option<&'static str>, body: fn()) {
    std::thread::spawn(move || {
        let _stack = stack_overflow::prepare_os_thread().unwrap();
        let job = Job::new(pool(case), move |_| body());
        let name = name.map(|name| NonNull::from(name.as_bytes()));
        // SAFETY: the name is static.
        unsafe { job.fiber.set_owner(name) };
        job.run();
    })
    .join()
    .unwrap();
}

fn error_output(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn overflow_prints_the_name_and_aborts() {
    const CASES: [&str; 2] = ["overflow free", "overflow pinned"];
    for case in CASES {
        if is_child(case) {
            on_fiber(case, Some("deep one"), || {
                recurse(0);
            });
            return;
        }
    }
    let expected = "\nthread 'deep one' has overflowed its stack\n\
                    fatal runtime error: stack overflow, aborting\n";
    for case in CASES {
        for switches in ["", "mprotect"] {
            let output = child(
                module_path!(),
                "overflow_prints_the_name_and_aborts",
                case,
                &[("STANDIN_TEST", switches)],
            );
            assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
            assert!(error_output(&output).contains(expected), "{output:?}");
        }
    }
}

#[test]
fn a_thread_without_a_name_is_unknown() {
    if is_child("unnamed") {
        on_fiber("unnamed", None, || {
            recurse(0);
        });
        return;
    }
    let output = child(
        module_path!(),
        "a_thread_without_a_name_is_unknown",
        "unnamed",
        &[],
    );
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    assert!(error_output(&output).contains("thread '<unknown>' has overflowed its stack"));
}

fn read_null() {
    let nowhere = std::hint::black_box(std::ptr::without_provenance::<u8>(8));
    // SAFETY: it is not sound: it is the fault that the tests are about.
    std::hint::black_box(unsafe { nowhere.read_volatile() });
}

#[test]
fn another_fault_is_no_overflow() {
    const CASES: [&str; 2] = ["null free", "null pinned"];
    for case in CASES {
        if is_child(case) {
            on_fiber(case, Some("wild"), read_null);
            return;
        }
    }
    for case in CASES {
        let output = child(module_path!(), "another_fault_is_no_overflow", case, &[]);
        assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
        assert!(!error_output(&output).contains("overflow"), "{output:?}");
    }
}

#[test]
fn overflow_of_an_os_thread_is_still_reported_by_std() {
    if is_child("std") {
        drop(FREE.reserve(None).unwrap());
        let thread = std::thread::Builder::new().name("plain".to_owned());
        let thread = thread.spawn(|| recurse(0)).unwrap();
        drop(thread.join());
        return;
    }
    let output = child(
        module_path!(),
        "overflow_of_an_os_thread_is_still_reported_by_std",
        "std",
        &[],
    );
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    let error = error_output(&output);
    assert!(error.contains("thread 'plain'") && error.contains("has overflowed its stack"));
}

unsafe extern "C" fn exit_with_42(
    _: libc::c_int,
    info: *mut libc::siginfo_t,
    _: *mut libc::c_void,
) {
    // SAFETY: the kernel's record; `_exit` is signal-safe.
    unsafe {
        libc::_exit(if (*info).si_addr() as usize == 8 {
            42
        } else {
            43
        })
    };
}

unsafe extern "C" fn exit_with_44(_: libc::c_int) {
    // SAFETY: signal-safe.
    unsafe { libc::_exit(44) };
}

fn set_handler(handler: usize, flags: libc::c_int) {
    // SAFETY: zeros are a valid action, and the handlers match the flags.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        assert_eq!(
            libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut()),
            0
        );
    }
}

#[test]
fn the_previous_handler_gets_the_other_faults() {
    let test = "the_previous_handler_gets_the_other_faults";
    if is_child("info free") {
        set_handler(exit_with_42 as *const () as usize, libc::SA_SIGINFO);
        on_fiber("info free", None, read_null);
        return;
    }
    if is_child("plain free") {
        set_handler(exit_with_44 as *const () as usize, 0);
        on_fiber("plain free", None, read_null);
        return;
    }
    if is_child("default free") {
        set_handler(libc::SIG_DFL, 0);
        // Sent, not a fault: it must still end the process.
        // SAFETY: no preconditions.
        on_fiber("default free", None, || unsafe {
            libc::raise(libc::SIGSEGV);
        });
        return;
    }
    if is_child("ignored free") {
        set_handler(libc::SIG_IGN, 0);
        // SAFETY: as above.
        on_fiber("ignored free", None, || unsafe {
            libc::raise(libc::SIGSEGV);
        });
        // SAFETY: no preconditions.
        unsafe { libc::_exit(45) };
    }
    for (case, code) in [("info free", 42), ("plain free", 44), ("ignored free", 45)] {
        let output = child(module_path!(), test, case, &[]);
        assert_eq!(output.status.code(), Some(code), "{case}: {output:?}");
    }
    let output = child(module_path!(), test, "default free", &[]);
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
}

#[test]
fn a_panic_that_leaves_the_entry_aborts_with_a_message() {
    fn entry(_: &super::Suspender, _: *mut ()) -> ! {
        panic!("out of the entry")
    }
    static POOL: Pool = Pool::new(crate::coroutine::Kind::Free, entry);
    if is_child("panic") {
        let reservation = POOL.reserve(None).unwrap();
        let mut fiber = POOL.take(reservation.class());
        // SAFETY: this entry expects nothing.
        unsafe { fiber.resume(std::ptr::null_mut()) };
        return;
    }
    let output = child(
        module_path!(),
        "a_panic_that_leaves_the_entry_aborts_with_a_message",
        "panic",
        &[],
    );
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    let error = error_output(&output);
    assert!(error.contains("a panic left the code"), "{error}");
}

#[test]
fn the_alternate_stack_is_put_back() {
    fn current() -> (usize, usize, i32) {
        let mut stack = std::mem::MaybeUninit::<libc::stack_t>::uninit();
        // SAFETY: the call writes the record.
        let stack = unsafe {
            assert_eq!(libc::sigaltstack(std::ptr::null(), stack.as_mut_ptr()), 0);
            stack.assume_init()
        };
        (stack.ss_sp as usize, stack.ss_size, stack.ss_flags)
    }
    let before = current();
    let stack = stack_overflow::prepare_os_thread().unwrap();
    let during = current();
    assert_ne!(during.0, before.0);
    assert!(during.1 >= 64 << 10);
    drop(stack);
    assert_eq!(current(), before);
}
