//! What is measured, once for std and once for standin, on OS threads both: the seconds that it takes.

use super::shapes::net::{TcpListener, TcpStream};
use super::shapes::sync::{Arc, Barrier, Mutex, mpsc};
use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write};
use std::thread;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Does so many times of one piece of work.
pub(crate) type Body = fn(u64) -> Result<f64>;

/// In the order of `plain::WORK`.
pub(crate) const ALL: [Body; 7] = [
    lock,
    lock_by_two,
    send_and_receive,
    send_and_receive_bounded,
    stream_of_messages,
    turns,
    echo,
];

const MESSAGE: [u8; 64] = [b'x'; 64];
/// How many messages the bounded channels hold.
const CAPACITY: usize = 100;

fn lock(n: u64) -> Result<f64> {
    let mutex = Mutex::new(0);
    let start = Instant::now();
    for _ in 0..n {
        *black_box(&mutex).lock().expect("nobody panics") += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    is_right(mutex.into_inner().expect("nobody panics"), n)?;
    Ok(seconds)
}

fn lock_by_two(n: u64) -> Result<f64> {
    let (mutex, barrier) = (Mutex::new(0), Barrier::new(2));
    let locks = || {
        barrier.wait();
        let start = Instant::now();
        for _ in 0..n / 2 {
            *mutex.lock().expect("nobody panics") += 1;
        }
        start.elapsed().as_secs_f64()
    };
    let seconds = thread::scope(|scope| {
        let other = scope.spawn(locks);
        let own = locks();
        own.max(other.join().expect("nobody panics"))
    });
    is_right(mutex.into_inner().expect("nobody panics"), n)?;
    Ok(seconds)
}

/// By one thread: nobody waits.
fn send_and_receive(n: u64) -> Result<f64> {
    let (sender, receiver) = mpsc::channel();
    let start = Instant::now();
    let mut sum = 0;
    for i in 0..n {
        sender.send(i)?;
        sum += receiver.recv()?;
    }
    let seconds = start.elapsed().as_secs_f64();
    is_right(sum, n * (n - 1) / 2)?;
    Ok(seconds)
}

fn send_and_receive_bounded(n: u64) -> Result<f64> {
    let (sender, receiver) = mpsc::sync_channel(CAPACITY);
    let start = Instant::now();
    let mut sum = 0;
    for i in 0..n {
        sender.send(i)?;
        sum += receiver.recv()?;
    }
    let seconds = start.elapsed().as_secs_f64();
    is_right(sum, n * (n - 1) / 2)?;
    Ok(seconds)
}

/// From one thread to another, which waits where it is faster.
fn stream_of_messages(n: u64) -> Result<f64> {
    let (sender, receiver) = mpsc::channel();
    let barrier = Arc::new(Barrier::new(2));
    let begin = barrier.clone();
    let sends = thread::spawn(move || {
        begin.wait();
        (0..n).for_each(|i| sender.send(i).expect("the receiver receives to the end"));
    });
    barrier.wait();
    let start = Instant::now();
    let sum = receiver.iter().sum();
    let seconds = start.elapsed().as_secs_f64();
    sends.join().expect("nobody panics");
    is_right(sum, n * (n - 1) / 2)?;
    Ok(seconds)
}

/// A message to another thread, and the answer: each waits for the other.
fn turns(n: u64) -> Result<f64> {
    let (ping, pinged) = mpsc::sync_channel(1);
    let (pong, ponged) = mpsc::sync_channel(1);
    let answers = thread::spawn(move || {
        pinged
            .iter()
            .for_each(|message: u64| pong.send(message).expect("the asker waits for the answer"));
    });
    let start = Instant::now();
    for i in 0..n {
        ping.send(i)?;
        is_right(ponged.recv()?, i)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    drop(ping);
    answers.join().expect("nobody panics");
    Ok(seconds)
}

/// 64 bytes over a TCP stream to another thread, and back.
fn echo(n: u64) -> Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let answers = thread::spawn(move || -> Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut buffer = [0; MESSAGE.len()];
        for _ in 0..n {
            stream.read_exact(&mut buffer)?;
            stream.write_all(&buffer)?;
        }
        Ok(())
    });
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut buffer = [0; MESSAGE.len()];
    let start = Instant::now();
    for _ in 0..n {
        stream.write_all(&MESSAGE)?;
        stream.read_exact(&mut buffer)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    answers.join().expect("nobody panics")?;
    match buffer == MESSAGE {
        true => Ok(seconds),
        false => Err("the answer has other bytes than were sent".into()),
    }
}

fn is_right(found: u64, expected: u64) -> Result<()> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("expected {expected}, found {found}").into()),
    }
}
