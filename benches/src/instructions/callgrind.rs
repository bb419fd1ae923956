//! Runs this program under callgrind, and reads what it counted.

use rustix::process::{Signal, set_parent_process_death_signal};
use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The argument of the program that is counted.
pub(crate) const CHILD: &str = "child";

/// How long it may take; it takes some seconds.
const LIMIT: Duration = Duration::from_secs(90);
/// How often a look is taken whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// By the name of a profile, the instructions of each with that name.
pub(crate) struct Measured(HashMap<String, Vec<u64>>);

impl Measured {
    /// Of the profiles with this name, how many instructions the one with the fewest has.
    pub(crate) fn least(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.iter().min().copied()
    }
}

/// Runs this program as [`CHILD`] under callgrind, and leaves the profiles in `folder`.
///
/// # Errors
///
/// There is no valgrind, or the program failed under it or took too long.
pub(crate) fn run(folder: &Path) -> Result<Measured, Box<dyn Error>> {
    // What is there is from an earlier run.
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(folder)?,
    }
    let log = folder.join("log");
    let status = end_of(&mut command(folder, &log)?)?;
    if !status.is_some_and(|status| status.success()) {
        let log = fs::read_to_string(&log)?;
        return Err(match status {
            Some(status) => format!("the counted program failed under valgrind ({status}):\n{log}"),
            None => format!("the counted program did not end within {LIMIT:?}:\n{log}"),
        }
        .into());
    }
    let mut measured: HashMap<String, Vec<u64>> = HashMap::new();
    for file in fs::read_dir(folder)? {
        let text = fs::read_to_string(file?.path())?;
        if let Some(name) = value_of(&text, "desc: Trigger: Client Request: ") {
            let total = value_of(&text, "totals: ").ok_or("callgrind wrote a profile half")?;
            measured
                .entry(name.to_owned())
                .or_default()
                .push(total.parse()?);
        }
    }
    Ok(Measured(measured))
}

/// Nothing of the surroundings reaches the program: a switch of standin's, say, or one of libc's.
fn command(folder: &Path, log: &Path) -> io::Result<Command> {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!(
            "--callgrind-out-file={}",
            folder.join("profile").display()
        ))
        .arg(env::current_exe()?)
        .arg(CHILD)
        .env_clear()
        .env("STANDIN_WORKERS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(log)?);
    for name in ["PATH", "VALGRIND_LIB"] {
        if let Some(value) = env::var_os(name) {
            command.env(name, value);
        }
    }
    // SAFETY: a single system call.
    unsafe {
        command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
    }
    Ok(command)
}

/// How it ended; `None` if it had to be killed after [`LIMIT`].
fn end_of(command: &mut Command) -> Result<Option<ExitStatus>, Box<dyn Error>> {
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            "valgrind, which counts, is not installed: `apt-get install valgrind`".to_owned()
        }
        _ => format!("cannot start valgrind: {error}"),
    })?;
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

/// The rest of the first line that begins so.
fn value_of<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(beginning))
}
