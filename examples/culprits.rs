//! Does a thread that blocks stop the others? A thousand threads sleep 1 ms again and again, alone and
//! beside culprits; how late do they wake?
//!
//!     STANDIN_WORKERS=2 cargo run --release --features green,threads --example culprits [SLEEPERS]
//!
//! The culprits are ten threads that sit in the kernel for a second each, by a call that
//! standin does not know; one that computes for a second; one that holds a lock of std's
//! while it sleeps, and one that waits for that lock.
//!
//! The engine `async` is left out: tokio gives a worker's tasks to nobody while one of them blocks it, so there the
//! culprits do stop others, by seconds.

use standin::thread;
use standin::time::{Duration, Instant};
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

#[path = "common/engines.rs"]
mod engines;
#[path = "common/table.rs"]
mod table;

const PAUSE: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    let count = match std::env::args().nth(1) {
        Some(text) => text
            .parse()
            .map_err(|_| format!("{text:?} is not a number: culprits [SLEEPERS]"))?,
        None => 1000,
    };
    let head = [
        "engine",
        "",
        "sleeps",
        "late: median",
        "99 %",
        "99.9 %",
        "most",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for engine in engines::names() {
        // A lock of std's across a sleep breaks the promise that pinned threads ask for.
        if matches!(engine, "async" | "may") || engine.ends_with("-pinned") {
            continue;
        }
        for with_culprits in [false, true] {
            let mut late = engines::run(engine, move || measure(count, with_culprits))??;
            late.sort_unstable();
            let at = |part: f64| {
                let index = ((late.len() - 1) as f64 * part) as usize;
                format!("{:.2} ms", f64::from(late[index]) / 1000.0)
            };
            rows.push(vec![
                engine.to_string(),
                (if with_culprits {
                    "with culprits"
                } else {
                    "alone"
                })
                .to_string(),
                late.len().to_string(),
                at(0.5),
                at(0.99),
                at(0.999),
                at(1.0),
            ]);
        }
    }
    println!("{count} threads that sleep 1 ms again and again:");
    table::print(&rows);
    Ok(())
}

/// How late each sleep ended, in microseconds.
fn measure(count: usize, with_culprits: bool) -> std::io::Result<Vec<u32>> {
    let done = Arc::new(AtomicBool::new(false));
    let mut sleepers = Vec::with_capacity(count);
    for _ in 0..count {
        let done = done.clone();
        sleepers.push(thread::Builder::new().spawn(move || sleep_until(&done))?);
    }
    thread::sleep(SECOND / 4);
    if with_culprits {
        for culprit in culprits()? {
            culprit.join().expect("a culprit does not panic");
        }
    } else {
        thread::sleep(SECOND);
    }
    done.store(true, Relaxed);
    let late = sleepers
        .into_iter()
        .flat_map(|sleeper| sleeper.join().expect("a sleeper does not panic"));
    Ok(late.collect())
}

fn sleep_until(done: &AtomicBool) -> Vec<u32> {
    let mut late = Vec::with_capacity(1024);
    while !done.load(Relaxed) {
        let start = Instant::now();
        thread::sleep(PAUSE);
        let over = start.elapsed().saturating_sub(PAUSE);
        late.push(over.as_micros().try_into().unwrap_or(u32::MAX));
    }
    late
}

fn culprits() -> std::io::Result<Vec<thread::JoinHandle<()>>> {
    let mut culprits = Vec::new();
    for _ in 0..10 {
        // std's own sleep: to standin an unknown call.
        culprits.push(thread::Builder::new().spawn(|| std::thread::sleep(SECOND))?);
    }
    culprits.push(thread::Builder::new().spawn(|| {
        let start = Instant::now();
        while start.elapsed() < SECOND {
            std::hint::spin_loop();
        }
    })?);
    let lock = Arc::new(Mutex::new(()));
    for _ in 0..2 {
        let lock = lock.clone();
        culprits.push(thread::Builder::new().spawn(move || {
            let _held = lock.lock().expect("nobody panics");
            thread::sleep(SECOND / 2);
        })?);
    }
    Ok(culprits)
}
