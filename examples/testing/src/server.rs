//! A server that keeps words under keys, with a line for each request and each answer:
//!
//! ```text
//! SET key words        OK
//! GET key              FOUND words, or NONE
//! QUIT                 BYE, and the end
//! ```

use standin::net::{TcpListener, TcpStream};
use standin::sync::{Arc, Mutex};
use standin::thread::{self, JoinHandle};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};

/// What is kept.
#[derive(Default)]
pub struct Store(Mutex<BTreeMap<String, String>>);

impl Store {
    /// Answers one request; the answer has no line end.
    pub fn answer(&self, request: &str) -> String {
        let mut words = self.0.lock().expect("nothing below panics");
        match *request.splitn(3, ' ').collect::<Vec<_>>() {
            ["SET", key, value] => {
                words.insert(key.to_owned(), value.to_owned());
                "OK".to_owned()
            }
            ["GET", key] => match words.get(key) {
                Some(value) => format!("FOUND {value}"),
                None => "NONE".to_owned(),
            },
            ["QUIT"] => "BYE".to_owned(),
            _ => format!("ERROR {request:?} is no request"),
        }
    }
}

/// Serves one client until it quits or goes away. Any two ends of a conversation do.
pub fn converse(store: &Store, from: impl Read, mut to: impl Write) -> io::Result<()> {
    for request in BufReader::new(from).lines() {
        let mut answer = store.answer(&request?);
        let last = answer == "BYE";
        answer.push('\n');
        to.write_all(answer.as_bytes())?;
        if last {
            break;
        }
    }
    Ok(())
}

/// Serves as many clients as are expected, each in a thread of its own, and returns what came of each.
pub fn serve(listener: TcpListener, clients: usize) -> JoinHandle<Vec<io::Result<()>>> {
    thread::spawn(move || {
        let store = Arc::new(Store::default());
        let serving: Vec<_> = listener
            .incoming()
            .take(clients)
            .map(|client| {
                let store = Arc::clone(&store);
                thread::spawn(move || {
                    let client: TcpStream = client?;
                    converse(&store, &client, &client)
                })
            })
            .collect();
        let ends = serving
            .into_iter()
            .map(|thread| thread.join().expect("it does not panic"));
        ends.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::{Store, serve};
    use standin::net::{Shutdown, TcpListener, TcpStream};
    use standin::testing::assert_equivalent;
    use standin::thread;
    use std::io::{self, Read, Write};

    /// Sends requests, and returns all that comes until the server ends the conversation.
    fn ask(address: std::net::SocketAddr, requests: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(requests.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut answers = String::new();
        stream.read_to_string(&mut answers)?;
        Ok(answers)
    }

    standin::tests! {
        #[test]
        fn what_was_set_is_found_by_others() -> io::Result<()> {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let address = listener.local_addr()?;
            let server = serve(listener, 2);
            assert_eq!(ask(address, "SET who all of us\n")?, "OK\n");
            assert_eq!(ask(address, "GET who\nQUIT\nGET who\n")?, "FOUND all of us\nBYE\n");
            assert!(server.join().unwrap().iter().all(Result::is_ok));
            Ok(())
        }

        #[test]
        fn many_are_served_at_once() -> io::Result<()> {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let address = listener.local_addr()?;
            let server = serve(listener, 30);
            // Connected all before the first says something.
            let open = (0..30).map(|_| TcpStream::connect(address));
            let open = open.collect::<io::Result<Vec<_>>>()?;
            let clients = open.into_iter().enumerate().map(|(n, mut stream)| {
                thread::spawn(move || -> io::Result<String> {
                    write!(stream, "SET key{n} {n}\nGET key{n}\nQUIT\n")?;
                    let mut answers = String::new();
                    stream.read_to_string(&mut answers)?;
                    Ok(answers)
                })
            });
            for (n, client) in clients.collect::<Vec<_>>().into_iter().enumerate() {
                assert_eq!(client.join().unwrap()?, format!("OK\nFOUND {n}\nBYE\n"));
            }
            assert!(server.join().unwrap().iter().all(Result::is_ok));
            Ok(())
        }
    }

    #[test]
    fn bad_requests_are_answered_alike() {
        let answers = assert_equivalent(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let server = serve(listener, 2);
            let answers = ask(address, "GET\nget key\n\nSET key\nGET key").unwrap();
            // Not every byte string is text. An error of the server's is compared by its kind.
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"\xFF\n").unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the server hangs up");
            let ends = server.join().unwrap().into_iter();
            let kinds: Vec<_> = ends.map(|end| end.map_err(|error| error.kind())).collect();
            (answers, kinds)
        });
        let (answers, kinds) = answers;
        assert!(
            answers.ends_with("ERROR \"SET key\" is no request\nNONE\n"),
            "{answers}"
        );
        assert_eq!(kinds, [Ok(()), Err(io::ErrorKind::InvalidData)]);
    }

    /// No engine is needed where nothing blocks.
    #[test]
    fn a_value_may_have_blanks() {
        let store = Store::default();
        assert_eq!(store.answer("SET a b c"), "OK");
        assert_eq!(store.answer("GET a"), "FOUND b c");
    }
}
