//! One connection of the embedded server, plain or TLS, without blocking.

use rustls::{ServerConfig, ServerConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// What the server answers every request with.
pub(crate) const PAGE: &str = "<!doctype html>\n<title>standin</title>\n<p>hello";

/// What a connection came to.
pub(crate) enum Progress {
    /// Its request is complete (said once).
    Asked,
    /// It is in the middle of something.
    Going,
    /// The client has closed it.
    Ended,
}

pub(crate) struct Connection {
    stream: TcpStream,
    tls: Option<ServerConnection>,
    request: Vec<u8>,
    asked: bool,
    answered: bool,
    /// What is still to be sent of a plain answer; TLS holds back its own.
    unsent: Vec<u8>,
    watched_for_sending: bool,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<Connection> {
        stream.set_nonblocking(true)?;
        let tls = tls.map(ServerConnection::new).transpose();
        Ok(Connection {
            stream,
            tls: tls.map_err(io::Error::other)?,
            request: Vec::new(),
            asked: false,
            answered: false,
            unsent: Vec::new(),
            watched_for_sending: false,
        })
    }

    /// Reads and sends what can be read and sent now.
    pub(crate) fn progress(&mut self) -> io::Result<Progress> {
        let open = self.receive();
        // Also after an error: a TLS alert tells the client why.
        self.send()?;
        if !open? {
            return Ok(Progress::Ended);
        }
        if !self.asked && self.request.ends_with(b"\r\n\r\n") {
            self.asked = true;
            return Ok(Progress::Asked);
        }
        Ok(Progress::Going)
    }

    /// Begins to send the page.
    pub(crate) fn answer(&mut self) -> io::Result<()> {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{PAGE}",
            PAGE.len()
        );
        match &mut self.tls {
            Some(tls) => {
                tls.writer().write_all(answer.as_bytes())?;
                tls.send_close_notify();
            }
            None => self.unsent = answer.into_bytes(),
        }
        self.answered = true;
        self.send()
    }

    pub(crate) fn wants_to_send(&self) -> bool {
        match &self.tls {
            Some(tls) => tls.wants_write(),
            None => !self.unsent.is_empty(),
        }
    }

    /// Whether `wants_to_send` differs from when this was last asked.
    pub(crate) fn interest_changes(&mut self) -> bool {
        let wants = self.wants_to_send();
        std::mem::replace(&mut self.watched_for_sending, wants) != wants
    }

    /// Reads all there is; false at the end of the stream.
    fn receive(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        loop {
            let length = match &mut self.tls {
                Some(tls) => tls.read_tls(&mut self.stream),
                None => self.stream.read(&mut buffer),
            };
            match length {
                Ok(0) => return Ok(false),
                Ok(length) => match &mut self.tls {
                    Some(tls) => {
                        tls.process_new_packets().map_err(io::Error::other)?;
                        loop {
                            match tls.reader().read(&mut buffer) {
                                Ok(0) => break,
                                Ok(length) => self.request.extend(&buffer[..length]),
                                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                                Err(error) => return Err(error),
                            }
                        }
                    }
                    None => self.request.extend(&buffer[..length]),
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends what the socket takes; after the whole answer, closes this direction.
    fn send(&mut self) -> io::Result<()> {
        while self.wants_to_send() {
            let sent = match &mut self.tls {
                Some(tls) => tls.write_tls(&mut self.stream),
                None => self.stream.write(&self.unsent).inspect(|sent| {
                    self.unsent.drain(..*sent);
                }),
            };
            match sent {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        if self.answered {
            // The side that closes first keeps the port occupied for a minute: the server
            // has one port, the client would run out of them.
            self.stream.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
