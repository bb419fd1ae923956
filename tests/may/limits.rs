//! Too little of something, and too much of a stack.

use super::common::{isolated::isolated, limit};
use super::{moved, pinned};
use rustix::process::{Resource, getrlimit};
use standin::sync::{Mutex, mpsc};
use standin::thread::{self, Builder};
use std::hint::black_box;
use std::io::ErrorKind;
use std::sync::Arc;

/// Each stack takes two of the mappings that a process may have.
#[test]
fn as_many_threads_as_there_are_mappings() {
    isolated(&[], || {
        let (sender, receiver) = mpsc::channel::<()>();
        let receiver = Arc::new(Mutex::new(receiver));
        let engine = pinned();
        let mut threads = Vec::new();
        let error = loop {
            let receiver = receiver.clone();
            let body = move || receiver.lock().expect("no panic").recv().is_ok();
            match Builder::new().stack_size(32 << 10).spawn_on(engine, body) {
                Ok(thread) => threads.push(thread),
                Err(error) => break error,
            }
            if threads.len() == 40_000 {
                println!(
                    "skipped: vm.max_map_count is so large here that there is no end in sight"
                );
                return;
            }
        };
        println!("{} threads, then: {error}", threads.len());
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        assert!(error.to_string().contains("vm.max_map_count"), "{error}");
        assert!(threads.len() > 30_000, "{}", threads.len());
        drop(sender);
        for thread in threads {
            assert_eq!(thread.join().ok(), Some(false));
        }
        // Their mappings were given back.
        assert_eq!(engine.run(|| thread::spawn(|| 1).join().ok()), Some(1));
    })
    .succeeds()
    .does_not_say("panicked");
}

#[test]
fn a_stack_that_nobody_can_have() {
    isolated(&[], || {
        for engine in [pinned, moved] {
            let engine = engine();
            for size in [usize::MAX, usize::MAX / 2, 1 << 50] {
                let spawned = Builder::new().stack_size(size).spawn_on(engine, || ());
                let error = spawned.expect_err("no address space is that large");
                assert!(error.to_string().contains("Builder::stack_size"), "{error}");
            }
        }
    })
    .succeeds()
    .does_not_say("panicked");
}

#[test]
fn no_descriptor_to_start() {
    isolated(&[], || {
        let limited = limit::no_descriptors();
        let error = pinned().spawn(|| ()).expect_err("may takes some");
        assert!(error.to_string().contains("may"), "{error}");
        drop(limited);
        // It was in the middle of its start.
        let error = pinned().spawn(|| ()).expect_err("may cannot start again");
        assert!(error.to_string().contains("try again"), "{error}");
    })
    .succeeds()
    .does_not_say("panicked");
}

#[test]
fn no_os_thread_for_a_section() {
    isolated(&[], || {
        let engine = pinned();
        engine.run(|| ());
        limit::give_up_root();
        let limited = limit::no_more_os_threads();
        let error = engine.run(|| standin::engine::blocking(|| ()));
        let error = error.expect_err("it takes an OS thread");
        assert!(error.to_string().contains("RLIMIT_NPROC"), "{error}");
        drop(limited);
        let section = engine.run(|| standin::engine::blocking(|| 1));
        assert_eq!(section.ok(), Some(1));
    })
    .succeeds();
}

/// An overflow is never the quiet end of a thread that others wait for. With small frames the last words of the stack are
/// written, and may ends the process; with large ones the engine finds that the coroutine is gone.
#[test]
fn an_overflow_ends_the_process() {
    #[inline(never)]
    #[allow(unconditional_recursion, reason = "that is the point")]
    fn small(n: usize) -> usize {
        black_box(small(black_box(n) + 1)) + n
    }
    #[inline(never)]
    #[allow(unconditional_recursion, reason = "that is the point")]
    fn large(n: usize) -> usize {
        let mut frame = std::mem::MaybeUninit::<[usize; 200]>::uninit();
        black_box(&mut frame);
        black_box(large(black_box(n) + 1)) + n
    }
    assert!(
        getrlimit(Resource::Stack).maximum.is_none(),
        "as it usually is"
    );
    for (frames, stack) in [("small", "32768"), ("large", "32768"), ("large", "1048576")] {
        for name in ["may", "may-pinned"] {
            let environment = [
                ("TEST_ENGINE", name),
                ("TEST_STACK", stack),
                ("TEST_FRAMES", frames),
            ];
            let outcome = isolated(&environment, || {
                let engine = if name == "may" { moved() } else { pinned() };
                let thread = Builder::new().stack_size(stack.parse().expect("a number"));
                let thread = thread.name("too deep".to_owned());
                let thread = match frames {
                    "small" => thread.spawn_on(engine, || small(0)),
                    _ => thread.spawn_on(engine, || large(0)),
                };
                drop(thread.expect("there is room").join());
                println!("the join returned");
            });
            let outcome = outcome
                .fails()
                .says("has overflowed its stack")
                .does_not_say("the join returned");
            match frames {
                "small" => outcome.exits(1).says("stack overflow detected"),
                _ => outcome.aborts().says("too deep"),
            };
        }
    }
}

/// The coroutine of a thread is cancelled by may: nobody waits for ever.
#[test]
fn a_coroutine_that_may_cancels() {
    isolated(&[], || {
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = moved().spawn(move || {
            sender
                .send(may::coroutine::current())
                .expect("it is received");
            loop {
                may::coroutine::sleep(std::time::Duration::from_secs(3600));
            }
        });
        let coroutine = receiver.recv().expect("it is sent");
        // SAFETY: what it leaves behind is what this is about.
        unsafe { coroutine.cancel() };
        let ended = thread.expect("there is room").join();
        println!("the join returned: {}", ended.is_err());
    })
    .succeeds()
    .says("the join returned: true");
}
