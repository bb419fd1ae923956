//! The database: keys and values, lines there and back, an answer after a while.
//!
//! | request | answer |
//! |---|---|
//! | `SET key value` | `OK` |
//! | `GET key` | `VALUE value`, or `NONE` |
//! | `WAIT key` | none, until the client goes away |
//!
//! Every sixteenth request is refused at once: `BUSY`.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

struct Data {
    delay: Duration,
    values: Mutex<HashMap<String, String>>,
    asked: AtomicU32,
}

/// Serves on a free port of the loopback address, from one OS thread, until the process ends.
pub(crate) fn serve(delay: Duration) -> io::Result<SocketAddr> {
    let (runtime, listener) = crate::loopback::listen()?;
    let address = listener.local_addr()?;
    let data = Arc::new(Data {
        delay,
        values: Mutex::default(),
        asked: AtomicU32::new(0),
    });
    thread::Builder::new().spawn(move || {
        runtime.block_on(async {
            loop {
                match listener.accept().await {
                    // A connection's error ends that connection.
                    Ok((stream, _)) => drop(tokio::spawn(converse(stream, data.clone()))),
                    Err(error) => {
                        eprintln!("sync_in_async: the database cannot serve a connection: {error}");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        })
    })?;
    Ok(address)
}

async fn converse(stream: TcpStream, data: Arc<Data>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let words: Vec<&str> = line.trim_end().splitn(3, ' ').collect();
        let answer = match words.as_slice() {
            ["WAIT", _] => {
                // Nothing comes but the end of the connection.
                return stream.read_line(&mut String::new()).await.map(drop);
            }
            _ if data.asked.fetch_add(1, Relaxed) % 16 == 15 => "BUSY\n".to_string(),
            words => {
                tokio::time::sleep(data.delay).await;
                data.answer(words)
            }
        };
        stream.write_all(answer.as_bytes()).await?;
        line.clear();
    }
    Ok(())
}

impl Data {
    fn answer(&self, words: &[&str]) -> String {
        let mut values = self.values.lock().expect("nothing panics with it");
        match words {
            ["SET", key, value] => {
                values.insert(key.to_string(), value.to_string());
                "OK\n".to_string()
            }
            ["GET", key] => match values.get(*key) {
                Some(value) => format!("VALUE {value}\n"),
                None => "NONE\n".to_string(),
            },
            _ => "WHAT?\n".to_string(),
        }
    }
}
