//! Unix sockets.

use super::shapes::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use super::shapes::thread;
use super::stage::{End, Name, failure};
use std::io::{Read, Write};
use std::net::Shutdown;

/// As many bytes back as came, each way ended by closing one half.
pub fn exchange(end: &End, bytes: usize) -> Vec<String> {
    let name = end.is_first.then(Name::new);
    let listener = name
        .as_ref()
        .map(|name| UnixListener::bind(&name.0).expect("the name is free"));
    let path = end.share(|| name.as_ref().expect("the first has one").0.clone());
    let all: Vec<u8> = (0..bytes).map(|n| (n * 11 % 256) as u8).collect();
    let mut saw = Vec::new();
    let Some(listener) = listener else {
        let mut stream = UnixStream::connect(&*path).expect("the other listens");
        let peer = stream.peer_addr().expect("it is connected");
        saw.push(format!("peer: {}", peer.as_pathname() == Some(&path)));
        for part in all.chunks(700) {
            stream.write_all(part).expect("the other reads");
            thread::yield_now();
        }
        stream.shutdown(Shutdown::Write).expect("it is connected");
        let mut back = Vec::new();
        stream.read_to_end(&mut back).expect("the other sends");
        saw.push(format!(
            "{} bytes back, the same: {}",
            back.len(),
            back == all
        ));
        return saw;
    };
    let (mut stream, from) = listener.accept().expect("the other connects");
    saw.push(format!(
        "from somebody without a name: {}",
        from.is_unnamed()
    ));
    let mut got = Vec::new();
    stream.read_to_end(&mut got).expect("the other sends");
    saw.push(format!("{} bytes, the same: {}", got.len(), got == all));
    stream.write_all(&got).expect("the other reads");
    saw
}

pub fn datagrams(end: &End, count: usize) -> Vec<String> {
    let name = Name::new();
    let socket = UnixDatagram::bind(&name.0).expect("the name is free");
    let first = end.share(|| name.0.clone());
    let mut buffer = [0; 8];
    let mut saw = Vec::new();
    if end.is_first {
        let missing = Name::new();
        saw.push(format!(
            "to nobody: {}",
            failure(socket.send_to(b"x", &missing.0))
        ));
        for _ in 0..count {
            let (got, from) = socket.recv_from(&mut buffer).expect("the other sends");
            saw.push(format!("{:?}", &buffer[..got]));
            let back = from.as_pathname().expect("the other is bound");
            socket
                .send_to(&buffer[..got.min(4)], back)
                .expect("the other is bound");
        }
        return saw;
    }
    socket.connect(&*first).expect("the other is bound");
    for turn in 0..count {
        let sent = socket.send(&vec![turn as u8; turn * 3]);
        saw.push(format!("sent {:?}", sent.ok()));
        let got = socket.recv(&mut buffer).expect("the other answers");
        saw.push(format!("{:?}", &buffer[..got]));
    }
    saw
}
