//! Edition 2018: `crate::` paths, `dyn`, `async` is a keyword, `TryFrom` is not in the prelude.

use std::convert::TryFrom;
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

#[path = "../../conversations.rs"]
mod conversations;

type Job = Box<dyn FnOnce() -> u32 + Send>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("edition: 2018");
    println!("jobs: {}", pool()?);
    poison();
    waits_end();
    crate::conversations::run()?;
    Ok(())
}

/// A pool of threads on a channel without a buffer: each hand-over parks both sides.
fn pool() -> std::io::Result<u32> {
    let (submit, jobs) = sync_channel::<Job>(0);
    let jobs = Arc::new(Mutex::new(jobs));
    let total = Arc::new(RwLock::new(0));
    let workers: Vec<JoinHandle<()>> = (0..8)
        .map(|_| {
            let (jobs, total) = (Arc::clone(&jobs), Arc::clone(&total));
            std::thread::spawn(move || work(&jobs, &total))
        })
        .collect();
    for number in 0..200_i64 {
        let job: Job = Box::new(move || u32::try_from(number).unwrap());
        submit.send(job).expect("the workers live");
    }
    drop(submit);
    for worker in workers {
        worker.join().expect("no worker panics");
    }
    let total = *total.read().unwrap();
    Ok(total)
}

fn work(jobs: &Mutex<Receiver<Job>>, total: &RwLock<u32>) {
    loop {
        let job = match jobs.lock().unwrap().recv() {
            Ok(job) => job,
            Err(_) => return,
        };
        *total.write().unwrap() += job();
    }
}

/// The errors are std's own: `?` and downcasts work as ever.
fn poison() {
    let lock = Arc::new(Mutex::new(1));
    let poisoner = Arc::clone(&lock);
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let thread = std::thread::spawn(move || {
        let _guard = poisoner.lock().unwrap();
        panic!("with the lock");
    });
    let panic = thread.join().unwrap_err();
    std::panic::set_hook(quiet);
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"with the lock"));
    assert!(lock.is_poisoned());
    assert_eq!(
        *lock
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner),
        1
    );
}

fn waits_end() {
    let (_sender, receiver) = std::sync::mpsc::channel::<u8>();
    let start = Instant::now();
    let limit = Duration::from_millis(3);
    assert_eq!(receiver.recv_timeout(limit), Err(RecvTimeoutError::Timeout));
    std::thread::park_timeout(limit);
    let (lock, condvar) = (Mutex::new(()), Condvar::new());
    let (_guard, result) = condvar
        .wait_timeout_while(lock.lock().unwrap(), limit, |_| true)
        .unwrap();
    assert!(result.timed_out());
    assert!(start.elapsed() >= 2 * limit);
}
