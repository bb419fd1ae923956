//! How panics are reported: as std reports those of its threads, with the name of the thread, on every
//! engine; and a program's own hook is left alone.

#![cfg(all(
    feature = "green",
    feature = "async",
    feature = "threads",
    target_os = "linux"
))]

mod common;

use common::isolated::isolated;
use standin::engine::{self, Engine};
use standin::thread::{self, Builder};
use std::any::Any;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::AsRawFd as _;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst};

const HINT: &str =
    "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";

/// Every engine, pinned threads among them.
fn engines() -> Vec<Engine> {
    // SAFETY: nothing in here keeps a pointer through a thread-local, or holds a lock of std's, across a call
    // that parks, or parks while it unwinds on a pinned thread.
    unsafe { engine::green::accept_pinned() };
    // A backtrace takes its time; what the monitor says of that is not what is looked at here.
    engine::green::on_blocked(|_| ());
    engine::all()
}

/// What this process writes to its standard error while `body` runs.
fn errors_of(body: impl FnOnce()) -> String {
    let path = std::env::temp_dir().join(format!("standin-panics-{}", std::process::id()));
    let mut file = File::create_new(&path).expect("the name is this process's");
    let mut read = File::open(&path).expect("it is there");
    std::fs::remove_file(&path).expect("it is there");
    // SAFETY: the call takes no pointers, and nobody owns the descriptor that it makes but this function.
    let before = unsafe { libc::dup(2) };
    assert!(before >= 0, "{}", io::Error::last_os_error());
    // SAFETY: as above; the standard error stays open.
    assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), 2) }, 2);
    body();
    // SAFETY: as above.
    assert_eq!(unsafe { libc::dup2(before, 2) }, 2);
    file.rewind().expect("a file");
    let mut text = String::new();
    read.read_to_string(&mut text).expect("text");
    text
}

/// The OS thread that panicked last.
static OS_THREAD: AtomicI32 = AtomicI32::new(0);

/// Panics with one of the kinds of payload.
fn fails(payload: usize) {
    // SAFETY: always safe to call.
    OS_THREAD.store(unsafe { libc::gettid() }, SeqCst);
    match payload {
        0 => panic!("a literal"),
        1 => panic!("formatted, with {payload}\nand a second line"),
        2 => panic!("{}", "long ".repeat(1000)),
        3 => panic::panic_any(String::from("owned")),
        _ => panic::panic_any(payload),
    }
}

/// What is written when a thread that `spawn` makes panics, with no more than what differs from run to run
/// taken out.
fn report(spawn: impl FnOnce() -> thread::Result<()>) -> String {
    let text = errors_of(|| {
        spawn().expect_err("it panics");
    });
    let number = format!(" ({}) panicked at ", OS_THREAD.load(SeqCst));
    assert_eq!(text.matches(&number).count(), 1, "{text}");
    text.replace(&number, " panicked at ").replace(HINT, "")
}

fn of_std(name: Option<&str>, payload: usize) -> String {
    let mut builder = std::thread::Builder::new();
    if let Some(name) = name {
        builder = builder.name(name.into());
    }
    report(|| builder.spawn(move || fails(payload)).unwrap().join())
}

fn of(engine: Engine, name: Option<&str>, payload: usize) -> String {
    let mut builder = Builder::new();
    if let Some(name) = name {
        builder = builder.name(name.into());
    }
    report(|| {
        builder
            .spawn_on(engine, move || fails(payload))
            .unwrap()
            .join()
    })
}

#[test]
fn a_thread_is_named_as_std_does_it() {
    isolated(&[("RUST_BACKTRACE", "0")], || {
        for payload in 0..=4 {
            for name in [Some("ada"), Some(""), Some("größer"), None] {
                let expected = of_std(name, payload);
                assert!(expected.contains(&format!("\nthread '{}' ", name.unwrap_or("<unnamed>"))));
                for engine in engines() {
                    assert_eq!(of(engine, name, payload), expected, "on {engine}");
                }
                // An OS thread that no engine made is std's affair as before.
                assert_eq!(of_std(name, payload), expected);
            }
        }
    })
    .succeeds();
}

#[test]
fn a_scoped_thread_is_named() {
    isolated(&[("RUST_BACKTRACE", "0")], || {
        let expected = of_std(Some("scoped"), 1);
        for engine in engines() {
            let found = report(|| {
                engine.run(|| {
                    thread::scope(|scope| {
                        let thread = Builder::new()
                            .name("scoped".into())
                            .spawn_scoped(scope, || fails(1));
                        thread.unwrap().join()
                    })
                })
            });
            assert_eq!(found, expected, "on {engine}");
        }
    })
    .succeeds();
}

#[test]
fn the_hint_is_given_once() {
    for engine in engines() {
        isolated(
            &[("RUST_BACKTRACE", ""), ("TEST_ENGINE", engine.name())],
            || {
                let name = std::env::var("TEST_ENGINE").expect("set above");
                // Before any other panic of the process.
                let found = errors_of(|| {
                    for _ in 0..3 {
                        let builder = Builder::new().name("ada".into());
                        let engine = engines().into_iter().find(|engine| engine.name() == name);
                        let thread = builder.spawn_on(engine.expect("one of them"), || fails(0));
                        thread.unwrap().join().expect_err("it panics");
                    }
                });
                assert_eq!(found.matches("thread 'ada' ").count(), 3, "{found}");
                assert_eq!(found.matches(HINT).count(), 1, "{found}");
                assert!(!found.contains("stack backtrace"), "{found}");
            },
        )
        .succeeds();
    }
}

#[test]
fn a_short_backtrace_shows_what_the_thread_did() {
    isolated(&[("RUST_BACKTRACE", "1")], || {
        for engine in engines() {
            for name in [Some("ada"), None] {
                let found = of(engine, name, 0);
                assert!(
                    found.contains("a literal\nstack backtrace:\n   0: "),
                    "{found}"
                );
                assert!(found.contains(": panics::fails\n"), "{found}");
                assert!(!found.contains("standin::"), "{found}");
                assert!(!found.contains("short_backtrace"), "{found}");
                assert!(
                    found.ends_with(
                        "note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose \
                         backtrace.\n"
                    ),
                    "{found}"
                );
            }
        }
    })
    .succeeds();
}

#[test]
fn a_full_backtrace_shows_everything() {
    isolated(&[("RUST_BACKTRACE", "full")], || {
        for engine in engines() {
            let found = of(engine, Some("ada"), 0);
            assert!(
                found.contains("a literal\nstack backtrace:\n   0: "),
                "{found}"
            );
            assert!(found.contains(" - panics::fails"), "{found}");
            assert!(found.contains("standin::"), "{found}");
            assert!(!found.contains("note: "), "{found}");
        }
    })
    .succeeds();
}

/// A named thread of every engine panics.
fn panics_everywhere() {
    for engine in engines() {
        let thread = Builder::new()
            .name("ada".into())
            .spawn_on(engine, || fails(0));
        thread.unwrap().join().expect_err("it panics");
    }
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

fn counts(_: &panic::PanicHookInfo<'_>) {
    CALLS.fetch_add(1, SeqCst);
}

#[test]
fn a_hook_that_was_set_before_stays() {
    isolated(&[], || {
        panic::set_hook(Box::new(counts));
        assert_eq!(errors_of(panics_everywhere), "");
        assert_eq!(CALLS.load(SeqCst), engines().len());
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| hook(info)));
        assert_eq!(errors_of(panics_everywhere), "");
        assert_eq!(CALLS.load(SeqCst), 2 * engines().len());
    })
    .succeeds();
}

#[test]
fn a_hook_that_is_set_later_stays() {
    isolated(&[("RUST_BACKTRACE", "0")], || {
        let found = errors_of(panics_everywhere);
        assert_eq!(
            found.matches("\nthread 'ada' ").count(),
            engines().len(),
            "{found}"
        );
        panic::set_hook(Box::new(counts));
        assert_eq!(errors_of(panics_everywhere), "");
        assert_eq!(CALLS.load(SeqCst), engines().len());
        // The default one, and nobody replaces it again.
        drop(panic::take_hook());
        let found = errors_of(panics_everywhere);
        assert_eq!(found.matches("\nthread 'ada' ").count(), 1, "{found}");
    })
    .succeeds();
}

#[test]
fn a_hook_that_calls_the_one_before_has_the_name() {
    isolated(&[("RUST_BACKTRACE", "0")], || {
        for engine in engines() {
            engine.run(|| ());
        }
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            CALLS.fetch_add(1, SeqCst);
            before(info);
        }));
        let found = errors_of(panics_everywhere);
        assert_eq!(
            found.matches("\nthread 'ada' ").count(),
            engines().len(),
            "{found}"
        );
        assert_eq!(CALLS.load(SeqCst), engines().len());
    })
    .succeeds();
}

#[test]
fn the_first_spawn_may_be_in_a_panic() {
    /// Spawns when it is dropped.
    struct Spawns(Engine);
    impl Drop for Spawns {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            self.0.spawn(|| ()).unwrap().join().unwrap();
        }
    }
    for number in 0..engines().len() {
        isolated(
            &[
                ("RUST_BACKTRACE", "0"),
                ("TEST_ENGINE", &number.to_string()),
            ],
            || {
                let number: usize = std::env::var("TEST_ENGINE").unwrap().parse().unwrap();
                let engine = engines()[number];
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    let _spawns = Spawns(engine);
                    panic!("on purpose");
                }));
                assert_eq!(message(&*caught.unwrap_err()), "on purpose");
                // A later one is named all the same.
                let found = of(engine, Some("ada"), 0);
                assert!(found.starts_with("\nthread 'ada' "), "{found}");
            },
        )
        .succeeds();
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload.downcast_ref().copied().unwrap_or_default()
}

#[test]
fn who_holds_the_standard_error_can_join() {
    isolated(&[("RUST_BACKTRACE", "0")], || {
        for engine in engines() {
            let held = io::stderr().lock();
            let thread = Builder::new()
                .name("ada".into())
                .spawn_on(engine, || fails(0));
            thread.unwrap().join().expect_err("it panics");
            drop(held);
        }
    })
    .succeeds()
    .says("thread 'ada' (");
}

#[test]
fn a_thread_local_value_that_panics_when_it_goes_aborts() {
    struct Fails;
    impl Drop for Fails {
        fn drop(&mut self) {
            panic!("in a destructor, on purpose");
        }
    }
    standin::thread_local!(static LOCAL: Fails = const { Fails });
    for number in 0..engines().len() {
        let number = number.to_string();
        isolated(&[("RUST_BACKTRACE", "0"), ("TEST_ENGINE", &number)], || {
            let number: usize = std::env::var("TEST_ENGINE").unwrap().parse().unwrap();
            let thread = Builder::new().name("ada".into());
            let thread = thread.spawn_on(engines()[number], || LOCAL.with(|_| ()));
            let _ = thread.unwrap().join();
            unreachable!("the process has ended");
        })
        .aborts()
        .says("thread 'ada' (")
        .says("in a destructor, on purpose")
        .says("fatal runtime error: thread local panicked on drop, aborting");
    }
}
