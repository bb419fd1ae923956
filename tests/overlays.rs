//! Published crates on the shim, by overlays: the programs in `tests/overlays` use `ureq` with `rustls`, `tiny_http`, `tungstenite`
//! and `redis`, which know nothing of standin. Copies of them get one line in their manifests, and so run on green threads: a
//! thousand operations at once, each against a server that answers nobody until all are waiting.
//!
//! Needs the registry once, for the crates.

#[path = "overlays/overlay.rs"]
mod overlay;

use overlay::Workspace;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

/// At most so many OS threads for a thousand operations, each of which is two threads or more.
const FEW: usize = 16;
/// The processors that the engine gets, so that the machine's number does not decide.
const WORKERS: &str = "4";
/// Both sides of a thousand connections.
const DESCRIPTORS: u32 = 4096;
/// After so many seconds a program hangs.
const PATIENCE: u32 = 300;

const PROGRAMS: [&str; 4] = [
    "with-redis",
    "with-tiny-http",
    "with-tungstenite",
    "with-ureq",
];

#[test]
fn without_an_engine_each_thread_is_an_os_thread() {
    on(None, |os_threads| os_threads > 2000);
}

#[test]
fn with_green_a_thousand_operations_take_few_os_threads() {
    on(Some("green"), |os_threads| os_threads <= FEW);
}

#[test]
fn with_async_a_thousand_operations_take_few_os_threads() {
    on(Some("async"), |os_threads| os_threads <= FEW);
}

/// Builds the programs for an engine and runs them.
fn on(engine: Option<&str>, is_right: impl Fn(usize) -> bool) {
    // They share a folder, and the machine.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let workspace = match Workspace::new() {
        Ok(workspace) => workspace,
        Err(reason) => {
            // Past the test harness, which keeps what a test that passes prints.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: published crates on the engine {engine:?}, because they cannot be fetched:\n{reason}"
            );
            return;
        }
    };
    let programs = workspace.build(engine);
    for program in PROGRAMS {
        let os_threads = run(&programs.join(program), engine);
        assert!(
            is_right(os_threads),
            "{program} on {engine:?} had {os_threads} OS threads"
        );
    }
}

/// Runs a program, which panics where something is wrong; returns how many OS threads it had while all waited.
fn run(program: &Path, engine: Option<&str>) -> usize {
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {DESCRIPTORS} && exec timeout {PATIENCE} \"$@\"");
    command.args(["-c", &script, "sh"]).arg(program);
    if engine.is_some() {
        command.arg(FEW.to_string());
    }
    command
        .env_remove("STANDIN_ENGINE")
        .env("STANDIN_WORKERS", WORKERS);
    let output = command.output().expect("there is a shell");
    let printed = String::from_utf8_lossy(&output.stdout);
    let os_threads = printed.strip_prefix("answers: 1000\nOS threads: ");
    let os_threads = os_threads.and_then(|count| count.trim().parse().ok());
    match os_threads {
        Some(os_threads) if output.status.success() => os_threads,
        _ => panic!(
            "{} on {engine:?} ended with {} (124: it hung for {PATIENCE} s), printed {printed:?} and said:\n{}",
            program.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}
