//! Handlers that run on the stacks of threads on fibers, or beside them.

use crate::common::isolated;
use crate::common::wait::until;
use crate::storm::{self, HANDLED, Storm, WRONG};
use standin::engine::{self, GREEN};
use standin::thread;
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

fn errno() -> i32 {
    // SAFETY: the address is the running thread's.
    unsafe { *libc::__errno_location() }
}

/// Never inlined: the address is that of the thread's own, wherever it runs.
#[inline(never)]
fn set_errno(value: i32) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = value };
}

/// Some, which the compiler cannot take away.
fn work() {
    for n in 0..200 {
        black_box(n);
    }
}

/// A handler that keeps `errno` leaves it to whom it belongs, and finds the thread-locals of the thread whose
/// stack it runs on, wherever between two threads it comes.
#[test]
fn handlers_find_the_thread_that_they_interrupt() {
    for (flags, switches, name) in [
        ("none", "", "green"),
        ("none", "hop", "green"),
        ("none", "", "async"),
        ("SA_ONSTACK", "", "green"),
        ("SA_ONSTACK", "hop", "green"),
        ("SA_ONSTACK", "", "async"),
    ] {
        let environment = [
            ("FLAGS", flags),
            ("ENGINE", name),
            ("STANDIN_TEST", switches),
            ("STANDIN_WORKERS", "2"),
        ];
        isolated::isolated(&environment, || {
            let engine = engine::named(name).expect("it is compiled");
            engine.run(|| {
                let storm = Storm::begin(flags, true);
                thread::scope(|scope| {
                    for me in 0..storm::MOST {
                        scope.spawn(move || {
                            let _here = storm::Here::register(me);
                            let mine = 1000 + me as i32;
                            for n in 0..4000 {
                                set_errno(mine);
                                match n % 4 {
                                    0 => work(),
                                    _ => thread::yield_now(),
                                }
                                assert_eq!(errno(), mine);
                            }
                        });
                    }
                });
                assert!(storm.end() > 100, "{} signals", HANDLED.load(SeqCst));
                assert_eq!(WRONG.load(SeqCst), 0);
                assert!(storm::FOUND.load(SeqCst) > 0, "handlers met threads");
                // The last handler may still be under way, on an OS thread that runs no thread just now.
                until(|| storm::RAISED.load(SeqCst) == storm::HANDLED_IN_HANDLER.load(SeqCst));
            });
        })
        .succeeds();
    }
}

/// What a handler leaves in `errno` stays with the thread that it interrupted.
#[test]
fn errno_of_a_handler_goes_to_nobody_else() {
    const LEFT: i32 = 4095;
    thread_local! {
        static IS_VICTIM: Cell<bool> = const { Cell::new(false) };
    }
    static LEAVES: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn leave(_: i32) {
        let before = errno();
        match IS_VICTIM.get() {
            true => {
                LEAVES.fetch_add(1, SeqCst);
                set_errno(LEFT);
            }
            false => set_errno(before),
        }
    }
    for switches in ["", "hop"] {
        isolated::isolated(
            &[("STANDIN_TEST", switches), ("STANDIN_WORKERS", "2")],
            || {
                GREEN.run(|| {
                    let storm = Storm::with_handler(leave, 0);
                    let is_done = AtomicUsize::new(0);
                    thread::scope(|scope| {
                        scope.spawn(|| {
                            IS_VICTIM.set(true);
                            while LEAVES.load(SeqCst) < 1000 {
                                work();
                                thread::yield_now();
                            }
                            IS_VICTIM.set(false);
                            is_done.store(1, SeqCst);
                        });
                        for _ in 0..8 {
                            scope.spawn(|| {
                                while is_done.load(SeqCst) == 0 {
                                    set_errno(0);
                                    thread::yield_now();
                                    assert_ne!(
                                        errno(),
                                        LEFT,
                                        "a handler's errno went to another thread"
                                    );
                                }
                            });
                        }
                    });
                    storm.end();
                });
            },
        )
        .succeeds();
    }
}

#[test]
fn a_handler_ends_the_process() {
    extern "C" fn leave(_: i32) {
        // SAFETY: it may be called from a handler.
        unsafe { libc::_exit(42) };
    }
    for flags in ["none", "SA_ONSTACK"] {
        for name in ["green", "green-pinned", "async", "async-pinned"] {
            isolated::isolated(&[("FLAGS", flags), ("ENGINE", name)], || {
                // SAFETY: nothing here keeps anything across a call that parks.
                unsafe { engine::green::accept_pinned() };
                let engine = engine::named(name).expect("it is compiled");
                engine.run(|| {
                    engine.spawn(thread::park).expect("there is room");
                    storm::handle(libc::SIGUSR2, leave, storm::flags_of(flags));
                    // SAFETY: the handler is in place.
                    unsafe { libc::raise(libc::SIGUSR2) };
                    unreachable!("the handler does not return");
                });
            })
            .exits(42);
        }
    }
}

/// A fault that is no overflow goes to whoever handled it before the engine was there.
#[test]
fn other_faults_go_to_the_handler_from_before() {
    static WHERE: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn fault(_: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel's record.
        let address = unsafe { (*info).si_addr() } as usize;
        let code = if address == WHERE.load(SeqCst) {
            43
        } else {
            44
        };
        // SAFETY: it may be called from a handler.
        unsafe { libc::_exit(code) };
    }
    for name in ["green", "green-pinned", "async", "async-pinned", "threads"] {
        isolated::isolated(&[("ENGINE", name)], || {
            storm::handle_with_info(libc::SIGSEGV, fault, libc::SA_ONSTACK);
            // SAFETY: nothing here keeps anything across a call that parks.
            unsafe { engine::green::accept_pinned() };
            GREEN.run(|| ());
            let forbidden = storm::forbidden_page();
            WHERE.store(forbidden + 8, SeqCst);
            engine::named(name).expect("it is compiled").run(|| {
                thread::sleep(Duration::from_micros(10));
                // SAFETY: none: the page may not be read, which ends the process in the handler.
                black_box(unsafe { ((forbidden + 8) as *const u8).read_volatile() });
            });
        })
        .exits(43);
    }
}
