//! What processes have on Unix, as [`std::os::unix::process`]. [`CommandExt`] is an own trait, because std's is sealed;
//! `ExitStatusExt` and `parent_id` are std's.

pub use std::os::unix::process::*;

use crate::process::Command;
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as StdExt;

/// What a [`Command`] has on Unix. This corresponds to [`std::os::unix::process::CommandExt`].
pub trait CommandExt: sealed::Sealed {
    /// This corresponds to [`std::os::unix::process::CommandExt::uid`].
    fn uid(&mut self, id: u32) -> &mut Command;

    /// This corresponds to [`std::os::unix::process::CommandExt::gid`].
    fn gid(&mut self, id: u32) -> &mut Command;

    /// Has `f` called in the child, before its program starts. This corresponds to
    /// [`std::os::unix::process::CommandExt::pre_exec`].
    ///
    /// # Safety
    ///
    /// As std's: only the thread that forked is there, so `f` may do what a signal handler may. It is not to use
    /// what parks: nobody is there to wake it.
    unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static;

    /// The former name of [`pre_exec`](Self::pre_exec). This corresponds to
    /// [`std::os::unix::process::CommandExt::before_exec`].
    ///
    /// # Safety
    ///
    /// That of [`pre_exec`](Self::pre_exec).
    #[deprecated(note = "replaced by `pre_exec`, as std's is")]
    unsafe fn before_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: the caller's promise.
        unsafe { self.pre_exec(f) }
    }

    /// Becomes that process, and returns only an error. This corresponds to
    /// [`std::os::unix::process::CommandExt::exec`].
    fn exec(&mut self) -> io::Error;

    /// This corresponds to [`std::os::unix::process::CommandExt::arg0`].
    fn arg0<S>(&mut self, arg: S) -> &mut Command
    where
        S: AsRef<OsStr>;

    /// This corresponds to [`std::os::unix::process::CommandExt::process_group`].
    fn process_group(&mut self, pgroup: i32) -> &mut Command;
}

impl CommandExt for Command {
    fn uid(&mut self, id: u32) -> &mut Command {
        self.std().uid(id);
        self
    }

    fn gid(&mut self, id: u32) -> &mut Command {
        self.std().gid(id);
        self
    }

    unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: the caller's promise.
        unsafe { self.std().pre_exec(f) };
        self
    }

    fn exec(&mut self) -> io::Error {
        self.std().exec()
    }

    fn arg0<S>(&mut self, arg: S) -> &mut Command
    where
        S: AsRef<OsStr>,
    {
        self.std().arg0(arg);
        self
    }

    fn process_group(&mut self, pgroup: i32) -> &mut Command {
        self.std().process_group(pgroup);
        self
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for crate::process::Command {}
}
