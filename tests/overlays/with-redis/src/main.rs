//! A thousand clients by `redis`, of a server that knows four commands.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use together::{Door, answer_to, ask_all, listen, serve};

type Store = Mutex<HashMap<String, u64>>;

fn main() {
    let door = Arc::new(Door::default());
    let store = Arc::new(Store::default());
    let (listener, port) = listen();
    serve(listener, {
        let door = door.clone();
        move |stream| answer(stream, &door, &store).expect("the client asks and listens")
    });
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).expect("it is a URL");
    ask_all(&door, move |question| {
        let mut connection = client.get_connection().expect("the server listens");
        let key = format!("question {question}");
        let stored = redis::cmd("SET")
            .arg(&key)
            .arg(question)
            .exec(&mut connection);
        stored.expect("the server stores");
        let answer = redis::cmd("GET").arg(&key).query(&mut connection);
        answer.expect("the server answers")
    });
}

/// The side of the server in a conversation: the first `GET` waits for all others.
fn answer(stream: TcpStream, door: &Door, store: &Store) -> io::Result<()> {
    let mut requests = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some(request) = receive(&mut requests)? {
        let request: Vec<&str> = request.iter().map(String::as_str).collect();
        match request[..] {
            ["SET", key, question] => {
                let question = question.parse().expect("it is a number");
                store.lock().unwrap().insert(key.to_owned(), question);
                stream.write_all(b"+OK\r\n")?;
            }
            ["GET", key] => {
                let question = store.lock().unwrap().remove(key).expect("it was stored");
                door.pass();
                let answer = answer_to(question).to_string();
                write!(stream, "${}\r\n{answer}\r\n", answer.len())?;
            }
            ["CLIENT", "SETINFO", ..] => stream.write_all(b"+OK\r\n")?,
            ref other => panic!("the server does not know {other:?}"),
        }
    }
    Ok(())
}

/// A command and its arguments, `None` at the end of the conversation.
fn receive(requests: &mut impl BufRead) -> io::Result<Option<Vec<String>>> {
    let Some(count) = length(requests, '*')? else {
        return Ok(None);
    };
    let mut words = Vec::new();
    for _ in 0..count {
        let length = length(requests, '$')?.expect("the request goes on");
        let mut word = vec![0; length + 2];
        requests.read_exact(&mut word)?;
        word.truncate(length);
        words.push(String::from_utf8(word).expect("it is text"));
    }
    Ok(Some(words))
}

fn length(requests: &mut impl BufRead, kind: char) -> io::Result<Option<usize>> {
    let mut line = String::new();
    if requests.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let length = line
        .trim_end()
        .strip_prefix(kind)
        .expect("a length is next");
    Ok(Some(length.parse().expect("it is a number")))
}
