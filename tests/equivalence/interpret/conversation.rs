//! TCP conversations.

use super::shapes::net::{Shutdown, TcpStream};
use super::shapes::{thread, time::Duration};
use super::world::{World, take};
use crate::plan::Role;
use crate::program::Talk;
use crate::trace::{Kind, Said};
use std::io::{self, Read, Write};

/// One end of a conversation, to its end.
pub fn hold(world: &World, act: usize, role: Role, talk: Talk) -> (Vec<Said>, Kind) {
    let (listener, address) = &world.listeners[&act];
    let is_client = role == Role::First;
    let (stream, is_peer) = if is_client {
        let stream = TcpStream::connect(address).expect("the server listens");
        let peer = stream.peer_addr().expect("it is connected");
        (stream, peer == *address)
    } else {
        let (stream, from) = take(listener).accept().expect("the client connects");
        (stream, from.ip() == address.ip())
    };
    let mut said = vec![Said::Peer(is_peer)];
    let kind = match (talk, is_client) {
        (Talk::Exchange { bytes, chunk }, true) => {
            send(&stream, bytes, chunk);
            stream
                .shutdown(Shutdown::Write)
                .expect("the connection is open");
            said.push(read(&stream));
            Kind::Exchange
        }
        (Talk::Exchange { bytes, chunk }, false) => {
            said.push(read(&stream));
            send(&stream, bytes, chunk);
            Kind::Exchange
        }
        (Talk::Silence, true) => {
            stream
                .set_read_timeout(Some(Duration::from_millis(1)))
                .expect("it is not zero");
            said.push(read(&stream));
            Kind::Silence
        }
        (Talk::Silence, false) => {
            said.push(read(&stream));
            Kind::Silence
        }
        (Talk::Reset, true) => {
            (&stream)
                .write_all(b"unread")
                .expect("the connection is open");
            said.push(read(&stream));
            Kind::Reset
        }
        (Talk::Reset, false) => {
            let got = stream.peek(&mut [0]).expect("the connection is open");
            said.push(Said::Read { bytes: got, sum: 0 });
            Kind::Reset
        }
    };
    (said, kind)
}

fn send(mut stream: &TcpStream, bytes: usize, chunk: usize) {
    let all: Vec<u8> = (0..bytes).map(|n| (n * 7 % 256) as u8).collect();
    for part in all.chunks(chunk.max(1)) {
        stream.write_all(part).expect("the other end reads");
        thread::yield_now();
    }
}

/// Everything that comes, with the place of each byte in the sum.
fn read(mut stream: &TcpStream) -> Said {
    let mut buffer = [0; 4_096];
    let (mut bytes, mut sum) = (0, 0_u64);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Said::Read { bytes, sum },
            Ok(got) => {
                for byte in &buffer[..got] {
                    sum = sum.wrapping_mul(31).wrapping_add(u64::from(*byte));
                }
                bytes += got;
            }
            Err(error) => return Said::Failed(kind(&error)),
        }
    }
}

fn kind(error: &io::Error) -> String {
    format!("{:?}", error.kind())
}
