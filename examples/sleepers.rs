//! Many threads that each sleep once: what does a thread cost?
//!
//!     cargo run --release --features green,async,threads,may --example sleepers [THREADS [MILLISECONDS]]
//!
//! 10,000 threads that sleep 10 ms are the experiment by which gevent and asyncio are
//! usually compared. Each engine runs it in a process of its own.

use standin::thread;
use standin::time::{Duration, Instant};
use std::error::Error;

#[path = "common/engines.rs"]
mod engines;
#[path = "common/measure.rs"]
mod measure;
#[path = "common/table.rs"]
mod table;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, engine, count, pause] = arguments.as_slice()
        && flag == "--on"
    {
        return measured(
            engine,
            count.parse()?,
            Duration::from_millis(pause.parse()?),
        );
    }
    let number = |i: usize, default: u64| match arguments.get(i) {
        Some(text) => text
            .parse()
            .map_err(|_| format!("{text:?} is not a number: sleepers [THREADS [MILLISECONDS]]")),
        None => Ok(default),
    };
    let (count, pause) = (number(0, 10_000)?, number(1, 10)?);

    let head = [
        "engine",
        "seconds",
        "peak memory",
        "KiB a thread",
        "OS threads",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for engine in engines::names() {
        let words = ["--on", engine, &count.to_string(), &pause.to_string()];
        let run = measure::Run::of_self(words, "")?;
        let value = |key| run.value(key).and_then(|text| text.parse::<f64>().ok());
        rows.push(match (value("seconds"), value("before"), value("peak")) {
            (Some(seconds), Some(before), Some(peak)) => vec![
                engine.to_string(),
                format!("{seconds:.3}"),
                format!("{:.1} MiB", peak / 1024.0),
                format!("{:.2}", (peak - before) / count as f64),
                run.os_threads.to_string(),
            ],
            _ => vec![engine.to_string(), format!("failed: {}", run.status)],
        });
    }
    println!("{count} threads, each sleeping {pause} ms:");
    table::print(&rows);
    Ok(())
}

/// The child's part: the experiment itself is `sleepers`.
fn measured(engine: &str, count: usize, pause: Duration) -> Result<(), Box<dyn Error>> {
    let before = measure::peak_resident_kib();
    let seconds = engines::run(engine, move || sleepers(count, pause))??;
    println!("seconds\t{seconds}");
    println!("before\t{before}");
    println!("peak\t{}", measure::peak_resident_kib());
    Ok(())
}

fn sleepers(count: usize, pause: Duration) -> std::io::Result<f64> {
    let start = Instant::now();
    let mut threads = Vec::with_capacity(count);
    for _ in 0..count {
        threads.push(thread::Builder::new().spawn(move || thread::sleep(pause))?);
    }
    for thread in threads {
        thread.join().expect("a sleeping thread does not panic");
    }
    Ok(start.elapsed().as_secs_f64())
}
