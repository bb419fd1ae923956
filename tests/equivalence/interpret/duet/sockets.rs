//! TCP and UDP.

use super::shapes::net::{TcpListener, TcpStream, UdpSocket};
use super::shapes::thread;
use super::shapes::time::Duration;
use super::stage::{End, failure};
use std::io::{ErrorKind, Read, Write};

fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("loopback has free ports")
}

/// The two ends of a connection, one for each.
fn connect(end: &End) -> TcpStream {
    let listener = end.is_first.then(bind);
    let address = end.share(|| {
        let listener = listener.as_ref().expect("the first has one");
        listener.local_addr().expect("it is bound")
    });
    match listener {
        Some(listener) => listener.accept().expect("the other connects").0,
        None => TcpStream::connect(*address).expect("the other listens"),
    }
}

/// To and fro by turns, so that no buffer is ever full and none is lost.
pub fn datagrams(end: &End, count: usize) -> Vec<String> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
    let own = socket.local_addr().expect("it is bound");
    let first = end.share(|| own);
    let mut buffer = [0; 8];
    let mut saw = Vec::new();
    if end.is_first {
        let (_, peer) = socket.recv_from(&mut buffer).expect("the other sends");
        socket.connect(peer).expect("it is on this machine");
        saw.push(format!("peer: {}", socket.peer_addr().ok() == Some(peer)));
        for turn in 0..count {
            let sent = socket.send(&vec![turn as u8; turn * 3]);
            saw.push(format!("sent {:?}", sent.ok()));
            let got = socket.recv(&mut buffer).expect("the other answers");
            saw.push(format!("{:?}", &buffer[..got]));
        }
        return saw;
    }
    socket
        .send_to(b"hello", *first)
        .expect("the other is bound");
    for _ in 0..count {
        let (peeked, from) = socket.peek_from(&mut buffer[..2]).expect("the other sends");
        saw.push(format!("peeked {peeked}, from it: {}", from == *first));
        // What has no room is cut off.
        let (got, from) = socket.recv_from(&mut buffer).expect("the other sends");
        saw.push(format!("{:?}, from it: {}", &buffer[..got], from == *first));
        socket
            .send_to(&buffer[..got.min(4)], from)
            .expect("the other is bound");
    }
    saw
}

/// Ten bytes come at once, and are read in parts.
pub fn partial_reads(end: &End) -> Vec<String> {
    let mut stream = connect(end);
    if end.is_first {
        stream.write_all(b"0123456789").expect("the other reads");
        end.hear();
        stream.write_all(b"late").expect("the other reads");
        return Vec::new();
    }
    let mut buffer = [0; 100];
    let mut saw = vec![format!("peeked {:?}", stream.peek(&mut buffer[..4]).ok())];
    for room in [3, 4, 0, 100] {
        let got = stream.read(&mut buffer[..room]).expect("there are some");
        saw.push(format!("{:?}", &buffer[..got]));
    }
    stream
        .set_read_timeout(Some(Duration::from_millis(1)))
        .expect("it is not zero");
    saw.push(format!("nothing: {}", failure(stream.read(&mut buffer))));
    stream.set_read_timeout(None).expect("it is a socket");
    end.say();
    stream.read_exact(&mut buffer[..4]).expect("they come late");
    saw.push(format!("{:?}", &buffer[..4]));
    saw.push(format!("at the end: {:?}", stream.read(&mut buffer).ok()));
    saw
}

/// The peer went, and has said so: the first write gets a reset for an answer, and a later one fails.
pub fn broken_pipe(end: &End) -> Vec<String> {
    let mut stream = connect(end);
    if end.is_first {
        return Vec::new();
    }
    let mut saw = vec![format!("at the end: {:?}", stream.read(&mut [0]).ok())];
    let failed = loop {
        match stream.write(b"x") {
            Ok(_) => thread::yield_now(),
            failed => break failure(failed),
        }
    };
    saw.push(format!("written: {failed}"));
    saw.push(format!("again: {}", failure(stream.write(b"x"))));
    saw
}

pub fn non_blocking(end: &End) -> Vec<String> {
    let mut stream = connect(end);
    if end.is_first {
        end.hear();
        stream.write_all(b"xy").expect("the other reads");
        end.hear();
        stream.write_all(b"z").expect("the other reads");
        return Vec::new();
    }
    let mut buffer = [0; 4];
    stream.set_nonblocking(true).expect("it is a socket");
    let mut saw = vec![format!("nothing: {}", failure(stream.read(&mut buffer)))];
    saw.push(format!("to peek at: {}", failure(stream.peek(&mut buffer))));
    end.say();
    let got = loop {
        match stream.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            other => break other.expect("they come"),
        }
    };
    saw.push(format!("{:?}", &buffer[..got]));
    stream.set_nonblocking(false).expect("it is a socket");
    end.say();
    saw.push(format!("blocking: {:?}", stream.read(&mut buffer).ok()));
    saw
}

pub fn polling_accept(end: &End) -> Vec<String> {
    let listener = bind();
    let address = end.share(|| listener.local_addr().expect("it is bound"));
    if !end.is_first {
        end.hear();
        let mut stream = TcpStream::connect(*address).expect("the other listens");
        stream.write_all(b"x").expect("the other reads");
        end.meet();
        return Vec::new();
    }
    listener.set_nonblocking(true).expect("it is a socket");
    let mut saw = vec![format!("nobody: {}", failure(listener.accept()))];
    end.say();
    let mut stream = loop {
        match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            other => break other.expect("the other connects").0,
        }
    };
    // It does not take after its listener.
    saw.push(format!("read: {:?}", stream.read(&mut [0]).ok()));
    end.meet();
    saw
}
