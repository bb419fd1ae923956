//! Good and bad servers, each fetched from on every engine of the build.

use crate::certificate::Certificate;
use crate::failure::{Failure, Kind};
use crate::fetch_all::{Job, fetch_all};
use crate::{connection, engines, get, server, trust};
use indicatif::ProgressBar;
use rustix::net::{AddressFamily, SocketType};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Serves one connection on an OS thread: reads a request's head, sends `answer`, closes.
fn answering(answer: &'static str) -> SocketAddr {
    serving(move |mut stream| {
        let lines = BufReader::new(&stream).lines();
        let head = lines.take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()));
        head.for_each(drop);
        // The client may give up before the end.
        let _ = stream.write_all(answer.as_bytes());
    })
}

fn serving(serve: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    address
}

/// Fetches on every engine; `url` starts a server for each.
fn on_every_engine(
    patience: Duration,
    trust: Option<&str>,
    url: impl Fn() -> String,
) -> Vec<Result<Vec<u8>, Failure>> {
    let get_on = |engine| {
        let (url, tls) = (url(), trust::client(&[], trust).unwrap());
        engines::run(engine, move || get::get(&url, &tls, patience)).unwrap()
    };
    engines::names().into_iter().map(get_on).collect()
}

fn assert_page(answer: &'static str, page: &str) {
    for body in on_every_engine(PATIENCE, None, || format!("http://{}/", answering(answer))) {
        assert_eq!(String::from_utf8(body.unwrap()).unwrap(), page);
    }
}

/// Each engine's failure is of this kind and says this.
fn assert_fails(kind: Kind, says: &str, url: impl Fn() -> String) {
    assert_all_fail(on_every_engine(PATIENCE, None, url), kind, says);
}

fn assert_all_fail(results: Vec<Result<Vec<u8>, Failure>>, kind: Kind, says: &str) {
    for result in results {
        let failure = result.expect_err("the page cannot have been fetched");
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.to_string().contains(says), "{failure}");
    }
}

fn assert_broken(answer: &'static str, says: &str) {
    assert_fails(Kind::BrokenAnswer, says, || {
        format!("http://{}/", answering(answer))
    });
}

#[test]
fn fetches_from_the_embedded_server() {
    let certificate = Certificate::self_signed().unwrap();
    for (scheme, certificate) in [("http", None), ("https", Some(&certificate))] {
        let address = server::start(Duration::from_millis(1), certificate).unwrap();
        let trust = certificate.map(|made| made.pem.as_str());
        for body in on_every_engine(PATIENCE, trust, || format!("{scheme}://{address}/")) {
            assert_eq!(body.unwrap(), connection::PAGE.as_bytes());
        }
    }
}

#[test]
fn reads_each_kind_of_body() {
    assert_page("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab");
    assert_page("HTTP/1.0 200 OK\r\n\r\nto the end", "to the end");
    assert_page(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
        "abc0123456789",
    );
    assert_page("HTTP/1.1 204 No Content\r\n\r\n", "");
    assert_page(
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx",
        "x",
    );
}

#[test]
fn says_what_is_wrong_with_an_answer() {
    assert_broken("", "ends within the head, after 0 bytes");
    assert_broken("HTTP/1.1 200 OK\r\nContent-", "ends within the head");
    assert_broken(
        "220 ready for mail\r\n",
        "\"220 ready for mail\" is no HTTP",
    );
    assert_broken(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        "after 3 of 5 bytes",
    );
    assert_broken(
        "HTTP/1.1 200 OK\r\nContent-Length: no\r\n\r\n",
        "\"no\" is no number",
    );
    assert_broken(
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "longer than",
    );
    assert_broken(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        "3 of 5 bytes",
    );
    assert_broken(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "\"xyz\" is no number",
    );
    assert_broken(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "\"gzip\" was not asked for",
    );
}

#[test]
fn says_why_there_is_no_answer() {
    assert_fails(Kind::MalformedUrl, "neither http nor https", || {
        "ftp://localhost/".into()
    });
    assert_fails(Kind::UnresolvableHost, "\"nowhere.invalid\"", || {
        "http://nowhere.invalid/".into()
    });
    // Bound, so that nobody else gets the port, but not listening.
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let refusing = SocketAddr::try_from(rustix::net::getsockname(&socket).unwrap()).unwrap();
    assert_fails(Kind::ConnectionRefused, "connecting to 127.0.0.1:", || {
        format!("http://{refusing}/")
    });
    assert_fails(Kind::ErrorStatus, "404", || {
        format!("http://{}/", answering("HTTP/1.1 404 Not Found\r\n\r\n"))
    });
    assert_fails(Kind::ErrorStatus, "301, the page moved to /new", || {
        format!(
            "http://{}/",
            answering("HTTP/1.1 301 Moved\r\nLocation: /new\r\n\r\n")
        )
    });
}

#[test]
fn says_what_is_wrong_with_tls() {
    let babbling = || serving(|mut stream| stream.write_all(b"220 ready for mail\r\n").unwrap());
    assert_fails(Kind::BadTls, "shaking hands", || {
        format!("https://{}/", babbling())
    });
    let closing = || serving(drop::<TcpStream>);
    assert_fails(Kind::BadTls, "shaking hands", || {
        format!("https://{}/", closing())
    });
    let certificate = Certificate::self_signed().unwrap();
    let address = server::start(Duration::ZERO, Some(&certificate)).unwrap();
    assert_fails(Kind::BadTls, "UnknownIssuer", || {
        format!("https://{address}/")
    });
}

#[test]
fn gives_up_on_a_silent_server() {
    // The backlog accepts for it.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let short = Duration::from_millis(200);
    let results = on_every_engine(short, None, || format!("http://{address}/"));
    assert_all_fail(results, Kind::TimedOut, "no news while reading the head");
    let results = on_every_engine(short, None, || format!("https://{address}/"));
    assert_all_fail(results, Kind::TimedOut, "no news while shaking hands");
}

#[test]
fn goes_on_after_failures_and_counts_them() {
    for engine in engines::names() {
        let good = server::start(Duration::from_millis(1), None).unwrap();
        let mut urls = vec![format!("http://{good}/"); 40];
        urls[3] = "nonsense".to_string();
        urls[17] = "http://nowhere.invalid/".to_string();
        urls[18] = format!("http://{}/", answering("nonsense\r\n"));
        urls[39] = "nonsense".to_string();
        let job = Job {
            urls,
            at_once: 3,
            tls: trust::client(&[], None).unwrap(),
            patience: PATIENCE,
            bar: ProgressBar::hidden(),
            failures_shown: 0,
        };
        let tally = engines::run(engine, move || fetch_all(&job)).unwrap();
        assert_eq!(tally.fetched, 36);
        assert_eq!(tally.bytes, 36 * connection::PAGE.len() as u64);
        let failed: Vec<(Kind, u64)> = tally.failed.into_iter().collect();
        assert_eq!(
            failed,
            [
                (Kind::MalformedUrl, 2),
                (Kind::UnresolvableHost, 1),
                (Kind::BrokenAnswer, 1)
            ]
        );
    }
}
