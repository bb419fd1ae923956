//! Thousands of connections that are open at once, each of which gets its answers.

use crate::common::wait::until;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use standin::engine::Engine;
use standin::net::{TcpListener, TcpStream};
use standin::sync::Barrier;
use standin::thread;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

const ROUNDS: usize = 3;
const LENGTH: usize = 200;
/// Whatever else is open.
const OTHERS: u64 = 100;

/// Opens `connections` at once, asks each several times, and checks every answer.
pub(crate) fn echo(engine: Engine, connections: usize) {
    let connections = allowed(connections);
    engine.run(move || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        // Room for all who have not been accepted yet, as far as the system allows: a connection that finds none
        // is tried again after a second.
        rustix::net::listen(&listener, 5000).expect("it is a listener");
        let address = listener.local_addr().expect("bound");
        let served = Arc::new(AtomicUsize::new(0));
        let server = {
            let served = served.clone();
            thread::spawn(move || {
                for _ in 0..connections {
                    let (stream, _) = listener.accept().expect("descriptors are free");
                    let served = served.clone();
                    thread::spawn(move || serve(stream, &served));
                }
            })
        };
        let all_are_open = Arc::new(Barrier::new(connections));
        let clients: Vec<_> = (0..connections)
            .map(|number| {
                let all_are_open = all_are_open.clone();
                thread::spawn(move || {
                    let mut stream = TcpStream::connect(address).expect("it listens");
                    for round in 0..ROUNDS {
                        if round == 1 {
                            all_are_open.wait();
                        }
                        ask(&mut stream, number * ROUNDS + round);
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().expect("every answer comes");
        }
        server.join().expect("it accepts all");
        until(|| served.load(SeqCst) == connections * ROUNDS);
    });
}

fn serve(mut stream: TcpStream, served: &AtomicUsize) {
    let mut question = [0; LENGTH];
    for _ in 0..ROUNDS {
        stream.read_exact(&mut question).expect("its client asks");
        stream.write_all(&question).expect("its client waits");
        served.fetch_add(1, SeqCst);
    }
    assert_eq!(stream.read(&mut question).expect("its client leaves"), 0);
}

fn ask(stream: &mut TcpStream, number: usize) {
    let mut question = [number as u8; LENGTH];
    question[..8].copy_from_slice(&number.to_le_bytes());
    stream.write_all(&question).expect("the server is there");
    let mut answer = [0; LENGTH];
    stream.read_exact(&mut answer).expect("the server answers");
    assert!(answer == question, "the answer to another question");
}

/// As many of `connections` as the limit on descriptors allows, which is raised for them.
fn allowed(connections: usize) -> usize {
    let needed = 2 * connections as u64 + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(needed).min(needed);
    if limit.current.is_some_and(|current| current < most) {
        let raised = Rlimit {
            current: Some(most),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).expect("it is not above the hard limit");
    }
    let allowed = (most - OTHERS) as usize / 2;
    if allowed < connections {
        eprintln!(
            "{connections} connections in one process take {needed} descriptors, and the hard limit is {most} \
             (`ulimit -Hn`): this runs with {allowed}"
        );
    }
    allowed
}
