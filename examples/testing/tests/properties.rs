//! Properties: proptest chooses the schedule and how streams are cut, and each engine has to give the same.

use proptest::prelude::*;
use proptest::test_runner::Config;
use standin::net::{TcpListener, TcpStream};
use standin::sync::Mutex;
use standin::testing::{Delay, Equivalence, Shake, Shaken, Turns, prop_equivalent, strategy};
use standin::thread;
use std::io::{Read as _, Write as _};
use tested::pool::Pool;
use tested::server::{Store, converse};

/// Some requests, and what has to be answered.
const REQUESTS: &[u8] = b"SET a one\nSET b two words\nGET a\nGET c\nGET b\nQUIT\n";
const ANSWERS: &str = "OK\nOK\nFOUND one\nNONE\nFOUND two words\nBYE\n";

/// The answers to [`REQUESTS`] over a connection on which both ends read and write as they are told.
fn over_a_connection(client: &[Shake], server: &[Shake]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let (stream, _) = listener.accept().unwrap();
            let reads = Shaken::new(&stream, server);
            let writes = Shaken::new(&stream, server);
            converse(&Store::default(), reads, writes).unwrap();
        });
        let mut stream = Shaken::new(TcpStream::connect(address).unwrap(), client);
        stream.write_all(REQUESTS).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        answers
    })
}

proptest! {
    // Few: each case runs on every engine, and there is a connection in each.
    #![proptest_config(Config { cases: 24, failure_persistence: None, ..Config::default() })]

    /// Short reads and writes change no answer.
    #[test]
    fn answers_do_not_depend_on_the_pieces(
        client in strategy::shakes(),
        server in strategy::shakes(),
    ) {
        let both = (client, server);
        let answers = prop_equivalent(&both, |(client, server)| over_a_connection(client, server))?;
        prop_assert_eq!(answers, ANSWERS);
    }

    /// Nor does it matter when the requests come: each piece is sent when the one before has been.
    #[test]
    fn requests_may_come_in_any_pieces(pieces in strategy::chunkings(REQUESTS)) {
        let answers = prop_equivalent(&pieces, |pieces| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, _) = listener.accept().unwrap();
            thread::scope(|scope| {
                scope.spawn(move || converse(&Store::default(), &server, &server).unwrap());
                for piece in pieces {
                    client.write_all(piece).unwrap();
                    thread::yield_now();
                }
                let mut answers = String::new();
                client.read_to_string(&mut answers).unwrap();
                answers
            })
        })?;
        prop_assert_eq!(answers, ANSWERS);
    }

    /// However many threads there are and however long each job takes, the results are in order.
    #[test]
    fn results_are_in_order(threads in strategy::threads(6), delays in strategy::delays(1, 20)) {
        let delays = &delays[0];
        let results = Equivalence::new()
            .times(2)
            .note(format!("{threads} threads and {delays:?}"))
            .check(|| {
                let jobs: Vec<(usize, Delay)> = delays.iter().copied().enumerate().collect();
                Pool::new(threads).map(jobs, |(number, delay)| {
                    delay.wait();
                    number
                })
            })?
            .into_result()?;
        prop_assert!(results.into_iter().eq(0..20));
    }

    /// Two clients of one store, in every order: who comes last wins, and nothing else does.
    #[test]
    fn the_last_to_set_wins(order in strategy::interleavings(&[3, 3])) {
        let found = prop_equivalent(&order, |order| {
            let (store, turns) = (Store::default(), Turns::new(order.clone()));
            let answers = Mutex::new(Vec::new());
            thread::scope(|scope| {
                for client in 0..2 {
                    let (store, turns, answers) = (&store, &turns, &answers);
                    scope.spawn(move || {
                        for number in 0..3 {
                            turns.take(client, || {
                                let answer = store.answer(&format!("SET key {client}.{number}"));
                                answers.lock().unwrap().push(answer);
                            });
                        }
                    });
                }
            });
            assert!(turns.is_over());
            assert_eq!(answers.into_inner().unwrap(), ["OK"; 6]);
            store.answer("GET key")
        })?;
        prop_assert_eq!(found, format!("FOUND {}.2", order[5]));
    }
}

// A property may also be the body of one test an engine.
standin::tests! {
    #[test]
    fn any_line_is_answered_by_one_line() {
        proptest!(Config { failure_persistence: None, ..Config::default() }, |(line in "[^\n]*")| {
            let mut answers = Vec::new();
            converse(&Store::default(), format!("{line}\n").as_bytes(), &mut answers)?;
            let lines = answers.iter().filter(|byte| **byte == b'\n').count();
            prop_assert_eq!(lines, 1);
            prop_assert_eq!(answers.last(), Some(&b'\n'));
        });
    }
}
