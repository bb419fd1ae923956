//! What threads promise: spawning, joining, names, identity. `thread_wait.rs` has parking and sleeping,
//! `thread_local.rs` thread-local values, `thread_scope.rs` scopes.

use super::shapes::{os, sync, thread, time};
use os::unix::thread::JoinHandleExt;
use std::collections::{HashMap, HashSet};
use std::panic::{self, AssertUnwindSafe};
use sync::Arc;
use sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use sync::mpsc::channel;
use thread::{Builder, JoinHandle, Thread};
use time::Duration;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("thread_spawn_and_join", thread_spawn_and_join),
    ("thread_panic_reaches_join", thread_panic_reaches_join),
    (
        "thread_closure_dropped_before_join",
        thread_closure_dropped_before_join,
    ),
    (
        "thread_runs_on_without_its_handle",
        thread_runs_on_without_its_handle,
    ),
    (
        "thread_result_without_handle_is_dropped",
        thread_result_without_handle_is_dropped,
    ),
    (
        "thread_handle_moves_between_threads",
        thread_handle_moves_between_threads,
    ),
    ("thread_tree", thread_tree),
    ("thread_names", thread_names),
    ("thread_name_with_null", thread_name_with_null),
    ("thread_without_bounds", thread_without_bounds),
    ("thread_stack_size", thread_stack_size),
    ("thread_identity", thread_identity),
    ("thread_identities_differ", thread_identities_differ),
    ("thread_is_finished", thread_is_finished),
    ("thread_is_finished_asked_for", thread_is_finished_asked_for),
    ("thread_panicking", thread_panicking),
    ("thread_pthread", thread_pthread),
    ("thread_text_and_traits", thread_text_and_traits),
];

pub fn thread_spawn_and_join() {
    let text = String::from("moved");
    let thread = thread::spawn(move || text + " in and out");
    assert_eq!(thread.join().unwrap(), "moved in and out");
    let threads: Vec<_> = (0..100_u64).map(|n| thread::spawn(move || n * n)).collect();
    let sum: u64 = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    assert_eq!(sum, 328_350);
}

pub fn thread_panic_reaches_join() {
    let payload = thread::spawn(|| panic!("literal")).join().unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"literal"));
    let number = std::hint::black_box(7);
    let payload = thread::spawn(move || panic!("number {number}"))
        .join()
        .unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&String::from("number 7")));
    let payload = thread::spawn(|| panic::panic_any(7_u8)).join().unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&7_u8));
    // A thread that panicked leaves the others alone.
    assert_eq!(thread::spawn(|| 1).join().unwrap(), 1);
}

/// Counts drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

pub fn thread_closure_dropped_before_join() {
    for panics in [false, true] {
        let drops = Arc::new(AtomicUsize::new(0));
        let counted = Counted(Arc::clone(&drops));
        let thread = thread::spawn(move || {
            let _counted = &counted;
            assert!(!panics, "on purpose");
        });
        assert_eq!(thread.join().is_err(), panics);
        assert_eq!(drops.load(SeqCst), 1);
    }
}

pub fn thread_runs_on_without_its_handle() {
    let (sender, receiver) = channel();
    let (go, wait) = channel();
    drop(thread::spawn(move || {
        wait.recv().unwrap();
        sender.send(5).unwrap();
    }));
    go.send(()).unwrap();
    assert_eq!(receiver.recv(), Ok(5));
}

pub fn thread_result_without_handle_is_dropped() {
    let drops = Arc::new(AtomicUsize::new(0));
    let counted = Counted(Arc::clone(&drops));
    drop(thread::spawn(move || counted));
    while drops.load(SeqCst) == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    // Who has the handle has the result.
    let counted = Counted(Arc::clone(&drops));
    let thread = thread::spawn(move || counted);
    let result = thread.join().unwrap();
    assert_eq!(drops.load(SeqCst), 1);
    drop(result);
    assert_eq!(drops.load(SeqCst), 2);
}

pub fn thread_handle_moves_between_threads() {
    let (go, wait) = channel::<()>();
    let first = thread::spawn(move || {
        wait.recv().unwrap();
        1
    });
    let second = thread::spawn(move || first.join().unwrap() + 1);
    go.send(()).unwrap();
    assert_eq!(second.join().unwrap(), 2);
}

pub fn thread_tree() {
    fn leaves(depth: u32) -> usize {
        if depth == 0 {
            return 1;
        }
        let threads = [(); 2].map(|()| thread::spawn(move || leaves(depth - 1)));
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    }
    assert_eq!(leaves(7), 128);
}

fn named(name: &str) -> Builder {
    Builder::new().name(name.into())
}

pub fn thread_names() {
    for name in [
        "plain",
        "",
        "longer than the fifteen bytes that Linux keeps",
        "größer",
    ] {
        let thread = named(name)
            .spawn(|| thread::current().name().map(String::from))
            .unwrap();
        assert_eq!(thread.thread().name(), Some(name));
        assert_eq!(thread.join().unwrap().as_deref(), Some(name));
    }
    let thread = thread::spawn(|| thread::current().name().map(String::from));
    assert_eq!(thread.thread().name(), None);
    assert_eq!(thread.join().unwrap(), None);
    // A child does not take its parent's name.
    let parent = named("parent").spawn(|| {
        let child = thread::spawn(|| thread::current().name().map(String::from));
        child.join().unwrap()
    });
    assert_eq!(parent.unwrap().join().unwrap(), None);
}

pub fn thread_name_with_null() {
    let message = |spawn: fn()| {
        let payload = panic::catch_unwind(spawn).unwrap_err();
        payload.downcast_ref::<String>().unwrap().clone()
    };
    let expected =
        "thread name may not contain interior null bytes: NulError(4, [110, 117, 108, 108, 0, 98])";
    assert_eq!(
        message(|| drop(named("null\0b").spawn(|| unreachable!("it has no name")))),
        expected
    );
    assert_eq!(
        message(|| {
            thread::scope(|scope| {
                let builder = named("null\0b");
                drop(builder.spawn_scoped(scope, || unreachable!("it has no name")));
            })
        }),
        expected
    );
}

pub fn thread_without_bounds() {
    let words = [String::from("not"), String::from("'static")];
    // SAFETY: it is joined before `words` goes.
    let thread = unsafe { Builder::new().spawn_unchecked(|| words.join(" ")) };
    assert_eq!(thread.unwrap().join().unwrap(), "not 'static");
}

pub fn thread_stack_size() {
    // More than any default: it must be there to be used.
    const SIZE: usize = 16 << 20;
    fn deep(frames: usize) -> usize {
        let frame = std::hint::black_box([frames; 1024]);
        if frames == 0 {
            0
        } else {
            deep(frames - 1) + frame[frames % 1024] / frames
        }
    }
    let thread = Builder::new()
        .stack_size(SIZE)
        .spawn(|| deep(1000))
        .unwrap();
    assert_eq!(thread.join().unwrap(), 1000);
    // Less than any system allows is no error.
    assert_eq!(
        Builder::new()
            .stack_size(1)
            .spawn(|| 1)
            .unwrap()
            .join()
            .unwrap(),
        1
    );
}

pub fn thread_identity() {
    let id = thread::current().id();
    thread::yield_now();
    thread::sleep(Duration::from_millis(1));
    assert_eq!(thread::current().id(), id);
    let child = thread::spawn(|| thread::current().id());
    let told = child.thread().id();
    assert_ne!(told, id);
    assert_eq!(child.join().unwrap(), told);
    let handle = thread::current();
    assert_eq!(thread::spawn(move || handle.id()).join().unwrap(), id);
}

pub fn thread_identities_differ() {
    let threads: Vec<_> = (0..50)
        .map(|_| thread::spawn(|| thread::current().id()))
        .collect();
    let mut ids: HashSet<_> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    // Nor is one used again.
    for _ in 0..50 {
        ids.insert(thread::spawn(|| thread::current().id()).join().unwrap());
    }
    ids.insert(thread::current().id());
    assert_eq!(ids.len(), 101);
}

pub fn thread_is_finished() {
    let (go, wait) = channel::<()>();
    let thread = thread::spawn(move || wait.recv().unwrap());
    assert!(!thread.is_finished());
    go.send(()).unwrap();
    while !thread.is_finished() {
        thread::yield_now();
    }
    thread.join().unwrap();
}

pub fn thread_is_finished_asked_for() {
    // More of those who ask than there are processors: they must let the others run.
    let asks: Vec<_> = (0..20)
        .map(|_| {
            let (go, wait) = channel::<()>();
            let waits = thread::spawn(move || wait.recv().unwrap());
            let asks = thread::spawn(move || while !waits.is_finished() {});
            (asks, go)
        })
        .collect();
    for (asks, go) in asks {
        go.send(()).unwrap();
        asks.join().unwrap();
    }
}

pub fn thread_panicking() {
    struct Notes<'a>(&'a AtomicBool);
    impl Drop for Notes<'_> {
        fn drop(&mut self) {
            self.0.store(thread::panicking(), SeqCst);
        }
    }
    let flag = AtomicBool::new(false);
    assert!(!thread::panicking());
    drop(Notes(&flag));
    assert!(!flag.load(SeqCst));
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        let _notes = Notes(&flag);
        panic!("on purpose");
    }));
    assert!(caught.is_err() && flag.load(SeqCst) && !thread::panicking());
    assert!(!thread::spawn(thread::panicking).join().unwrap());
}

/// It can be asked for before the thread has begun, while it runs, and after its end.
pub fn thread_pthread() {
    let (tells, told) = channel();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let tells = tells.clone();
            thread::spawn(move || {
                // SAFETY: it has no preconditions.
                let own = unsafe { libc::pthread_self() };
                tells.send((thread::current().id(), own)).unwrap();
            })
        })
        .collect();
    let first: Vec<_> = threads.iter().map(JoinHandle::as_pthread_t).collect();
    let told: HashMap<_, _> = told.iter().take(8).collect();
    for (thread, first) in threads.iter().zip(first) {
        assert_eq!(first, told[&thread.thread().id()]);
    }
    for thread in threads {
        let first = thread.as_pthread_t();
        while !thread.is_finished() {
            thread::yield_now();
        }
        assert_eq!(first, thread.as_pthread_t());
        thread.join().unwrap();
    }
}

pub fn thread_text_and_traits() {
    fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Thread>();
    send_and_sync::<thread::ThreadId>();
    send_and_sync::<JoinHandle<std::cell::Cell<u8>>>();
    fn copied<T: Copy + Eq + std::hash::Hash>(_: T) {}
    copied(thread::current().id());
    let thread = named("text").spawn(|| ()).unwrap();
    let id = thread.thread().id();
    assert_eq!(
        format!("{:?}", thread.thread()),
        format!("Thread {{ id: {id:?}, name: Some(\"text\"), .. }}")
    );
    assert!(format!("{id:?}").starts_with("ThreadId("));
    assert_eq!(format!("{thread:?}"), "JoinHandle { .. }");
    let result: thread::Result<()> = thread.join();
    result.unwrap();
    assert!(thread::available_parallelism().unwrap().get() >= 1);
}
