//! What is measured, once for std and once for standin: the seconds that it takes.

// On std, conversions into std's types are conversions into themselves.
#![allow(clippy::useless_conversion)]

use super::shapes::{fs, io, net, thread};
use crate::material::{BLOCK, Material};
use fs::{File, OpenOptions};
use std::error::Error;
use std::io::{Read, Seek, Write};
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Of one piece of work.
pub(crate) type Body = fn(&Material) -> Result<f64>;

/// In the order of `streams::WORK`.
pub(crate) const ALL: [Body; 7] = [
    read,
    write,
    copy_files,
    pipe,
    turns,
    copy_to_stream,
    copy_from_pipe,
];

/// Reads the file from its beginning to its end, as often as is asked for.
fn read(material: &Material) -> Result<f64> {
    let mut file = File::open(&material.source)?;
    let mut block = vec![0; BLOCK];
    let start = Instant::now();
    for _ in 0..material.passes {
        file.rewind()?;
        let mut all = 0;
        loop {
            match file.read(&mut block)? {
                0 => break,
                got => all += got,
            }
        }
        is_right(all, material.bytes)?;
    }
    Ok(start.elapsed().as_secs_f64())
}

/// Writes over a file that the kernel has in memory.
fn write(material: &Material) -> Result<f64> {
    let mut file = OpenOptions::new().write(true).open(&material.target)?;
    let block = vec![b'x'; BLOCK];
    let start = Instant::now();
    for _ in 0..material.passes {
        file.rewind()?;
        for _ in 0..material.bytes / BLOCK {
            file.write_all(&block)?;
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

fn copy_files(material: &Material) -> Result<f64> {
    let mut from = File::open(&material.source)?;
    let mut to = OpenOptions::new().write(true).open(&material.target)?;
    let start = Instant::now();
    for _ in 0..material.passes {
        from.rewind()?;
        to.rewind()?;
        is_right(io::copy(&mut from, &mut to)? as usize, material.bytes)?;
    }
    Ok(start.elapsed().as_secs_f64())
}

/// From one thread to another.
fn pipe(material: &Material) -> Result<f64> {
    let (mut reader, mut writer) = io::pipe()?;
    let count = material.bytes * material.passes / BLOCK;
    let start = Instant::now();
    let writing = thread::spawn(move || {
        let block = vec![b'x'; BLOCK];
        (0..count).try_for_each(|_| writer.write_all(&block))
    });
    let mut block = vec![0; BLOCK];
    let mut all = 0;
    loop {
        match reader.read(&mut block)? {
            0 => break,
            got => all += got,
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    writing.join().expect("no panic")?;
    is_right(all, count * BLOCK)?;
    Ok(seconds)
}

/// A byte there and back, by two pipes, with a thread at either end.
fn turns(material: &Material) -> Result<f64> {
    let (mut there, mut to_there) = io::pipe()?;
    let (mut here, mut to_here) = io::pipe()?;
    let count = material.turns;
    let start = Instant::now();
    let other = thread::spawn(move || -> std::io::Result<()> {
        let mut byte = [0];
        for _ in 0..count {
            there.read_exact(&mut byte)?;
            to_here.write_all(&byte)?;
        }
        Ok(())
    });
    let mut byte = [0];
    for _ in 0..count {
        to_there.write_all(&byte)?;
        here.read_exact(&mut byte)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    other.join().expect("no panic")?;
    Ok(seconds)
}

/// By `io::copy`, to an OS thread that reads.
fn copy_to_stream(material: &Material) -> Result<f64> {
    let mut from = File::open(&material.source)?;
    let (mut to, reading) = stream()?;
    let start = Instant::now();
    for _ in 0..material.passes {
        from.rewind()?;
        is_right(io::copy(&mut from, &mut to)? as usize, material.bytes)?;
    }
    drop(to);
    let all = reading.join().expect("no panic")?;
    let seconds = start.elapsed().as_secs_f64();
    is_right(all, material.bytes * material.passes)?;
    Ok(seconds)
}

/// By `io::copy`, from an OS thread that writes to one that reads.
fn copy_from_pipe(material: &Material) -> Result<f64> {
    let (reader, mut writer) = std::io::pipe()?;
    let mut reader = io::PipeReader::from(reader);
    let (mut to, reading) = stream()?;
    let count = material.bytes * material.passes / BLOCK;
    let start = Instant::now();
    let writing = std::thread::spawn(move || {
        let block = vec![b'x'; BLOCK];
        (0..count).try_for_each(|_| writer.write_all(&block))
    });
    is_right(io::copy(&mut reader, &mut to)? as usize, count * BLOCK)?;
    drop(to);
    let all = reading.join().expect("no panic")?;
    let seconds = start.elapsed().as_secs_f64();
    writing.join().expect("no panic")?;
    is_right(all, count * BLOCK)?;
    Ok(seconds)
}

/// A connection, and the OS thread that reads what is sent on it, and counts.
fn stream() -> Result<(
    net::TcpStream,
    std::thread::JoinHandle<std::io::Result<usize>>,
)> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let stream = net::TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    let reading = std::thread::spawn(move || {
        let mut block = vec![0; BLOCK];
        let mut all = 0;
        loop {
            match far.read(&mut block)? {
                0 => return Ok(all),
                got => all += got,
            }
        }
    });
    Ok((stream, reading))
}

fn is_right(got: usize, expected: usize) -> Result<()> {
    match got == expected {
        true => Ok(()),
        false => Err(format!("{got} bytes and not {expected}").into()),
    }
}
