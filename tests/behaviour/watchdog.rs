//! Ends the process if a test hangs, and says which.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Much longer than any test takes on the slowest machine.
const LIMIT: Duration = Duration::from_secs(300);

static RUNNING: LazyLock<Mutex<HashMap<String, Instant>>> = LazyLock::new(|| {
    thread::spawn(patrol);
    Mutex::default()
});

/// A test that runs.
pub struct Watched(String);

/// Watches a test until what this returns is dropped.
pub fn watch(name: String) -> Watched {
    running().insert(name.clone(), Instant::now());
    Watched(name)
}

impl Drop for Watched {
    fn drop(&mut self) {
        running().remove(&self.0);
    }
}

fn running() -> MutexGuard<'static, HashMap<String, Instant>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn patrol() {
    loop {
        thread::sleep(Duration::from_secs(5));
        for (name, since) in running().iter() {
            if since.elapsed() > LIMIT {
                eprintln!("the test {name} has been running for more than {LIMIT:?}: it hangs");
                std::process::abort();
            }
        }
    }
}
