//! A process that is to be started.

use super::mask::SignalMask;
use super::{Child, CommandArgs, CommandEnvs, ExitStatus, Output, Stdio};
use crate::engine::blocking;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::Command as StdCommand;

/// Starts processes. This corresponds to [`std::process::Command`].
///
/// A process is started in a blocking section: other threads of the engine go on meanwhile. On pinned threads, and on
/// the engine `async`, that is another OS thread. It starts the process with the signal mask of its caller's, as std
/// would.
///
/// A child that asks the kernel for a signal at the end of its parent (`PR_SET_PDEATHSIG`) gets it when the *OS thread*
/// ends that started it. On every engine but `threads` that is not the thread that called: OS threads that nobody needs
/// end, on `green` after 100 ms at the earliest, while the process and the thread go on. Start such a child from a plain OS thread, or
/// from one of the engine `threads`, that lives as long as the child is to live.
pub struct Command {
    inner: StdCommand,
    /// Which standard streams the user chose.
    chosen: Chosen,
}

#[derive(Default)]
struct Chosen {
    stdin: bool,
    stdout: bool,
    stderr: bool,
}

impl Command {
    /// This corresponds to [`std::process::Command::new`].
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        StdCommand::new(program).into()
    }

    /// This corresponds to [`std::process::Command::arg`].
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.inner.arg(arg);
        self
    }

    /// This corresponds to [`std::process::Command::args`].
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.inner.args(args);
        self
    }

    /// This corresponds to [`std::process::Command::env`].
    pub fn env<K, V>(&mut self, key: K, val: V) -> &mut Command
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.inner.env(key, val);
        self
    }

    /// This corresponds to [`std::process::Command::envs`].
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.inner.envs(vars);
        self
    }

    /// This corresponds to [`std::process::Command::env_remove`].
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.inner.env_remove(key);
        self
    }

    /// This corresponds to [`std::process::Command::env_clear`].
    pub fn env_clear(&mut self) -> &mut Command {
        self.inner.env_clear();
        self
    }

    /// This corresponds to [`std::process::Command::current_dir`].
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Command {
        self.inner.current_dir(dir);
        self
    }

    /// This corresponds to [`std::process::Command::stdin`].
    pub fn stdin<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.inner.stdin(cfg.into().into_std());
        self.chosen.stdin = true;
        self
    }

    /// This corresponds to [`std::process::Command::stdout`].
    pub fn stdout<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.inner.stdout(cfg.into().into_std());
        self.chosen.stdout = true;
        self
    }

    /// This corresponds to [`std::process::Command::stderr`].
    pub fn stderr<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.inner.stderr(cfg.into().into_std());
        self.chosen.stderr = true;
        self
    }

    /// This corresponds to [`std::process::Command::spawn`].
    ///
    /// # Errors
    ///
    /// As std's, and those of [`blocking`].
    pub fn spawn(&mut self) -> io::Result<Child> {
        let inner = &mut self.inner;
        let mask = SignalMask::current();
        let child = blocking(|| mask.during(|| inner.spawn()))??;
        Ok(child.into())
    }

    /// This corresponds to [`std::process::Command::output`]: streams that were not chosen are read, and there is
    /// nothing for the process to read.
    ///
    /// # Errors
    ///
    /// As std's, and those of [`blocking`] and [`Child::wait_with_output`].
    pub fn output(&mut self) -> io::Result<Output> {
        self.choose_for_rest([Stdio::null(), Stdio::piped(), Stdio::piped()]);
        let child = self.spawn();
        self.choose_for_rest([Stdio::inherit(), Stdio::inherit(), Stdio::inherit()]);
        child?.wait_with_output()
    }

    /// For the streams that the user did not choose, until the next choice.
    fn choose_for_rest(&mut self, [stdin, stdout, stderr]: [Stdio; 3]) {
        if !self.chosen.stdin {
            self.inner.stdin(stdin.into_std());
        }
        if !self.chosen.stdout {
            self.inner.stdout(stdout.into_std());
        }
        if !self.chosen.stderr {
            self.inner.stderr(stderr.into_std());
        }
    }

    /// This corresponds to [`std::process::Command::status`].
    ///
    /// # Errors
    ///
    /// As std's, and those of [`blocking`] and [`Child::wait`].
    pub fn status(&mut self) -> io::Result<ExitStatus> {
        self.spawn()?.wait()
    }

    /// This corresponds to [`std::process::Command::get_program`].
    #[must_use]
    pub fn get_program(&self) -> &OsStr {
        self.inner.get_program()
    }

    /// This corresponds to [`std::process::Command::get_args`].
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.inner.get_args()
    }

    /// This corresponds to [`std::process::Command::get_envs`].
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.inner.get_envs()
    }

    /// This corresponds to [`std::process::Command::get_current_dir`].
    #[must_use]
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.inner.get_current_dir()
    }

    /// For what only some systems have.
    pub(crate) fn std(&mut self) -> &mut StdCommand {
        &mut self.inner
    }
}

impl From<StdCommand> for Command {
    /// Which streams its user chose is not known: with [`output`](Command::output) they are read.
    fn from(inner: StdCommand) -> Self {
        Self {
            inner,
            chosen: Chosen::default(),
        }
    }
}

impl From<Command> for StdCommand {
    /// After an [`output`](Command::output), the streams that its user did not choose are chosen: they are inherited,
    /// also by std's own `output`, which then reads nothing. Std has no way to take a choice back.
    fn from(command: Command) -> Self {
        command.inner
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
