//! The error of a reservation: what was asked, the limit, the way out.

use std::fmt;
use std::io;

/// There is no slot for one more thread.
#[derive(Debug)]
pub(super) struct Exhausted {
    /// The size that was asked for, in bytes.
    pub(super) stack: usize,
    /// How many reservations of this class there are.
    pub(super) reserved: usize,
    pub(super) limit: Limit,
    pub(super) source: io::Error,
}

/// What there is not enough of.
#[derive(Debug)]
pub(super) enum Limit {
    Size,
    Memory,
    Mappings,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot reserve a stack of {} bytes for a green thread beside {} others of this size: ",
            self.stack, self.reserved
        )?;
        match self.limit {
            Limit::Size => write!(
                f,
                "no address space is that large; ask for a smaller stack size"
            ),
            Limit::Memory => write!(
                f,
                "mapping address space failed ({}); raise the limit on it (RLIMIT_AS, `ulimit -v`; \
                 vm.overcommit_memory), run fewer threads at once, or ask for smaller stacks",
                self.source
            ),
            Limit::Mappings => write!(
                f,
                "guarding the stack failed ({}); raise vm.max_map_count, use Linux 6.13 or later, \
                 where guards need no mapping each, or run fewer threads at once",
                self.source
            ),
        }
    }
}

impl std::error::Error for Exhausted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl From<Exhausted> for io::Error {
    fn from(error: Exhausted) -> io::Error {
        io::Error::new(error.source.kind(), error)
    }
}
