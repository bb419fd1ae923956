//! What threads do to themselves and to each other: scopes, panics, thread-locals, sections that block,
//! deep stacks, cancellation.

use super::kinds::Kind;
use super::servers::converse;
use super::world::{User, assert_planned, panic_as_planned};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use standin::engine::{self, is_cancelled};
use standin::net::{TcpListener, TcpStream};
use standin::sync::Mutex;
use standin::thread::{self, Builder};
use std::cell::Cell;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// Leaves a mark in thread-locals, to see later whether they are still this thread's.
pub(crate) fn mark(user: &User) {
    LOCALS.with(|locals| locals.set(user.number()));
    if user.world.is_monitored() {
        // On pinned threads std's are those of the OS thread.
        STD_LOCALS.with(|locals| locals.set(user.number()));
    }
}

pub(crate) fn check_mark(user: &User) {
    user.count(Kind::Locals);
    assert_eq!(
        LOCALS.with(Cell::get),
        user.number(),
        "another thread's storage"
    );
    if user.world.is_monitored() {
        assert_eq!(
            STD_LOCALS.with(Cell::get),
            user.number(),
            "another thread's storage"
        );
    }
}

standin::thread_local! {
    static LOCALS: Cell<u64> = const { Cell::new(0) };
    static AT_END: Cell<Option<AtEnd>> = const { Cell::new(None) };
}

std::thread_local! {
    static STD_LOCALS: Cell<u64> = const { Cell::new(0) };
    static STD_AT_END: Cell<Option<AtEnd>> = const { Cell::new(None) };
}

/// Waits in its destructor, and says that it was dropped.
struct AtEnd {
    dropped: Arc<(Mutex<usize>, AtomicUsize)>,
    pause: Duration,
}

impl Drop for AtEnd {
    fn drop(&mut self) {
        let mut count = self.dropped.0.lock().expect("nobody panics here");
        thread::sleep(self.pause);
        *count += 1;
        drop(count);
        thread::yield_now();
        self.dropped.1.fetch_add(1, SeqCst);
    }
}

/// Threads whose thread-locals have destructors that wait for a lock, and for time; some panic before.
pub(crate) fn destructors(user: &mut User) {
    user.count(Kind::DestructorThatParks);
    let dropped = Arc::new((Mutex::new(0), AtomicUsize::new(0)));
    let threads: Vec<_> = (0..1 + user.random.below(3))
        .map(|_| {
            let dropped = dropped.clone();
            let panics = user.random.one_in(2);
            let thread = user.child(move |user| {
                let pause = user.random.microseconds(300);
                let at_end = || {
                    Some(AtEnd {
                        dropped: dropped.clone(),
                        pause,
                    })
                };
                AT_END.with(|slot| slot.set(at_end()));
                if user.world.is_monitored() {
                    STD_AT_END.with(|slot| slot.set(at_end()));
                } else {
                    drop(at_end());
                }
                if panics {
                    user.count(Kind::PanicInDestructorThatParks);
                    panic_as_planned();
                }
            });
            (thread, panics)
        })
        .collect();
    let count = threads.len();
    for (thread, panics) in threads {
        let result = thread.join();
        match panics {
            true => assert_planned(result),
            false => result.expect("it does nothing else"),
        }
    }
    // A thread is joined after its thread-locals were dropped, as with std.
    assert_eq!(dropped.1.load(SeqCst), 2 * count);
    assert_eq!(*dropped.0.lock().expect("nobody panics here"), 2 * count);
}

/// Threads that borrow from their parent, which may panic while they run.
pub(crate) fn scope(user: &mut User) {
    user.count(Kind::Scope);
    let count = 1 + user.random.below(4);
    let panics = user.random.one_in(3);
    let done = AtomicUsize::new(0);
    let result = catch_unwind(AssertUnwindSafe(|| {
        thread::scope(|scope| {
            for _ in 0..count {
                let mut child = user.derive();
                let done = &done;
                scope.spawn(move || {
                    child.pause(500);
                    if child.random.one_in(3) {
                        converse(&mut child);
                    }
                    done.fetch_add(1, SeqCst);
                });
            }
            if panics {
                user.count(Kind::PanicInScope);
                panic_as_planned();
            }
        });
    }));
    assert_eq!(done.load(SeqCst), count, "a scope ends after its threads");
    match panics {
        true => assert_planned(result),
        false => assert!(result.is_ok(), "nobody panicked"),
    }
}

/// A thread that panics, and this one.
pub(crate) fn panic(user: &mut User) {
    user.count(Kind::Panic);
    let converses = user.random.one_in(3);
    let panicked = user.spawn(Builder::new(), true, move |user| {
        if converses {
            converse(user);
        }
        user.pause(100);
        panic_as_planned();
    });
    if user.random.one_in(3) {
        user.count(Kind::PanicCaught);
        assert_planned::<()>(catch_unwind(|| panic_as_planned()));
        assert!(!thread::panicking(), "its panic was caught");
    }
    assert_planned::<()>(panicked.join());
}

/// Nobody waits for this one, which goes on when its parent has ended.
pub(crate) fn detach(user: &mut User) {
    user.count(Kind::Detached);
    let mortal = user.random.one_in(2);
    drop(user.spawn(Builder::new(), mortal, |user| {
        user.pause(2_000);
        converse(user);
    }));
}

/// A section in which the OS thread blocks, and which may panic.
pub(crate) fn blocking(user: &mut User) {
    user.count(Kind::Blocking);
    let key = user.random.next();
    let time = user.random.microseconds(1_000);
    let section = move || {
        std::thread::sleep(time);
        key
    };
    assert_eq!(engine::blocking(section).expect("an OS thread"), key);
    if user.random.one_in(3) {
        user.count(Kind::BlockingPanic);
        let section = || engine::blocking(|| panic_as_planned());
        assert_planned(catch_unwind(AssertUnwindSafe(section)));
    }
}

/// Blocks the OS thread by what standin does not know: the monitor has to notice.
pub(crate) fn unknown_sleep(user: &mut User) {
    user.count(Kind::UnknownSleep);
    std::thread::sleep(Duration::from_millis(20));
}

/// A thread that needs a large stack.
pub(crate) fn large_stack(user: &mut User) {
    user.count(Kind::LargeStack);
    let size = 512 << 10 << user.random.below(4);
    let deep = user.spawn(Builder::new().stack_size(size), false, move |user| {
        // A call takes a good kilobyte; half the stack.
        let depth = size / 4096;
        let sum = dig(user, depth);
        assert_eq!(sum, depth as u64 * (depth as u64 + 1) / 2);
    });
    deep.join().expect("the stack is as large as was asked for");
}

#[inline(never)]
fn dig(user: &mut User, depth: usize) -> u64 {
    let room = std::hint::black_box([depth as u8; 1024]);
    if depth == 0 {
        user.pause(100);
        return 0;
    }
    if depth.is_multiple_of(64) {
        thread::yield_now();
    }
    let below = dig(user, depth - 1);
    assert_eq!(
        std::hint::black_box(&room)[depth % 1024],
        depth as u8,
        "somebody else's stack"
    );
    below + depth as u64
}

/// Somebody's flag is raised, or somebody is unparked.
pub(crate) fn disturb(user: &mut User) {
    let Some(victim) = user.world.victim(&mut user.random) else {
        return;
    };
    if user.random.one_in(3) {
        user.count(Kind::Cancel);
        victim.cancel();
    } else {
        user.count(Kind::Unpark);
        victim.unpark();
    }
}

/// A thread that is cancelled at some moment while it does something that is not to go on for ever.
pub(crate) fn cancel(user: &mut User) {
    user.count(Kind::Cancel);
    let what = user.random.below(3);
    let thread = user.child(move |user| match what {
        0 => {
            user.count(Kind::AcceptCancelled);
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let error = listener.accept().expect_err("nobody connects");
            assert!(is_cancelled(&error), "{error}");
        }
        1 => thread::sleep(Duration::from_secs(100_000)),
        _ => {
            while !user.is_cancelled() {
                converse(user);
                user.pause(100);
            }
        }
    });
    user.pause(1_000);
    thread.thread().cancel();
    thread.join().expect("it ends");
}

/// An own listener: somebody connects in time, or not.
pub(crate) fn accept(user: &mut User) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let timeout = Some(Duration::from_millis(1));
    // std has no method for it, but the system has a timeout for accepting.
    set_socket_timeout(&listener, Timeout::Recv, timeout).expect("it is a socket");
    let listener = TcpListener::from(listener);
    let address = listener.local_addr().expect("bound");
    let visitor = user.child(move |user| {
        user.pause(2_000);
        user.count(Kind::ConnectAndLeave);
        drop(TcpStream::connect(address).expect("it listens"));
    });
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                user.count(Kind::Accept);
                drop(stream);
                break;
            }
            Err(error) if is_cancelled(&error) => {
                assert!(user.is_cancelled(), "nobody has cancelled it");
                user.count(Kind::SawItsCancellation);
                break;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                user.count(Kind::AcceptTimedOut);
            }
        }
    }
    visitor.join().expect("it only connects");
}
