//! Reading both output streams of a child at once, on one thread.

use super::{ChildStderr, ChildStdout};
use crate::engine::socket::Handle;
use crate::engine::{Interest, Limit, here};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

/// As much as a pipe holds, unless it was enlarged.
const PIECE: usize = 64 << 10;

const STDOUT: u64 = 1;
const STDERR: u64 = 2;

/// Two streams, as one descriptor that is ready when either is. A child that fills one pipe while the other is read
/// would wait for ever.
pub(super) struct Either(Handle<OwnedFd>);

impl Either {
    pub(super) fn new(stdout: &ChildStdout, stderr: &ChildStderr) -> io::Result<Self> {
        let set = epoll::create(CreateFlags::CLOEXEC)?;
        for (fd, token) in [(stdout.as_fd(), STDOUT), (stderr.as_fd(), STDERR)] {
            epoll::add(&set, fd, EventData::new_u64(token), EventFlags::IN)?;
        }
        Ok(Self(Handle::new(set)))
    }

    /// Reads both to their ends.
    pub(super) fn read(
        self,
        mut stdout: ChildStdout,
        from_stdout: &mut Vec<u8>,
        mut stderr: ChildStderr,
        from_stderr: &mut Vec<u8>,
    ) -> io::Result<()> {
        // As std does: whoever had made them non-blocking still gets everything.
        stdout.set_blocking()?;
        stderr.set_blocking()?;
        let mut piece = vec![0; PIECE];
        loop {
            for token in self.wait()? {
                // There is something, or the end, so neither waits.
                let (got, read) = match token {
                    STDOUT => (stdout.read(&mut piece)?, &mut *from_stdout),
                    _ => (stderr.read(&mut piece)?, &mut *from_stderr),
                };
                read.extend_from_slice(&piece[..got]);
                if got == 0 {
                    // The other one is alone now.
                    match token {
                        STDOUT => stderr.read_to_end(from_stderr)?,
                        _ => stdout.read_to_end(from_stdout)?,
                    };
                    return Ok(());
                }
            }
        }
    }

    /// The tokens of those that are ready, once one is.
    fn wait(&self) -> io::Result<impl Iterator<Item = u64> + use<>> {
        here().ready(self.0.as_ref(), Interest::Read, Limit::None)?;
        let mut events: Vec<Event> = Vec::with_capacity(2);
        epoll::wait(
            self.0.std(),
            spare_capacity(&mut events),
            Some(&Timespec::default()),
        )?;
        Ok(events.into_iter().map(|event| event.data.u64()))
    }
}
