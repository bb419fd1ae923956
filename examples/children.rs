//! A thousand child processes at once, and a thousand pipes, with a thread for each that waits for it.
//!
//!     cargo run --release --features green,async,threads --example children [THREADS]
//!
//! Each thread starts a `cat`, and when all of them run, sends its own a line and waits for its answer and its end. With
//! pipes, each reads a byte from one of its own, which is written once all are there. Each engine runs each in a process
//! of its own.

use standin::io::pipe;
use standin::process::{Command, Stdio};
use standin::sync::Barrier;
use standin::thread;
use standin::time::Instant;
use std::error::Error;
use std::io::{self, Read, Write};

#[path = "common/descriptors.rs"]
mod descriptors;
#[path = "common/engines.rs"]
mod engines;
#[path = "common/measure.rs"]
mod measure;
#[path = "common/table.rs"]
mod table;

/// Of a thread: its child's two streams and what the child is waited for by.
const DESCRIPTORS: u64 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, engine, what, count] = arguments.as_slice()
        && flag == "--on"
    {
        return measured(engine, what, count.parse()?);
    }
    let count: usize = match arguments.first() {
        Some(text) => text
            .parse()
            .map_err(|_| format!("{text:?} is not a number: children [THREADS]"))?,
        None => 1_000,
    };
    let limit = descriptors::raise_limit();
    let needed = count as u64 * DESCRIPTORS + 100;
    if limit < needed {
        return Err(format!(
            "{count} children need {needed} descriptors, and {limit} is the limit: raise it (ulimit -n), or say fewer"
        )
        .into());
    }

    let head = ["engine", "", "seconds", "peak memory", "OS threads"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for what in ["children", "pipes"] {
        for engine in engines::names() {
            let run = measure::Run::of_self(["--on", engine, what, &count.to_string()], "")?;
            let value = |key| run.value(key).and_then(|text| text.parse::<f64>().ok());
            let mut row = vec![engine.to_string(), what.to_string()];
            match (value("seconds"), value("peak")) {
                (Some(seconds), Some(peak)) => row.extend([
                    format!("{seconds:.3}"),
                    format!("{:.1} MiB", peak / 1024.0),
                    run.os_threads.to_string(),
                ]),
                _ => row.push(format!("failed: {}", run.status)),
            }
            rows.push(row);
        }
    }
    println!("{count} child processes at once, and {count} pipes, a thread for each:");
    table::print(&rows);
    Ok(())
}

/// The child's part.
fn measured(engine: &str, what: &str, count: usize) -> Result<(), Box<dyn Error>> {
    descriptors::raise_limit();
    let start = Instant::now();
    match what {
        "children" => engines::run(engine, move || children(count))??,
        _ => engines::run(engine, move || pipes(count))??,
    }
    println!("seconds\t{}", start.elapsed().as_secs_f64());
    println!("peak\t{}", measure::peak_resident_kib());
    Ok(())
}

fn children(count: usize) -> io::Result<()> {
    let all_run = Barrier::new(count);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|n| {
                let all_run = &all_run;
                scope.spawn(move || echoed(n, all_run))
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("no panic"))
    })
}

/// What `cat` makes of a line. One that could not be started is waited for like the others, and told afterwards.
fn echoed(n: usize, all_run: &Barrier) -> io::Result<()> {
    let mut cat = Command::new("cat");
    let child = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    all_run.wait();
    let mut child = child?;
    let line = format!("line {n}\n");
    let mut stdin = child.stdin.take().expect("a pipe was asked for");
    stdin.write_all(line.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    match output.status.success() && output.stdout == line.as_bytes() {
        true => Ok(()),
        false => Err(io::Error::other(format!("child {n}: {output:?}"))),
    }
}

fn pipes(count: usize) -> io::Result<()> {
    let pipes: Vec<_> = (0..count).map(|_| pipe()).collect::<io::Result<_>>()?;
    let all_run = Barrier::new(count + 1);
    thread::scope(|scope| {
        let mut writers = Vec::with_capacity(count);
        let mut threads = Vec::with_capacity(count);
        for (mut reader, writer) in pipes {
            writers.push(writer);
            let all_run = &all_run;
            threads.push(scope.spawn(move || {
                all_run.wait();
                let mut byte = [0];
                reader.read_exact(&mut byte).map(|()| byte)
            }));
        }
        all_run.wait();
        for mut writer in writers {
            writer.write_all(b"x")?;
        }
        for thread in threads {
            assert_eq!(thread.join().expect("no panic")?, *b"x");
        }
        Ok(())
    })
}
