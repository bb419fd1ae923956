//! A free fiber is a thread, wherever it runs.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use super::{FREE, Job, PINNED, on_free};

thread_local! {
    static CELL: Cell<usize> = const { Cell::new(0) };
    static BORROWED: RefCell<Vec<usize>> = RefCell::new(Vec::with_capacity(1));
}

fn os_thread() -> i64 {
    // SAFETY: no preconditions.
    unsafe { libc::syscall(libc::SYS_gettid) }
}

fn errno() -> &'static Cell<i32> {
    // SAFETY: the running thread's errno, which callers use before they stop
    // for the next time.
    unsafe { &*libc::__errno_location().cast::<Cell<i32>>() }
}

/// Stops often and checks each time that all it holds is still its own.
fn hold_everything(number: usize, rounds: usize, mutex: &Mutex<usize>) {
    let id = thread::current().id();
    CELL.set(number);
    let address = CELL.with(std::ptr::from_ref);
    BORROWED.with(|vector| {
        let mut vector = vector.borrow_mut();
        assert!(vector.is_empty());
        let mut guard = mutex.lock().unwrap();
        let mut before = os_thread();
        for round in 0..rounds {
            vector.push(round);
            errno().set(1000 + number as i32);
            super::stop();
            assert_eq!(errno().get(), 1000 + number as i32);
            assert_eq!(CELL.get(), number);
            assert!(std::ptr::eq(address, CELL.with(std::ptr::from_ref)));
            assert_eq!(thread::current().id(), id);
            assert!(mutex.try_lock().is_err());
            assert_ne!(os_thread(), before, "this round did not move");
            before = os_thread();
            *guard += 1;
        }
        assert_eq!(vector.len(), rounds);
    });
}

#[test]
fn a_thousand_move_between_two_os_threads_at_each_resume() {
    const JOBS: usize = 1_200;
    const ROUNDS: usize = 30;
    let mutexes: Vec<_> = (0..JOBS).map(|_| Arc::new(Mutex::new(0))).collect();
    let jobs: Vec<Job> = mutexes
        .iter()
        .enumerate()
        .map(|(number, mutex)| {
            let mutex = Arc::clone(mutex);
            Job::new(&FREE, move |_| hold_everything(number, ROUNDS, &mutex))
        })
        .collect();

    fn serve(incoming: Receiver<Job>, outgoing: Sender<Job>, done: Sender<Job>) {
        // Ends when the other side has nothing left to send.
        while let Ok(mut job) = incoming.recv() {
            let ended = job.resume();
            let to = if ended { &done } else { &outgoing };
            if to.send(job).is_err() {
                return;
            }
        }
    }
    let (to_left, left) = channel();
    let (to_right, right) = channel();
    let (done, finished) = channel();
    for (index, job) in jobs.into_iter().enumerate() {
        let side = if index % 2 == 0 { &to_left } else { &to_right };
        side.send(job).unwrap();
    }
    let left_done = done.clone();
    thread::spawn(move || serve(left, to_right, left_done));
    thread::spawn(move || serve(right, to_left, done));
    for _ in 0..JOBS {
        FREE.give(finished.recv().unwrap().fiber);
    }
    for mutex in mutexes {
        assert_eq!(*mutex.lock().unwrap(), ROUNDS);
    }
}

#[test]
fn unwinding_may_stop_and_move() {
    struct StopsOnDrop;
    impl Drop for StopsOnDrop {
        fn drop(&mut self) {
            assert!(thread::panicking());
            for _ in 0..10 {
                super::stop();
                assert!(thread::panicking());
            }
        }
    }
    let mut job = Job::new(&FREE, |_| {
        let caught = std::panic::catch_unwind(|| {
            let _guard = StopsOnDrop;
            std::panic::resume_unwind(Box::new(7));
        });
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&7));
        assert!(!thread::panicking());
    });
    loop {
        let ended = thread::scope(|scope| scope.spawn(|| job.resume()).join().unwrap());
        assert!(!thread::panicking());
        if ended {
            break;
        }
    }
    FREE.give(job.fiber);
}

#[test]
fn each_has_its_own_id_and_resolver() {
    unsafe extern "C" {
        fn __res_state() -> *mut libc::c_void;
    }
    // SAFETY: no preconditions.
    let resolver = || unsafe { __res_state() } as usize;
    let (sender, receiver) = channel();
    let jobs: Vec<_> = (0..20)
        .map(|_| {
            let sender = sender.clone();
            let mut job = Job::new(&FREE, move |_| {
                sender.send((thread::current().id(), resolver())).unwrap();
                super::stop();
            });
            assert!(!job.resume());
            job
        })
        .collect();
    let seen: Vec<_> = receiver.try_iter().collect();
    let ids: HashSet<_> = seen.iter().map(|(id, _)| *id).collect();
    let resolvers: HashSet<_> = seen.iter().map(|(_, resolver)| *resolver).collect();
    assert_eq!((ids.len(), resolvers.len()), (20, 20));
    assert!(!ids.contains(&thread::current().id()));
    for job in jobs {
        FREE.give(job.run());
    }
}

#[test]
fn memory_is_freed_by_others() {
    let (sender, receiver) = channel::<Vec<Vec<u8>>>();
    let receiver = Mutex::new(receiver);
    let receiver = Arc::new(receiver);
    let blocks = |seed: usize| -> Vec<Vec<u8>> {
        (0..200)
            .map(|index| vec![seed as u8; 1 + (seed * 7919 + index * 613) % 3_000])
            .collect()
    };
    let mut jobs: Vec<Job> = (0..100)
        .map(|number| {
            let (sender, receiver) = (sender.clone(), Arc::clone(&receiver));
            Job::new(&FREE, move |_| {
                for round in 0..5 {
                    sender.send(blocks(number + round)).unwrap();
                    super::stop();
                    let others = receiver.lock().unwrap().recv().unwrap();
                    for block in others {
                        assert!(block.iter().all(|byte| *byte == block[0]));
                    }
                }
            })
        })
        .collect();
    // Halves go to two OS threads and change sides each round.
    while !jobs.is_empty() {
        let middle = jobs.len() / 2;
        let (left, right) = jobs.split_at_mut(middle);
        let ended: Vec<bool> = thread::scope(|scope| {
            let left = scope.spawn(|| left.iter_mut().map(Job::resume).collect::<Vec<_>>());
            let right = scope.spawn(|| right.iter_mut().map(Job::resume).collect::<Vec<_>>());
            let mut ended = left.join().unwrap();
            ended.extend(right.join().unwrap());
            ended
        });
        let mut ended = ended.into_iter();
        let (done, rest): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|_| ended.next().unwrap());
        FREE.give_many(
            FREE.default_class().unwrap(),
            done.into_iter().map(|job| job.fiber),
        );
        jobs = rest;
        jobs.reverse();
    }
}

#[test]
fn recursive_and_robust_mutexes_know_their_owner() {
    /// A C mutex that lives as long as the process.
    struct Raw(*mut libc::pthread_mutex_t);
    // SAFETY: C's mutexes are made to be shared.
    unsafe impl Send for Raw {}
    // SAFETY: as above.
    unsafe impl Sync for Raw {}

    fn new(kind: i32, robust: bool) -> &'static Raw {
        let mut attributes = std::mem::MaybeUninit::uninit();
        let mutex = Box::into_raw(Box::new(libc::PTHREAD_MUTEX_INITIALIZER));
        // SAFETY: each is initialised before it is used.
        unsafe {
            let attributes = attributes.as_mut_ptr();
            assert_eq!(libc::pthread_mutexattr_init(attributes), 0);
            assert_eq!(libc::pthread_mutexattr_settype(attributes, kind), 0);
            if robust {
                let robust = libc::PTHREAD_MUTEX_ROBUST;
                assert_eq!(libc::pthread_mutexattr_setrobust(attributes, robust), 0);
            }
            assert_eq!(libc::pthread_mutex_init(mutex, attributes), 0);
        }
        Box::leak(Box::new(Raw(mutex)))
    }
    for (kind, robust) in [
        (libc::PTHREAD_MUTEX_RECURSIVE, false),
        (libc::PTHREAD_MUTEX_NORMAL, true),
    ] {
        let mutex = new(kind, robust);
        let mut owner = Job::new(&FREE, move |_| {
            // SAFETY: an initialised mutex, unlocked by the same thread.
            unsafe {
                assert_eq!(libc::pthread_mutex_lock(mutex.0), 0);
                super::stop();
                assert_eq!(libc::pthread_mutex_unlock(mutex.0), 0);
            }
        });
        assert!(!owner.resume());
        on_free(move || {
            // SAFETY: an initialised mutex.
            assert_eq!(unsafe { libc::pthread_mutex_trylock(mutex.0) }, libc::EBUSY);
        });
        thread::scope(|scope| scope.spawn(|| assert!(owner.resume())).join().unwrap());
        FREE.give(owner.fiber);
        on_free(move || {
            // SAFETY: as above.
            unsafe {
                assert_eq!(libc::pthread_mutex_trylock(mutex.0), 0);
                assert_eq!(libc::pthread_mutex_unlock(mutex.0), 0);
            }
        });
    }
}

#[test]
fn a_fiber_may_fork_and_start_os_threads() {
    on_free(|| {
        let id = thread::current().id();
        let other = thread::spawn(|| thread::current().id()).join().unwrap();
        assert_ne!(id, other);

        // SAFETY: the child calls nothing but `_exit`.
        let process = unsafe { libc::fork() };
        assert!(process >= 0);
        if process == 0 {
            // SAFETY: no preconditions.
            unsafe { libc::_exit(42) };
        }
        let mut status = 0;
        // SAFETY: the status is written to; the process is this one's child.
        assert_eq!(unsafe { libc::waitpid(process, &mut status, 0) }, process);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 42);

        let output = std::process::Command::new("/bin/echo")
            .arg("here")
            .output()
            .unwrap();
        assert_eq!(output.stdout, b"here\n");
    });
}

#[test]
fn fibers_may_nest() {
    on_free(|| {
        CELL.set(1);
        let mut inner = Job::new(&FREE, |_| {
            assert_eq!(CELL.get(), 0);
            CELL.set(2);
            super::stop();
            assert_eq!(CELL.get(), 2);
        });
        assert!(!inner.resume());
        assert_eq!(CELL.get(), 1);
        FREE.give(inner.run());
        assert_eq!(CELL.get(), 1);
    });
}

#[test]
fn pinned_fibers_share_their_os_threads_storage() {
    let (sender, receiver) = channel();
    let mut jobs: Vec<Job> = (0..100)
        .map(|number| {
            let sender = sender.clone();
            Job::new(&PINNED, move |suspender| {
                for round in 0..10 {
                    CELL.set(CELL.get() + 1);
                    sender.send((number, round)).unwrap();
                    suspender.suspend(super::STOPPED);
                }
            })
        })
        .collect();
    CELL.set(0);
    for round in 0..10 {
        for (number, job) in jobs.iter_mut().enumerate() {
            assert!(!job.resume());
            assert_eq!(receiver.try_recv(), Ok((number, round)));
        }
    }
    assert_eq!(CELL.get(), 1_000);
    for job in jobs {
        PINNED.give(job.run());
    }
}
