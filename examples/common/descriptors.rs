//! The limit of open descriptors: 10,000 connections need more than the usual 1,024.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises this process's limit (and so that of its later children) as far as it may, and
/// returns it.
pub(crate) fn raise_limit() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    // A process may always raise its soft limit to the hard one; "unlimited" is refused
    // for descriptors, and then the old limit holds.
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.current.unwrap_or(u64::MAX),
        Err(_) => before.unwrap_or(u64::MAX),
    }
}
