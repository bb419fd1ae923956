//! Reading an HTTP/1.1 answer (RFC 9112) from a stream that the server closes after it.

use crate::failure::{Failure, Kind};
use std::io::{BufRead, BufReader, Read};

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Where the page went, if the server says so.
    pub(crate) location: Option<String>,
    pub(crate) body: Vec<u8>,
}

const LONGEST_HEAD: u64 = 64 << 10;
const LONGEST_BODY: u64 = 64 << 20;
const MOST_HEADERS: usize = 100;

/// Reads one answer to a GET request.
pub(crate) fn read(stream: &mut impl Read) -> Result<Answer, Failure> {
    // Ten thousand of these exist at once: std's 8 KiB would be most of a thread's memory.
    let mut stream = BufReader::with_capacity(1024, stream);
    let head = loop {
        let head = read_head(&mut stream)?;
        // 1xx are news on the way to the answer.
        if !(100..=199).contains(&head.status) {
            break head;
        }
    };
    let body = match head.framing {
        _ if matches!(head.status, 204 | 304) => Vec::new(),
        Framing::Chunked => read_chunks(&mut stream)?,
        Framing::Length(length) => read_exactly(&mut stream, length, "the body")?,
        Framing::ToTheEnd => {
            let mut body = Vec::new();
            let mut limited = stream.take(LONGEST_BODY + 1);
            let read = limited.read_to_end(&mut body);
            read.map_err(|e| Failure::during(Kind::BrokenAnswer, "reading the body", &e))?;
            at_most(body.len() as u64)?;
            body
        }
    };
    Ok(Answer {
        status: head.status,
        location: head.location,
        body,
    })
}

struct Head {
    status: u16,
    location: Option<String>,
    framing: Framing,
}

/// How the length of a body is told (RFC 9112, section 6.3).
enum Framing {
    Length(u64),
    Chunked,
    ToTheEnd,
}

fn read_head(stream: &mut impl BufRead) -> Result<Head, Failure> {
    let mut bytes = Vec::new();
    let mut stream = stream.take(LONGEST_HEAD);
    loop {
        let line = read_line(&mut stream, "the head", &mut bytes)?;
        // Checked line by line, so that a peer that speaks no HTTP at all is found out by
        // its first line and not by its silence.
        if let Some(head) = parse_head(&bytes, line)? {
            return Ok(head);
        }
    }
}

/// The head, if it is complete; its last line begins at `line`.
// Inlined, its table of headers would lie on the stack of every thread that waits for a line.
#[inline(never)]
fn parse_head(bytes: &[u8], line: usize) -> Result<Option<Head>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let parsed = head.parse(bytes).map_err(|error| {
        let line = String::from_utf8_lossy(&bytes[line..]);
        broken(format_args!("{:?} is no HTTP: {error}", line.trim_end()))
    })?;
    if parsed.is_partial() {
        return Ok(None);
    }
    Ok(Some(Head {
        status: head.code.unwrap_or_default(),
        location: header(head.headers, "Location").map(str::to_string),
        framing: framing(head.headers)?,
    }))
}

fn framing(headers: &[httparse::Header<'_>]) -> Result<Framing, Failure> {
    if let Some(coding) = header(headers, "Transfer-Encoding") {
        return match coding.eq_ignore_ascii_case("chunked") {
            true => Ok(Framing::Chunked),
            false => Err(broken(format_args!(
                "its coding {coding:?} was not asked for"
            ))),
        };
    }
    let Some(length) = header(headers, "Content-Length") else {
        return Ok(Framing::ToTheEnd);
    };
    match length.parse() {
        Ok(length) => Ok(Framing::Length(length)),
        Err(_) => Err(broken(format_args!("its length {length:?} is no number"))),
    }
}

fn header<'a>(headers: &[httparse::Header<'a>], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|h| h.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(found.value).ok().map(str::trim)
}

fn read_chunks(stream: &mut impl BufRead) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        read_line(
            &mut stream.by_ref().take(LONGEST_HEAD),
            "a chunk's length",
            &mut line,
        )?;
        let text = String::from_utf8_lossy(&line);
        let digits = text.split(';').next().unwrap_or_default().trim();
        let length = u64::from_str_radix(digits, 16)
            .map_err(|_| broken(format_args!("a chunk's length {digits:?} is no number")))?;
        if length == 0 {
            return Ok(body);
        }
        at_most(length.saturating_add(body.len() as u64))?;
        body.extend(read_exactly(stream, length, "a chunk")?);
        // The line break after the chunk's bytes.
        read_exactly(stream, 2, "a chunk")?;
    }
}

/// Appends one line to `bytes` and returns where it begins there.
fn read_line(stream: &mut impl BufRead, what: &str, bytes: &mut Vec<u8>) -> Result<usize, Failure> {
    let start = bytes.len();
    let read = stream.read_until(b'\n', bytes);
    read.map_err(|e| Failure::during(Kind::BrokenAnswer, &format!("reading {what}"), &e))?;
    match bytes.ends_with(b"\n") && bytes.len() > start {
        true => Ok(start),
        false => Err(broken(format_args!(
            "it ends within {what}, after {} bytes",
            bytes.len()
        ))),
    }
}

fn read_exactly(stream: &mut impl Read, length: u64, what: &str) -> Result<Vec<u8>, Failure> {
    at_most(length)?;
    let mut bytes = Vec::new();
    let read = stream.take(length).read_to_end(&mut bytes);
    read.map_err(|e| Failure::during(Kind::BrokenAnswer, &format!("reading {what}"), &e))?;
    match bytes.len() as u64 == length {
        true => Ok(bytes),
        false => Err(broken(format_args!(
            "it ends after {} of {length} bytes of {what}",
            bytes.len()
        ))),
    }
}

fn at_most(length: u64) -> Result<(), Failure> {
    match length <= LONGEST_BODY {
        true => Ok(()),
        false => Err(broken(format_args!(
            "its body is longer than {} MiB",
            LONGEST_BODY >> 20
        ))),
    }
}

fn broken(detail: impl std::fmt::Display) -> Failure {
    Failure::new(Kind::BrokenAnswer, detail)
}
