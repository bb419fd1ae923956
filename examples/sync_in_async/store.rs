//! The blocking library: a client of the database, with a pool of connections and retries.
//!
//! It is written as for std, whose names it imports from standin, and knows of no async code.

use standin::net::TcpStream;
use standin::sync::Mutex;
use standin::thread;
use standin::time::Duration;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;

/// How often a busy database is asked, and what is waited in between.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Store {
    address: SocketAddr,
    /// Connections on which nothing is under way.
    idle: Mutex<Vec<BufReader<TcpStream>>>,
}

impl Store {
    pub(crate) fn new(address: SocketAddr) -> Store {
        Store {
            address,
            idle: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn set(&self, key: &str, value: &str) -> io::Result<()> {
        match self.ask(&format!("SET {key} {value}\n"))?.as_str() {
            "OK" => Ok(()),
            other => Err(misunderstood(other)),
        }
    }

    pub(crate) fn get(&self, key: &str) -> io::Result<Option<String>> {
        let answer = self.ask(&format!("GET {key}\n"))?;
        match answer.split_once(' ') {
            Some(("VALUE", value)) => Ok(Some(value.to_string())),
            None if answer == "NONE" => Ok(None),
            _ => Err(misunderstood(&answer)),
        }
    }

    /// Waits until the key changes.
    pub(crate) fn wait(&self, key: &str) -> io::Result<String> {
        self.ask(&format!("WAIT {key}\n"))
    }

    fn ask(&self, request: &str) -> io::Result<String> {
        for _ in 0..TRIES {
            let mut connection = self.connection()?;
            connection.get_mut().write_all(request.as_bytes())?;
            let mut answer = String::new();
            if connection.read_line(&mut answer)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            // After an error the connection is not put back.
            self.idle
                .lock()
                .expect("nothing panics with it")
                .push(connection);
            match answer.trim_end() {
                "BUSY" => thread::sleep(PAUSE),
                answer => return Ok(answer.to_string()),
            }
        }
        Err(io::Error::other(format!(
            "the database was busy {TRIES} times"
        )))
    }

    fn connection(&self) -> io::Result<BufReader<TcpStream>> {
        let idle = self.idle.lock().expect("nothing panics with it").pop();
        if let Some(connection) = idle {
            return Ok(connection);
        }
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }
}

fn misunderstood(answer: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the database said {answer:?}"),
    )
}
