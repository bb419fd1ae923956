//! A pool of threads that do jobs.

use standin::sync::mpsc::{self, Receiver, Sender};
use standin::sync::{Arc, Mutex, PoisonError};
use standin::thread::{self, JoinHandle};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

type Job = Box<dyn FnOnce() + Send>;

/// Threads that take jobs from one queue. Dropping it waits until all jobs are done.
pub struct Pool {
    /// `None` once no more jobs come.
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `threads` threads, at least one.
    pub fn new(threads: usize) -> Self {
        assert!(threads > 0, "a pool without threads would never do a job");
        let (jobs, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        let threads = (0..threads)
            .map(|_| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || work(&queue))
            })
            .collect();
        Self {
            jobs: Some(jobs),
            threads,
        }
    }

    /// Has a job done by some thread.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Promise<T> {
        let (done, result) = mpsc::channel();
        let jobs = self.jobs.as_ref().expect("there are jobs until the drop");
        let job = Box::new(move || {
            // Whoever does not want the result has dropped the promise.
            let _ = done.send(catch_unwind(AssertUnwindSafe(job)));
        });
        jobs.send(job)
            .expect("the threads live as long as the pool");
        Promise(result)
    }

    /// Applies a function to each item, and returns the results in the order of the items.
    pub fn map<I, T>(&self, items: Vec<I>, function: fn(I) -> T) -> Vec<T>
    where
        I: Send + 'static,
        T: Send + 'static,
    {
        let jobs = items
            .into_iter()
            .map(|item| self.run(move || function(item)));
        let promises: Vec<_> = jobs.collect();
        promises.into_iter().map(Promise::wait).collect()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(mpsc::RecvError) => return,
        }
    }
}

/// The result of a job to be.
pub struct Promise<T>(Receiver<thread::Result<T>>);

impl<T> Promise<T> {
    /// Waits for the result; panics if the job did.
    pub fn wait(self) -> T {
        let result = self.0.recv().expect("a job always ends");
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;
    use standin::sync::mpsc;
    use standin::testing::{self, assert_equivalent, on_every_engine};
    use standin::thread;
    use std::time::Duration;

    // Each is a test an engine: `pool::tests::results_are_in_order::green` and so on.
    standin::tests! {
        #[test]
        fn results_are_in_order() {
            let pool = Pool::new(4);
            let squares = pool.map((0..100_u64).collect(), |n| {
                testing::noise();
                n * n
            });
            assert!(squares.into_iter().eq((0..100).map(|n| n * n)));
        }

        #[test]
        fn a_thread_that_waits_stops_no_other() {
            let pool = Pool::new(2);
            let (sender, receiver) = mpsc::channel();
            let waits = pool.run(move || receiver.recv());
            assert_eq!(pool.run(|| 7).wait(), 7);
            sender.send("at last").unwrap();
            assert_eq!(waits.wait(), Ok("at last"));
        }

        #[test]
        #[should_panic(expected = "no such page")]
        fn a_panic_comes_to_whoever_waits() {
            Pool::new(1).run(|| panic!("no such page")).wait();
        }
    }

    // The promise that pinned threads take adds `green_pinned`, and the limit of this test is another one.
    standin::tests! {
        limit = Duration::from_secs(3600);
        // SAFETY: nothing in this program keeps a pointer from a thread-local, or a lock that standin does not
        // know, across a call that parks.
        pinned = unsafe { standin::engine::green::accept_pinned() };

        #[test]
        fn a_drop_waits_for_all_jobs() -> Result<(), mpsc::RecvError> {
            let (sender, receiver) = mpsc::channel();
            let pool = Pool::new(3);
            for n in 0..30 {
                let sender = sender.clone();
                pool.run(move || {
                    thread::sleep(Duration::from_micros(100));
                    sender.send(n)
                });
            }
            drop((pool, sender));
            let mut done = (0..30).map(|_| receiver.recv()).collect::<Result<Vec<_>, _>>()?;
            done.sort_unstable();
            assert!(done.into_iter().eq(0..30));
            Ok(())
        }
    }

    /// Three lines, and each engine runs them.
    #[test]
    fn a_job_is_done() {
        on_every_engine(|| assert_eq!(Pool::new(1).run(|| 7).wait(), 7));
    }

    /// Whatever the engine, the same comes out; what that is, is asserted as well.
    #[test]
    fn a_panic_loses_no_other_job() {
        let results = assert_equivalent(|| {
            let pool = Pool::new(2);
            let jobs = (0..10).map(|n| pool.run(move || assert!(n != 3, "not {n}")));
            let promises: Vec<_> = jobs.collect();
            let results = promises.into_iter().map(|promise| {
                let result = promise.0.recv().expect("it ends");
                result.map_err(|panic| *panic.downcast::<String>().expect("a message"))
            });
            results.collect::<Vec<_>>()
        });
        assert_eq!(results[3], Err("not 3".to_owned()));
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 9);
    }
}
