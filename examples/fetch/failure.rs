//! Why a page was not fetched.

use std::fmt;
use std::io;

/// One failed fetch: its kind, which is counted, and what exactly happened.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    detail: String,
}

/// The kinds of failure, each with the name under which it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    MalformedUrl,
    UnresolvableHost,
    ConnectionRefused,
    NoConnection,
    TimedOut,
    BadTls,
    BrokenAnswer,
    ErrorStatus,
    NoThread,
    Panicked,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::MalformedUrl => "malformed URL",
            Kind::UnresolvableHost => "unresolvable host",
            Kind::ConnectionRefused => "connection refused",
            Kind::NoConnection => "no connection",
            Kind::TimedOut => "timed out",
            Kind::BadTls => "bad TLS",
            Kind::BrokenAnswer => "broken answer",
            Kind::ErrorStatus => "error status",
            Kind::NoThread => "no thread",
            Kind::Panicked => "panicked",
        }
    }
}

impl Failure {
    pub(crate) fn new(kind: Kind, detail: impl fmt::Display) -> Failure {
        Failure {
            kind,
            detail: detail.to_string(),
        }
    }

    /// A failed connect to `address`.
    pub(crate) fn to_connect(address: impl fmt::Display, error: &io::Error) -> Failure {
        let kind = match error.kind() {
            io::ErrorKind::ConnectionRefused => Kind::ConnectionRefused,
            _ if timed_out(error) => Kind::TimedOut,
            _ => Kind::NoConnection,
        };
        Failure::new(kind, format_args!("connecting to {address}: {error}"))
    }

    /// An error while the peer was to `step`; `kind` unless it was silence.
    pub(crate) fn during(kind: Kind, step: &str, error: &io::Error) -> Failure {
        if timed_out(error) {
            return Failure::new(Kind::TimedOut, format_args!("no news while {step}"));
        }
        // TLS errors come out of the stream wrapped in an `io::Error`.
        let is_tls = error.get_ref().is_some_and(|e| e.is::<rustls::Error>());
        let kind = if is_tls { Kind::BadTls } else { kind };
        Failure::new(kind, format_args!("{step}: {error}"))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.detail)
    }
}

/// A socket's time limit ends a read with `WouldBlock`, a connect with `TimedOut`.
fn timed_out(error: &io::Error) -> bool {
    use io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut)
}
