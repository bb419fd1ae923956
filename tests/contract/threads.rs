//! Starting threads and joining them.

use super::support::Subject;
use standin::engine::Control;
use standin::thread::{self, Builder};
use std::collections::HashSet;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

pub(crate) fn results_and_panics(on: &Subject) {
    assert_eq!(on.spawn(|| "result").join().ok(), Some("result"));
    let panic = on.spawn(|| resume_unwind(Box::new("payload"))).join();
    assert_eq!(
        panic.expect_err("it panicked").downcast_ref(),
        Some(&"payload")
    );
    assert_eq!(on.run(|| thread::spawn(|| 5).join().ok()), Some(5));
    let panic = on.run(|| thread::spawn(|| resume_unwind(Box::new(6))).join());
    assert_eq!(panic.expect_err("it panicked").downcast_ref(), Some(&6));
    // A panic ends its thread and nothing else.
    assert!(on.run(|| !std::thread::panicking()));
    let engine = on.engine;
    let panic = catch_unwind(move || engine.run(|| resume_unwind(Box::new("through run"))));
    assert_eq!(
        panic.expect_err("it goes on in the caller").downcast_ref(),
        Some(&"through run")
    );
}

pub(crate) fn names_and_ids(on: &Subject) {
    let named = Builder::new()
        .name("a name of its own".to_owned())
        .spawn_on(on.engine, || {
            (
                thread::current().name().map(str::to_owned),
                thread::current().id(),
            )
        })
        .expect("the engine starts threads here");
    let handle = named.thread().clone();
    let (name, id) = named.join().expect("it does not panic");
    assert_eq!(
        (name.as_deref(), id),
        (Some("a name of its own"), handle.id())
    );
    assert_eq!(handle.name(), Some("a name of its own"));
    let ids: Vec<_> = (0..50)
        .map(|_| {
            on.spawn(|| {
                let id = thread::current().id();
                thread::yield_now();
                assert_eq!(
                    (thread::current().id(), thread::current().name()),
                    (id, None)
                );
                id
            })
        })
        .map(|thread| {
            let id = thread.thread().id();
            assert_eq!(thread.join().expect("it does not panic"), id);
            id
        })
        .collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 50);
    let engine = on.engine;
    assert!(
        catch_unwind(|| Builder::new()
            .name("zero \0".to_owned())
            .spawn_on(engine, || ()))
        .is_err()
    );
}

pub(crate) fn children_belong_to_the_engine(on: &Subject) {
    let engine = || Control::current(|control| control.and_then(|control| control.engine()));
    assert_eq!(engine(), None);
    let (own, child, scoped) = on.run(|| {
        let child = thread::spawn(engine).join().expect("it does not panic");
        let scoped = thread::scope(|scope| scope.spawn(engine).join().expect("it does not panic"));
        (engine(), child, scoped)
    });
    assert_eq!([own, child, scoped], [Some(on.engine); 3]);
}

pub(crate) fn yielding(on: &Subject) {
    on.run(|| {
        let flags = [AtomicBool::new(false), AtomicBool::new(false)];
        thread::scope(|scope| {
            for own in 0..2 {
                let flags = &flags;
                scope.spawn(move || {
                    flags[own].store(true, SeqCst);
                    while !flags[1 - own].load(SeqCst) {
                        thread::yield_now();
                    }
                });
            }
        });
    });
    // On an OS thread as well.
    thread::yield_now();
}

pub(crate) fn a_thousand_at_once(on: &Subject) {
    let sum: u64 = on.run(|| {
        let threads: Vec<_> = (0..1000_u64)
            .map(|n| {
                thread::spawn(move || {
                    for _ in 0..n % 5 {
                        thread::yield_now();
                    }
                    n
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("it does not panic"))
            .sum()
    });
    assert_eq!(sum, 999 * 1000 / 2);
}

pub(crate) fn stacks_of_every_size(on: &Subject) {
    fn deep(levels: usize) -> usize {
        let mut frame = std::hint::black_box([1_u8; 1024]);
        frame[levels % 1024] = 1;
        let below = if levels == 0 { 0 } else { deep(levels - 1) };
        below + usize::from(std::hint::black_box(&frame)[levels % 1024])
    }
    for (size, levels) in [(1, 1), (100_000, 20), (1 << 20, 200), (16 << 20, 3_000)] {
        let thread = Builder::new()
            .stack_size(size)
            .spawn_on(on.engine, move || deep(levels));
        assert_eq!(
            thread.expect("there is room").join().ok(),
            Some(levels + 1),
            "{size} bytes"
        );
    }
    let error = Builder::new()
        .stack_size(usize::MAX / 2)
        .spawn_on(on.engine, || ());
    let error = error.expect_err("no address space is that large");
    assert!(!error.to_string().is_empty());
}

pub(crate) fn scoped_threads(on: &Subject) {
    let mut numbers = vec![1, 2, 3];
    let sum: i32 = on.run(|| {
        thread::scope(|scope| {
            for number in &mut numbers {
                scope.spawn(move || {
                    thread::yield_now();
                    *number *= 10;
                });
            }
        });
        numbers.iter().sum()
    });
    assert_eq!(sum, 60);
}

pub(crate) fn from_an_os_thread(on: &Subject) {
    let engine = on.engine;
    let threads: Vec<_> = (0..4)
        .map(|n| {
            std::thread::spawn(move || engine.spawn(move || n).map(|thread| thread.join().ok()))
        })
        .collect();
    for (n, thread) in threads.into_iter().enumerate() {
        assert_eq!(
            thread.join().expect("no panic").expect("there is room"),
            Some(n)
        );
    }
}
