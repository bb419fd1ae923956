//! Sockets whose users are on another processor each time, for thousands of rounds.

use crate::support::{Subject, pair};
use standin::engine::GREEN;
use standin::net::UdpSocket;
use standin::os::unix::net::{UnixDatagram, UnixStream};
use standin::sync::mpsc;
use standin::thread;
use std::collections::HashSet;
use std::io::{self, Read, Write};

/// How often the socket is used, by one thread after the other.
const ROUNDS: u32 = 4_000;
const USERS: u32 = 4;

/// A word to the other end, and from it.
trait End: Send + Sync + 'static {
    fn put(&self, word: [u8; 4]) -> io::Result<()>;
    fn take(&self) -> io::Result<[u8; 4]>;
}

type Ends = (Box<dyn End>, Box<dyn End>);

/// `near` is used by four threads in turn; `far`, by another one, sends everything back.
fn moves_for_ever(on: &Subject, pair: fn() -> Ends) {
    let environment = [("STANDIN_TEST", "hop"), ("STANDIN_WORKERS", "4")];
    on.isolated(&environment, || {
        let (near, far) = pair();
        let users = on.run(|| converse(&*near, &*far));
        assert!(
            on.engine != GREEN || users.len() > 1,
            "one OS thread had it all the time"
        );
    })
    .succeeds();
}

/// Returns the OS threads on which the near end was used.
fn converse(near: &dyn End, far: &dyn End) -> HashSet<i32> {
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                let word = far.take().expect("connected");
                far.put(word).expect("connected");
            }
        });
        let (turns, waiting): (Vec<_>, Vec<_>) = (0..USERS).map(|_| mpsc::channel::<u32>()).unzip();
        turns[0].send(0).expect("it is received");
        let users: Vec<_> = waiting
            .into_iter()
            .enumerate()
            .map(|(number, turn)| {
                let next = turns[(number + 1) % turns.len()].clone();
                scope.spawn(move || {
                    let mut on = HashSet::new();
                    while let Ok(round) = turn.recv() {
                        if round == ROUNDS {
                            // The one before it may have ended.
                            let _ = next.send(ROUNDS);
                            break;
                        }
                        on.insert(rustix::thread::gettid().as_raw_nonzero().get());
                        let word = round.to_ne_bytes();
                        near.put(word).expect("connected");
                        assert_eq!(near.take().expect("connected"), word);
                        next.send(round + 1).expect("its turn comes again");
                    }
                    on
                })
            })
            .collect();
        drop(turns);
        let used = users.into_iter().map(|user| user.join().expect("no panic"));
        used.flatten().collect()
    })
}

pub(crate) fn a_stream_that_moves_for_ever(on: &Subject) {
    moves_for_ever(on, || {
        let (near, far) = pair();
        near.set_nodelay(true).expect("open");
        far.set_nodelay(true).expect("open");
        (Box::new(Stream(near)), Box::new(Stream(far)))
    });
}

pub(crate) fn a_unix_stream_that_moves_for_ever(on: &Subject) {
    moves_for_ever(on, || {
        let (near, far) = UnixStream::pair().expect("descriptors are free");
        (Box::new(Stream(near)), Box::new(Stream(far)))
    });
}

pub(crate) fn datagrams_that_move_for_ever(on: &Subject) {
    moves_for_ever(on, || {
        let ends = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a port is free"));
        let addresses = [0, 1].map(|n: usize| ends[n].local_addr().expect("it is bound"));
        let [near, far] = ends;
        near.connect(addresses[1]).expect("it is an address");
        far.connect(addresses[0]).expect("it is an address");
        (Box::new(near), Box::new(far))
    });
}

pub(crate) fn unix_datagrams_that_move_for_ever(on: &Subject) {
    moves_for_ever(on, || {
        let (near, far) = UnixDatagram::pair().expect("descriptors are free");
        (Box::new(near), Box::new(far))
    });
}

struct Stream<S>(S);

impl<S: Send + Sync + 'static> End for Stream<S>
where
    for<'a> &'a S: Read + Write,
{
    fn put(&self, word: [u8; 4]) -> io::Result<()> {
        (&self.0).write_all(&word)
    }

    fn take(&self) -> io::Result<[u8; 4]> {
        let mut word = [0; 4];
        (&self.0).read_exact(&mut word)?;
        Ok(word)
    }
}

impl End for UdpSocket {
    fn put(&self, word: [u8; 4]) -> io::Result<()> {
        self.send(&word).map(drop)
    }

    fn take(&self) -> io::Result<[u8; 4]> {
        let mut word = [0; 4];
        self.recv(&mut word)?;
        Ok(word)
    }
}

impl End for UnixDatagram {
    fn put(&self, word: [u8; 4]) -> io::Result<()> {
        self.send(&word).map(drop)
    }

    fn take(&self) -> io::Result<[u8; 4]> {
        let mut word = [0; 4];
        self.recv(&mut word)?;
        Ok(word)
    }
}
