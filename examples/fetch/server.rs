//! The embedded server: it answers every request with the same page, after a delay.
//!
//! One OS thread and one epoll, by rustix and std alone, so that nothing that is measured
//! takes part in the measuring. It closes each connection after its answer.

use crate::certificate::Certificate;
use crate::connection::{Connection, Progress};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::time::Timespec;
use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

/// Connections that the kernel may hold until they are accepted.
const BACKLOG: u16 = 4096;
const LISTENER: u64 = 0;

/// Listens on a free port of the loopback address and serves there until the process ends.
///
/// With a certificate it speaks TLS.
pub(crate) fn start(delay: Duration, certificate: Option<&Certificate>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // std's own backlog is too short for thousands that connect at once.
    rustix::net::listen(&listener, BACKLOG.into())?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(
        &poll,
        &listener,
        EventData::new_u64(LISTENER),
        EventFlags::IN,
    )?;
    let server = Server {
        listener,
        tls: certificate.map(Certificate::server),
        delay,
        poll,
        accepted: LISTENER,
        connections: HashMap::new(),
        due: VecDeque::new(),
    };
    let name = "embedded server".to_string();
    thread::Builder::new()
        .name(name)
        .spawn(move || server.run())?;
    Ok(address)
}

/// Says so if the kernel's own limit is lower than the backlog that the server asks for.
pub(crate) fn backlog_warning() -> Option<String> {
    let limit = std::fs::read_to_string("/proc/sys/net/core/somaxconn").ok()?;
    let limit: u64 = limit.trim().parse().ok()?;
    (limit < BACKLOG.into()).then(|| {
        format!(
            "the kernel holds at most {limit} connections that wait for the embedded server \
             (net.core.somaxconn), {BACKLOG} were asked for: some may take a second more"
        )
    })
}

struct Server {
    listener: TcpListener,
    tls: Option<std::sync::Arc<rustls::ServerConfig>>,
    delay: Duration,
    poll: OwnedFd,
    /// How many connections there have been: the key of the last one.
    accepted: u64,
    connections: HashMap<u64, Connection>,
    /// The requests that wait for their answer; the delay is one, so the order is time's.
    due: VecDeque<(Instant, u64)>,
}

impl Server {
    fn run(mut self) {
        let mut events = Vec::with_capacity(1024);
        loop {
            events.clear();
            let timeout = self.until_next_answer();
            let spare = rustix::buffer::spare_capacity(&mut events);
            if let Err(error) = epoll::wait(&self.poll, spare, timeout.as_ref()) {
                assert_eq!(
                    error,
                    rustix::io::Errno::INTR,
                    "the embedded server's epoll"
                );
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept(),
                    key => self.progress(key),
                }
            }
            self.answer_due();
        }
    }

    fn until_next_answer(&self) -> Option<Timespec> {
        let (when, _) = self.due.front()?;
        let left = when.saturating_duration_since(Instant::now());
        Timespec::try_from(left).ok()
    }

    fn accept(&mut self) {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    // A connection that breaks here is the client's to report.
                    let _ = self.add(stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    eprintln!("fetch: the embedded server cannot accept: {error}");
                    thread::sleep(Duration::from_millis(100));
                    return;
                }
            }
        }
    }

    fn add(&mut self, stream: std::net::TcpStream) -> io::Result<()> {
        let connection = Connection::new(stream, self.tls.clone())?;
        self.accepted += 1;
        let key = EventData::new_u64(self.accepted);
        epoll::add(&self.poll, &connection, key, EventFlags::IN)?;
        self.connections.insert(self.accepted, connection);
        Ok(())
    }

    fn progress(&mut self, key: u64) {
        // An earlier event of the same batch may have ended it.
        let Some(connection) = self.connections.get_mut(&key) else {
            return;
        };
        match connection.progress() {
            Ok(Progress::Asked) => self.due.push_back((Instant::now() + self.delay, key)),
            Ok(Progress::Going) => {}
            Ok(Progress::Ended) | Err(_) => {
                self.connections.remove(&key);
                return;
            }
        }
        self.set_interest(key);
    }

    fn answer_due(&mut self) {
        let now = Instant::now();
        while let Some(&(_, key)) = self.due.front().filter(|(when, _)| *when <= now) {
            self.due.pop_front();
            if let Some(connection) = self.connections.get_mut(&key) {
                match connection.answer() {
                    Ok(()) => self.set_interest(key),
                    Err(_) => drop(self.connections.remove(&key)),
                }
            }
        }
    }

    /// Asks to be told when a connection can take more, if it has more to send.
    fn set_interest(&mut self, key: u64) {
        let Some(connection) = self.connections.get_mut(&key) else {
            return;
        };
        if connection.interest_changes() {
            let mut interest = EventFlags::IN;
            interest.set(EventFlags::OUT, connection.wants_to_send());
            let key = EventData::new_u64(key);
            let changed = epoll::modify(&self.poll, &*connection, key, interest);
            changed.expect("the connection is in the epoll set");
        }
    }
}
