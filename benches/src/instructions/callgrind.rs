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

/// The first argument of the program that is counted.
pub(crate) const CHILD: &str = "child";

/// How long it may take; it takes a second or two.
const LIMIT: Duration = Duration::from_secs(60);
/// How often a look is taken whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// What one process counted: by the name of a profile, the instructions of each with that name.
pub(crate) struct Measured(HashMap<String, Vec<u64>>);

impl Measured {
    /// Of the profiles with this name, how many instructions the one with the fewest has.
    pub(crate) fn least(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.iter().min().copied()
    }
}

/// Runs this program as a [`CHILD`] with one more argument under callgrind, and leaves the profiles
/// in files whose names begin with `profile`.
///
/// # Errors
///
/// There is no valgrind, or the program failed under it or took too long.
pub(crate) fn run(argument: &str, profile: &Path) -> Result<Measured, Box<dyn Error>> {
    let log = profile.with_extension("log");
    let failure = match end_of(&mut command(argument, profile, &log)?)? {
        Some(status) if status.success() => return measured(profile),
        Some(status) => format!("the counted program failed under valgrind ({status})"),
        None => format!("the counted program did not end within {LIMIT:?}"),
    };
    Err(format!("{failure}:\n{}", fs::read_to_string(&log)?).into())
}

/// Reads the profiles whose names begin so: one for each request, with a number at the end.
fn measured(profile: &Path) -> Result<Measured, Box<dyn Error>> {
    let mut measured: HashMap<String, Vec<u64>> = HashMap::new();
    for number in 1.. {
        let path = profile.with_extension(number.to_string());
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            read => read?,
        };
        let value_of = |beginning| text.lines().find_map(|line| line.strip_prefix(beginning));
        let name = value_of("desc: Trigger: Client Request: ");
        let total = value_of("totals: ");
        let (name, total) = name
            .zip(total)
            .ok_or_else(|| format!("no name or no total in the profile {}", path.display()))?;
        let totals = measured.entry(name.to_owned()).or_default();
        totals.push(total.parse()?);
    }
    Ok(Measured(measured))
}

/// Nothing of the surroundings reaches the program: a switch of standin's, say, or one of libc's.
fn command(argument: &str, profile: &Path, log: &Path) -> io::Result<Command> {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(env::current_exe()?)
        .args([CHILD, argument])
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
