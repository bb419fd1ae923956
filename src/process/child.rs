//! A running child.

use super::output::Either;
use super::{ChildStderr, ChildStdin, ChildStdout, ExitStatus, Output};
use crate::engine::socket::Handle;
use crate::engine::{Control, Interest, Limit, blocking, here, is_cancelled};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::fmt;
use std::io::{self, Read};
use std::process::Child as StdChild;

/// A child process, running or ended. Dropping it neither ends it nor waits for it. This corresponds to
/// [`std::process::Child`].
pub struct Child {
    inner: StdChild,
    /// What it reads, if that was [`piped`](super::Stdio::piped).
    pub stdin: Option<ChildStdin>,
    /// What it writes to its standard output, if that was [`piped`](super::Stdio::piped).
    pub stdout: Option<ChildStdout>,
    /// What it writes to its standard error, if that was [`piped`](super::Stdio::piped).
    pub stderr: Option<ChildStderr>,
}

impl From<StdChild> for Child {
    fn from(mut inner: StdChild) -> Self {
        Self {
            stdin: inner.stdin.take().map(ChildStdin::new),
            stdout: inner.stdout.take().map(ChildStdout::new),
            stderr: inner.stderr.take().map(ChildStderr::new),
            inner,
        }
    }
}

impl From<Child> for StdChild {
    fn from(child: Child) -> Self {
        let mut inner = child.inner;
        inner.stdin = child.stdin.map(Into::into);
        inner.stdout = child.stdout.map(Into::into);
        inner.stderr = child.stderr.map(Into::into);
        inner
    }
}

impl Child {
    /// This corresponds to [`std::process::Child::kill`].
    ///
    /// # Errors
    ///
    /// As std's; there is none for a child that was waited for.
    pub fn kill(&mut self) -> io::Result<()> {
        self.inner.kill()
    }

    /// This corresponds to [`std::process::Child::id`].
    #[must_use]
    pub fn id(&self) -> u32 {
        self.inner.id()
    }

    /// Closes the standard input that it reads, and waits until it has ended. This corresponds to
    /// [`std::process::Child::wait`].
    ///
    /// # Errors
    ///
    /// As std's. In a cancelled thread it fails unless the child has ended already; it can be waited for again.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        if !is_on_engine() {
            return self.inner.wait();
        }
        if let Some(status) = self.inner.try_wait()? {
            return Ok(status);
        }
        match self.wait_for_end() {
            Err(error) if is_cancelled(&error) => return Err(error),
            // What refused it does not keep a section from waiting.
            Err(_) | Ok(()) => {}
        }
        match self.inner.try_wait()? {
            Some(status) => Ok(status),
            None => blocking(|| self.inner.wait())?,
        }
    }

    /// Returns when the child has ended.
    fn wait_for_end(&self) -> io::Result<()> {
        // A child that was not waited for keeps its number, so that it is no other process's.
        let id = i32::try_from(self.inner.id()).ok().and_then(Pid::from_raw);
        let process = pidfd_open(id.ok_or(Errno::SRCH)?, PidfdFlags::empty())?;
        let process = Handle::new(process);
        here().ready(process.as_ref(), Interest::Read, Limit::None)
    }

    /// This corresponds to [`std::process::Child::try_wait`].
    ///
    /// # Errors
    ///
    /// As std's.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.inner.try_wait()
    }

    /// Reads what it writes, both streams at once, until it has ended. This corresponds to
    /// [`std::process::Child::wait_with_output`].
    ///
    /// # Errors
    ///
    /// As std's. In a cancelled thread it fails; nobody waits for the child then.
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        if !is_on_engine() {
            return StdChild::from(self).wait_with_output();
        }
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        match (self.stdout.take(), self.stderr.take()) {
            (None, None) => {}
            (Some(mut out), None) => drop(out.read_to_end(&mut stdout)?),
            (None, Some(mut err)) => drop(err.read_to_end(&mut stderr)?),
            (Some(out), Some(err)) => match Either::new(&out, &err) {
                Ok(either) => either.read(out, &mut stdout, err, &mut stderr)?,
                Err(_) => {
                    // Without a descriptor for that, an OS thread does what std does.
                    (self.stdout, self.stderr) = (Some(out), Some(err));
                    return blocking(|| StdChild::from(self).wait_with_output())?;
                }
            },
        }
        let status = self.wait()?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }
}

/// A plain OS thread does what std does.
fn is_on_engine() -> bool {
    Control::current(|control| control.is_some())
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish_non_exhaustive()
    }
}
