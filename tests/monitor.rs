//! Nothing stops the others: threads that block their OS thread by something that standin does not know, and
//! threads that compute, lose their processor to another machine.
//!
//! All of it would hang without the monitor. No test depends on how fast it is.

#![cfg(all(feature = "green", feature = "threads", target_os = "linux"))]

mod common;

use common::isolated::isolated;
use common::wait::until;
use standin::engine::green::{self, Blocked};
use standin::engine::{Engine, GREEN, GREEN_PINNED};
use standin::os::unix::net::UnixStream;
use standin::thread::{self, Builder};
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

const TWO: &[(&str, &str)] = &[("STANDIN_WORKERS", "2"), ("STANDIN_TEST", "")];
const ONE: &[(&str, &str)] = &[("STANDIN_WORKERS", "1"), ("STANDIN_TEST", "")];
const MILLISECOND: Duration = Duration::from_millis(1);

/// `count` threads that sleep `rounds` times; returns when all are done.
fn others(count: usize, rounds: usize) {
    let sleepers: Vec<_> = (0..count)
        .map(|_| {
            thread::spawn(move || {
                for _ in 0..rounds {
                    thread::sleep(MILLISECOND);
                }
            })
        })
        .collect();
    for sleeper in sleepers {
        sleeper.join().expect("it only sleeps");
    }
}

#[test]
fn calls_that_standin_does_not_know_stop_nobody() {
    isolated(TWO, || {
        let (mut near, far) = std::io::pipe().expect("there are descriptors");
        GREEN.run(move || {
            let blocked: Vec<_> = (0..10)
                .map(|_| {
                    let mut far = far.try_clone().expect("there are descriptors");
                    thread::spawn(move || {
                        // More than a pipe takes: in the kernel until somebody reads.
                        far.write_all(&[7; 100_000]).expect("it is read");
                    })
                })
                .collect();
            others(1000, 20);
            assert!(
                blocked.iter().any(|thread| !thread.is_finished()),
                "they were in nobody's way"
            );
            drop(far);
            let mut bytes = Vec::new();
            near.read_to_end(&mut bytes).expect("they write");
            assert_eq!(bytes.len(), 1_000_000);
            for thread in blocked {
                thread.join().expect("it only writes");
            }
        });
    })
    .succeeds();
}

#[test]
fn threads_that_compute_stop_nobody() {
    for environment in [ONE, TWO] {
        isolated(environment, || {
            GREEN.run(|| {
                let done = Arc::new(AtomicBool::new(false));
                let spinning: Vec<_> = (0..4)
                    .map(|_| {
                        let done = done.clone();
                        thread::spawn(move || {
                            let mut count = 0u64;
                            while !done.load(Relaxed) {
                                count += 1;
                                std::hint::spin_loop();
                            }
                            count
                        })
                    })
                    .collect();
                others(100, 20);
                done.store(true, Relaxed);
                for thread in spinning {
                    assert!(thread.join().expect("it only counts") > 0);
                }
            });
        })
        .succeeds();
    }
}

/// Where a second processor was of no use just before, nobody is woken at the spawn. A pinned thread keeps its
/// processor however long it computes.
#[test]
fn a_new_thread_runs_beside_one_that_computes_after_many_that_did_not() {
    isolated(TWO, || {
        // SAFETY: the threads use no thread-locals, and no lock of std's.
        unsafe { green::accept_pinned() };
        for engine in [GREEN, GREEN_PINNED] {
            engine.run(|| {
                for _ in 0..100 {
                    for _ in 0..100 {
                        let short: Vec<_> = (0..3).map(|_| thread::spawn(|| ())).collect();
                        short
                            .into_iter()
                            .for_each(|short| short.join().expect("it is empty"));
                    }
                    let has_run = Arc::new(AtomicBool::new(false));
                    let runs = has_run.clone();
                    let other = thread::spawn(move || runs.store(true, Release));
                    while !has_run.load(Acquire) {
                        std::hint::spin_loop();
                    }
                    other.join().expect("it only stores");
                }
            });
        }
    })
    .succeeds();
}

/// One of the two processors waits for the sockets of both, and its thread computes until the other's was served. A pinned
/// thread keeps its processor however long it computes.
#[test]
fn sockets_are_served_while_the_one_that_polled_computes() {
    const ROUNDS: usize = 20;
    isolated(TWO, || {
        // SAFETY: the threads use no thread-locals, and no lock of std's.
        unsafe { green::accept_pinned() };
        let (near, far): (Vec<_>, Vec<_>) = (0..2)
            .map(|_| UnixStream::pair().expect("there are descriptors"))
            .unzip();
        let served = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let serve = |number: usize, mut socket: UnixStream, served: &[AtomicUsize; 2]| {
            for round in 0..ROUNDS {
                socket.read_exact(&mut [0]).expect("it is written");
                served[number].store(round + 1, Release);
                while round % 2 == number && served[1 - number].load(Acquire) <= round {
                    std::hint::spin_loop();
                }
            }
        };
        let mut sockets = near.into_iter();
        let mut next = || sockets.next().expect("there are two");
        let (first, second) = (next(), next());
        let (of_first, of_second) = (served.clone(), served.clone());
        let first = GREEN_PINNED.spawn(move || {
            let has_begun = Arc::new(AtomicBool::new(false));
            let begins = has_begun.clone();
            let second = thread::spawn(move || {
                begins.store(true, Release);
                serve(1, second, &of_second);
            });
            // So the other one has a processor of its own.
            while !has_begun.load(Acquire) {
                std::hint::spin_loop();
            }
            serve(0, first, &of_first);
            second.join().expect("it only reads");
        });
        for round in 0..ROUNDS {
            for number in [round % 2, 1 - round % 2] {
                (&far[number]).write_all(b"x").expect("it is read");
                until(|| served[number].load(Acquire) > round);
            }
        }
        first.expect("room").join().expect("it only reads");
    })
    .succeeds();
}

/// The holder parks, and the one who waits keeps the only OS thread that could run it.
#[test]
fn a_lock_of_std_across_a_park() {
    isolated(ONE, || {
        GREEN.run(|| {
            let lock = Arc::new(Mutex::new(0));
            let threads: Vec<_> = (0..10)
                .map(|_| {
                    let lock = lock.clone();
                    thread::spawn(move || {
                        let mut count = lock.lock().expect("nobody panics");
                        thread::sleep(MILLISECOND);
                        *count += 1;
                    })
                })
                .collect();
            others(1000, 5);
            for thread in threads {
                thread.join().expect("it only counts");
            }
            assert_eq!(*lock.lock().expect("nobody panics"), 10);
        });
    })
    .succeeds();
}

#[test]
fn an_initialisation_that_parks() {
    isolated(ONE, || {
        GREEN.run(|| {
            static VALUE: OnceLock<u32> = OnceLock::new();
            static CALLS: AtomicUsize = AtomicUsize::new(0);
            let threads: Vec<_> = (0..20)
                .map(|_| {
                    thread::spawn(|| {
                        *VALUE.get_or_init(|| {
                            thread::sleep(MILLISECOND);
                            CALLS.fetch_add(1, Relaxed);
                            42
                        })
                    })
                })
                .collect();
            for thread in threads {
                assert_eq!(thread.join().expect("it is initialised"), 42);
            }
            assert_eq!(CALLS.load(Relaxed), 1);
        });
    })
    .succeeds();
}

/// Both ends of a channel that standin does not know, on one processor.
#[test]
fn a_channel_of_std_between_green_threads() {
    isolated(ONE, || {
        GREEN.run(|| {
            let (sender, receiver) = mpsc::sync_channel(0);
            let sending = thread::spawn(move || {
                for n in 0..20 {
                    sender.send(n).expect("it is received");
                }
            });
            let received: Vec<u32> = receiver.iter().collect();
            assert_eq!(received, (0..20).collect::<Vec<_>>());
            sending.join().expect("it only sends");
        });
    })
    .succeeds();
}

/// The first green thread of a process blocks, on a machine that was slow to start: the monitor is there before it.
#[test]
fn a_first_thread_that_blocks_at_once() {
    for _ in 0..10 {
        isolated(ONE, || {
            let is_over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        while !is_over.load(Relaxed) {
                            std::hint::spin_loop();
                        }
                    });
                }
                GREEN.run(|| {
                    let (sender, receiver) = mpsc::sync_channel(0);
                    let sending = thread::spawn(move || sender.send(1).expect("it is received"));
                    assert_eq!(receiver.recv(), Ok(1));
                    sending.join().expect("it only sends");
                });
                is_over.store(true, Relaxed);
            });
        })
        .succeeds();
    }
}

/// A thread that lost its processor is a thread as any other: it parks, wakes, spawns, sleeps and ends.
#[test]
fn what_a_thread_does_without_its_processor() {
    isolated(ONE, || {
        for _ in 0..20 {
            GREEN.run(|| {
                let has_run = Arc::new(AtomicBool::new(false));
                let other = {
                    let has_run = has_run.clone();
                    thread::spawn(move || has_run.store(true, Release))
                };
                // Only another machine can run it: from then on this one has lost its processor.
                while !has_run.load(Acquire) {
                    std::hint::spin_loop();
                }
                other.join().expect("it has run");
                let (sender, receiver) = standin::sync::mpsc::channel();
                lose_processor();
                let child = thread::spawn(move || sender.send(1).expect("it is received"));
                assert_eq!(receiver.recv(), Ok(1));
                child.join().expect("it has sent");
                lose_processor();
                thread::sleep(MILLISECOND);
                lose_processor();
                thread::yield_now();
                lose_processor();
                assert_eq!(standin::engine::blocking(|| 2).expect("an OS thread"), 2);
                lose_processor();
            });
        }
    })
    .succeeds();
}

/// Returns on a machine that has lost its processor.
fn lose_processor() {
    let has_run = Arc::new(AtomicBool::new(false));
    let seen = has_run.clone();
    let other = thread::spawn(move || seen.store(true, Release));
    while !has_run.load(Acquire) {
        std::hint::spin_loop();
    }
    drop(other);
}

/// OS threads that came for a thread that blocked are used for the next one.
#[test]
fn one_after_another_takes_no_more_os_threads() {
    isolated(ONE, || {
        let seen = record();
        GREEN.run(move || {
            for n in 0..50 {
                let (sender, receiver) = mpsc::channel();
                let blocked = thread::spawn(move || receiver.recv());
                until(|| seen.lock().expect("nobody panics").len() > n);
                sender.send(()).expect("it is received");
                let received = blocked.join().expect("it only receives");
                received.expect("it is sent");
            }
            let count = std::fs::read_dir("/proc/self/task")
                .expect("/proc is mounted")
                .count();
            // The main thread, the test's, the monitor, two machines, who reports; more where cores are short. Each of
            // the fifty would have one of its own otherwise.
            assert!(count < 40, "{count} OS threads");
        });
    })
    .succeeds();
}

/// What is to be printed waits in a queue, and not each with an OS thread, when that takes long.
#[test]
fn many_reports_take_no_more_os_threads() {
    isolated(ONE, || {
        let printing = standin::io::stderr().lock();
        GREEN.run(|| {
            for _ in 0..60 {
                // Longer than the monitor's patience; a report that does not come fails nothing.
                thread::spawn(|| std::thread::sleep(Duration::from_millis(25)))
                    .join()
                    .expect("it only sleeps");
            }
        });
        let count = std::fs::read_dir("/proc/self/task")
            .expect("/proc is mounted")
            .count();
        assert!(count < 40, "{count} OS threads");
        drop(printing);
    })
    .succeeds();
}

type Seen = Arc<Mutex<Vec<(String, bool, bool, String)>>>;

/// Records what it is told.
fn record() -> Seen {
    let seen = Seen::default();
    let records = seen.clone();
    green::on_blocked(move |blocked: &Blocked| {
        let backtrace = blocked.backtrace().map(|backtrace| backtrace.to_string());
        records.lock().expect("nobody panics").push((
            blocked.name().unwrap_or_default().to_owned(),
            blocked.computes(),
            blocked.is_pinned(),
            backtrace.unwrap_or_default(),
        ));
    });
    seen
}

#[inline(never)]
fn the_culprit_receives(receiver: &mpsc::Receiver<()>) {
    receiver.recv().expect("it is sent");
}

fn kinds() -> [Engine; 2] {
    // SAFETY: nothing in these tests keeps a pointer through a thread-local across a call that parks, or a lock
    // that another thread of the same OS thread wants.
    unsafe { green::accept_pinned() };
    [GREEN, GREEN_PINNED]
}

#[test]
fn a_callback_learns_who_it_is_and_where() {
    for number in 0..2 {
        let number_text = number.to_string();
        let environment = [
            ("STANDIN_WORKERS", "1"),
            ("STANDIN_TEST", ""),
            ("TEST_KIND", &*number_text),
        ];
        isolated(&environment, || {
            let seen = record();
            let engine = kinds()[number];
            let (sender, receiver) = mpsc::channel();
            let culprit = Builder::new()
                .name("the culprit".to_owned())
                .spawn_on(engine, move || the_culprit_receives(&receiver))
                .expect("there is room");
            until(|| !seen.lock().expect("nobody panics").is_empty());
            sender.send(()).expect("it is received");
            culprit.join().expect("it only receives");
            let seen = seen.lock().expect("nobody panics");
            let (name, computes, pinned, backtrace) = &seen[0];
            assert_eq!(name, "the culprit");
            assert!(!computes);
            assert_eq!(*pinned, engine == GREEN_PINNED);
            assert!(backtrace.contains("the_culprit_receives"), "{backtrace}");
            assert!(!backtrace.contains("capture::signal"), "{backtrace}");
        })
        .succeeds();
    }
}

#[test]
fn a_thread_that_computes_is_told_from_one_in_the_kernel() {
    isolated(ONE, || {
        let seen = record();
        let done = Arc::new(AtomicBool::new(false));
        let is_done = done.clone();
        let culprit = GREEN.spawn(move || {
            while !is_done.load(Relaxed) {
                std::hint::spin_loop();
            }
        });
        until(|| !seen.lock().expect("nobody panics").is_empty());
        done.store(true, Relaxed);
        culprit
            .expect("there is room")
            .join()
            .expect("it only spins");
        let seen = seen.lock().expect("nobody panics");
        assert!(seen[0].1, "it computes");
    })
    .succeeds();
}

/// Starts a thread that blocks until it is told to go on.
fn culprit(engine: Engine, name: &str) -> (mpsc::Sender<()>, thread::JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel::<()>();
    let thread = Builder::new()
        .name(name.to_owned())
        .spawn_on(engine, move || {
            while receiver.recv().is_ok() {
                thread::yield_now();
            }
        })
        .expect("there is room");
    (sender, thread)
}

#[test]
fn it_is_printed_once_a_thread() {
    for number in 0..2 {
        let number_text = number.to_string();
        let environment = [
            ("STANDIN_WORKERS", "1"),
            ("STANDIN_TEST", ""),
            ("TEST_KIND", &*number_text),
        ];
        isolated(&environment, || {
            let engine = kinds()[number];
            if engine == GREEN && !cfg!(debug_assertions) {
                return;
            }
            let (errors, stderr) = std::io::pipe().expect("there are descriptors");
            rustix::stdio::dup2_stderr(&stderr).expect("it is open");
            let mut lines = BufReader::new(errors).lines();
            let mut until_named = |name: &str| {
                let mut before = Vec::new();
                loop {
                    let line = lines.next().expect("stderr is open").expect("text");
                    before.push(line);
                    if before.last().is_some_and(|line| line.contains(name)) {
                        return before;
                    }
                }
            };
            let (first, first_thread) = culprit(engine, "the first");
            let said = until_named("the first");
            assert!(
                said[0].starts_with("standin: the green thread 'the first'"),
                "{said:?}"
            );
            assert_eq!(
                said[0].contains("standin::engine::blocking"),
                engine == GREEN_PINNED
            );
            // It blocks again, and another one for the first time.
            first.send(()).expect("it is received");
            drop(first);
            first_thread.join().expect("it only receives");
            let (second, second_thread) = culprit(engine, "the second");
            let said = until_named("the second");
            assert!(
                !said.iter().any(|line| line.contains("the first'")),
                "{said:?}"
            );
            drop(second);
            second_thread.join().expect("it only receives");
        })
        .succeeds();
    }
}
