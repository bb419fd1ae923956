//! Threads that keep their worker busy among themselves do not keep the others from running: those that an OS thread or a
//! deadline made ready, and those that wait for I/O. may looks for all of these only when its queue is empty.

use super::common::isolated::{self};
use super::{moved, pinned};
use standin::engine::{self, Engine};
use standin::net::{TcpListener, TcpStream};
use standin::sync::mpsc;
use standin::thread;
use std::io::{Read, Write};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

/// Keeps the one worker busy by `busy`, which runs in several threads until it is told to stop, until each kind of wait
/// has come to its end.
#[track_caller]
fn lets_others_run<F: Fn(&AtomicBool) + Sync>(busy: F) {
    let test = isolated::test_of(&busy);
    for name in ["may", "may-pinned"] {
        let environment = [("STANDIN_WORKERS", "1"), ("TEST_ENGINE", name)];
        isolated::named(test, &environment, || {
            let engine = match name {
                "may" => moved(),
                _ => pinned(),
            };
            beside_waits(engine, &busy);
        })
        .succeeds();
    }
}

fn beside_waits(engine: Engine, busy: &(impl Fn(&AtomicBool) + Sync)) {
    engine.run(|| {
        let stop = &AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| busy(stop));
            }
            for _ in 0..5 {
                thread::sleep(Duration::from_millis(1));
                engine::blocking(|| ()).expect("OS threads are to be had");
                exchange();
                scope.spawn(|| ()).join().expect("no panic");
            }
            stop.store(true, Release);
        });
    });
}

fn exchange() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("bound");
    let client = std::thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        stream.write_all(b"x").expect("connected");
        stream.read_exact(&mut [0]).expect("it is answered");
    });
    let mut stream: TcpStream = listener.accept().expect("one connects").0;
    stream.read_exact(&mut [0]).expect("it was sent");
    stream.write_all(b"y").expect("connected");
    engine::blocking(|| client.join().expect("no panic")).expect("OS threads are to be had");
}

#[test]
fn threads_that_yield() {
    lets_others_run(|stop| {
        while !stop.load(Acquire) {
            thread::yield_now();
        }
    });
}

#[test]
fn threads_that_wake_each_other() {
    lets_others_run(|stop| {
        let (ping, pinged) = mpsc::sync_channel(1);
        let (pong, ponged) = mpsc::sync_channel(1);
        thread::scope(|scope| {
            scope.spawn(move || {
                pinged
                    .into_iter()
                    .for_each(|n: u32| pong.send(n).expect("heard"))
            });
            while !stop.load(Acquire) {
                ping.send(1).expect("heard");
                assert_eq!(ponged.recv(), Ok(1));
            }
            drop(ping);
        });
    });
}

#[test]
fn threads_that_never_have_to_wait() {
    lets_others_run(|stop| {
        let (sender, receiver) = mpsc::channel();
        while !stop.load(Acquire) {
            sender.send(1).expect("there is a receiver");
            assert_eq!(receiver.recv(), Ok(1));
        }
    });
}
