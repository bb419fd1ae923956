//! What child processes promise: how they are started, waited for and ended. `process_streams.rs` has what is said to
//! them and by them.

use super::net::kind;
use super::shapes::{io, os, process, sync, thread};
use io::pipe;
use os::unix::process::CommandExt;
use process::{Child, Command, Stdio};
use rustix::fs::OFlags;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use sync::mpsc::channel;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("process_status", process_status),
    ("process_wait_waits", process_wait_waits),
    ("process_ended_before", process_ended_before),
    ("process_try_wait", process_try_wait),
    ("process_kill", process_kill),
    ("process_not_found", process_not_found),
    ("process_many", process_many),
    ("process_dropped", process_dropped),
    ("process_settings", process_settings),
    ("process_shown", process_shown),
    ("process_on_unix", process_on_unix),
    ("process_pre_exec", process_pre_exec),
    ("process_inherits_nothing", process_inherits_nothing),
    ("process_inherits_signal_mask", process_inherits_signal_mask),
    ("process_traits", process_traits),
];

pub fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script);
    command
}

/// Nothing is left of a child that was waited for. Another process may have its number by now.
fn is_gone(id: u32) -> bool {
    let parent = format!("PPid:\t{}\n", std::process::id());
    match std::fs::read_to_string(format!("/proc/{id}/status")) {
        Ok(status) => !status.contains(&parent) || !status.contains("State:\tZ"),
        Err(_) => true,
    }
}

pub fn process_status() {
    assert!(Command::new("true").status().unwrap().success());
    assert_eq!(shell("exit 7").status().unwrap().code(), Some(7));
    let killed = shell("kill -TERM $$").status().unwrap();
    assert_eq!((killed.code(), killed.signal()), (None, Some(15)));
}

pub fn process_wait_waits() {
    let (reader, mut writer) = pipe().unwrap();
    let mut child = shell("read word; exit 5").stdin(reader).spawn().unwrap();
    let id = child.id();
    let has_ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let (starts, started) = channel();
        let has_ended = &has_ended;
        let waiting = scope.spawn(move || {
            starts.send(()).unwrap();
            let status = child.wait().unwrap();
            has_ended.store(true, SeqCst);
            status
        });
        started.recv().unwrap();
        (0..10).for_each(|_| thread::yield_now());
        assert!(!has_ended.load(SeqCst), "nobody has written the word");
        writer.write_all(b"word\n").unwrap();
        assert_eq!(waiting.join().unwrap().code(), Some(5));
    });
    assert!(is_gone(id));
}

pub fn process_ended_before() {
    let mut child = shell("exit 4").stdout(Stdio::piped()).spawn().unwrap();
    let mut nothing = String::new();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_to_string(&mut nothing).unwrap();
    assert_eq!(nothing, "");
    // Its end of the pipe is closed: it has ended, or is about to. The second answer is the first one's.
    for _ in 0..3 {
        assert_eq!(child.wait().unwrap().code(), Some(4));
    }
    assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(4));
    assert!(is_gone(child.id()));
}

pub fn process_try_wait() {
    let (reader, writer) = pipe().unwrap();
    let mut child = shell("read word; exit 3").stdin(reader).spawn().unwrap();
    assert_eq!(child.try_wait().unwrap(), None);
    drop(writer);
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => thread::yield_now(),
        }
    };
    assert_eq!(status.code(), Some(3));
    assert_eq!(child.wait().unwrap(), status);
}

pub fn process_kill() {
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    // It is known to be over.
    child.kill().unwrap();
    assert!(is_gone(child.id()));
}

pub fn process_not_found() {
    let mut command = Command::new("/no/such/program");
    assert_eq!(kind(command.spawn().map(drop)), ErrorKind::NotFound);
    assert_eq!(kind(command.status()), ErrorKind::NotFound);
    assert_eq!(kind(command.output()), ErrorKind::NotFound);
    let in_no_folder = kind(Command::new("true").current_dir("/no/such/folder").status());
    assert_eq!(in_no_folder, ErrorKind::NotFound);
    assert_eq!(kind(Command::new("a\0b").status()), ErrorKind::InvalidInput);
    assert_eq!(
        kind(Command::new("/proc").status()),
        ErrorKind::PermissionDenied
    );
}

pub fn process_many() {
    const MANY: usize = 40;
    let (reader, writer) = pipe().unwrap();
    let ids: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..MANY)
            .map(|n| {
                let reader = reader.try_clone().unwrap();
                let mut child = shell(&format!("read word; exit {n}"))
                    .stdin(reader)
                    .spawn()
                    .unwrap();
                scope.spawn(move || {
                    assert_eq!(child.wait().unwrap().code(), Some(n as i32));
                    child.id()
                })
            })
            .collect();
        // All of them read its end.
        drop(writer);
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(ids.into_iter().all(is_gone));
}

/// A child goes on when nobody has it any more.
pub fn process_dropped() {
    let (reader, writer) = pipe().unwrap();
    let (mut from_child, to_us) = pipe().unwrap();
    let child = shell("read word; echo $word")
        .stdin(reader)
        .stdout(to_us)
        .spawn();
    let id = child.unwrap().id();
    (&writer).write_all(b"word\n").unwrap();
    let mut word = String::new();
    from_child.read_to_string(&mut word).unwrap();
    assert_eq!(word, "word\n");
    // Nobody else waits for it.
    let id = rustix::process::Pid::from_raw(id as i32).unwrap();
    let ended = rustix::process::waitpid(Some(id), rustix::process::WaitOptions::empty());
    assert!(ended.unwrap().is_some());
}

pub fn process_settings() {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "echo $ONE $TWO $GONE $0 $1; pwd", "zero", "first"])
        .env("GONE", "gone")
        .envs([("ONE", "1"), ("TWO", "2")])
        .env_remove("GONE")
        .current_dir("/");
    assert_eq!(command.get_program(), "/bin/sh");
    assert_eq!(command.get_args().len(), 4);
    assert_eq!(command.get_args().last().unwrap(), "first");
    let settings: Vec<_> = command.get_envs().collect();
    assert_eq!(settings.len(), 3);
    assert_eq!(settings[0], ("GONE".as_ref(), None));
    assert_eq!(command.get_current_dir(), Some(Path::new("/")));
    for _ in 0..2 {
        let output = command.output().unwrap();
        assert_eq!(output.stdout, b"1 2 zero first\n/\n");
    }
    // `env` shows what there is.
    let output = Command::new("/usr/bin/env")
        .env_clear()
        .env("A", "b")
        .output();
    assert_eq!(output.unwrap().stdout, b"A=b\n");
}

pub fn process_shown() {
    let mut command = Command::new("program");
    command.args(["one", "two words"]).env("NAME", "value");
    let mut std = std::process::Command::new("program");
    std.args(["one", "two words"]).env("NAME", "value");
    assert_eq!(format!("{command:?}"), format!("{std:?}"));
    assert_eq!(format!("{command:#?}"), format!("{std:#?}"));
    assert_eq!(format!("{:?}", Stdio::null()), "Stdio { .. }");
    let mut child = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
    assert_eq!(
        format!("{child:?}"),
        "Child { stdin: Some(ChildStdin { .. }), stdout: None, stderr: None, .. }"
    );
    child.wait().unwrap();
    // It was closed, lest the child wait for more.
    assert!(child.stdin.is_none());
}

pub fn process_on_unix() {
    let output = shell("echo $0").arg0("another name").output().unwrap();
    assert_eq!(output.stdout, b"another name\n");
    // A group of its own: its number is the child's.
    let mut child = shell("read word")
        .stdin(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    assert_eq!(rustix::process::getpgid(Some(pid)).unwrap(), pid);
    child.wait().unwrap();
    if rustix::process::geteuid().is_root() {
        let output = Command::new("id")
            .arg("-u")
            .uid(12_345)
            .gid(12_345)
            .output();
        assert_eq!(output.unwrap().stdout, b"12345\n");
    }
}

pub fn process_pre_exec() {
    let (mut reader, writer) = pipe().unwrap();
    let mut command = Command::new("true");
    // SAFETY: a write to a pipe is what a signal handler may do as well.
    unsafe {
        command.pre_exec(move || {
            rustix::io::write(&writer, b"in the child")?;
            Ok(())
        });
    }
    assert!(command.status().unwrap().success());
    let mut words = [0; 12];
    reader.read_exact(&mut words).unwrap();
    assert_eq!(&words, b"in the child");
    // SAFETY: the closure returns at once.
    unsafe { command.pre_exec(|| Err(std::io::Error::from_raw_os_error(38))) };
    assert_eq!(command.status().unwrap_err().raw_os_error(), Some(38));
}

/// Whether this process got a descriptor from its own parent, and hands it on.
fn is_passed_on(path: &str) -> bool {
    let number = path.rsplit('/').next().unwrap();
    match std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")) {
        Ok(info) => {
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
            let flags = u32::from_str_radix(flags.unwrap().trim(), 8).unwrap();
            flags & OFlags::CLOEXEC.bits() == 0
        }
        Err(_) => false,
    }
}

/// Descriptors that were made, waited for and passed on, of every kind.
pub fn process_inherits_nothing() {
    let (reader, writer) = pipe().unwrap();
    let (kept_reader, kept_writer) = (reader.try_clone().unwrap(), writer.try_clone().unwrap());
    let null = OpenOptions::new().write(true).open("/dev/null").unwrap();
    let mut other = shell("read word")
        .stdin(reader)
        .stdout(null)
        .spawn()
        .unwrap();
    thread::scope(|scope| {
        scope.spawn(|| other.wait().unwrap());
        let output = shell("echo /proc/self/fd/*").output().unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        let own = |path: &&str| !is_passed_on(path);
        // It is that of the folder, which the shell reads.
        assert_eq!(listed.split_whitespace().filter(own).count(), 1, "{listed}");
        drop((writer, kept_writer));
    });
    drop(kept_reader);
}

/// The mask is that of the OS thread, so nothing parks between a look at it and the start of a process.
pub fn process_inherits_signal_mask() {
    fn exchanged(how: i32, mask: &libc::sigset_t) -> libc::sigset_t {
        let mut before = *mask;
        // SAFETY: both are masks, and are there during the call.
        assert_eq!(unsafe { libc::pthread_sigmask(how, mask, &mut before) }, 0);
        before
    }
    /// A word of the kernel's; its first signal has the number 1.
    fn is_member(word: &str, signal: i32) -> bool {
        u64::from_str_radix(word, 16).unwrap() >> (signal - 1) & 1 == 1
    }
    const SIGNAL: i32 = libc::SIGPROF;
    // SAFETY: zeroes are a mask without signals.
    let mut signals: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: it is a mask.
    assert_eq!(unsafe { libc::sigaddset(&mut signals, SIGNAL) }, 0);
    // Whoever starts processes for others has begun, with a mask of its own.
    shell("true").status().unwrap();
    for how in [libc::SIG_BLOCK, libc::SIG_UNBLOCK] {
        let mut command = Command::new("sed");
        command.args(["-n", "s/^SigBlk:[[:space:]]*//p", "/proc/self/status"]);
        exchanged(how, &signals);
        let output = command.output().unwrap();
        let word = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            is_member(word.trim(), SIGNAL),
            how == libc::SIG_BLOCK,
            "{word}"
        );
    }
}

pub fn process_traits() {
    fn check<T: Send + Sync + Unpin>() {}
    fn check_unwind<T: UnwindSafe + RefUnwindSafe>() {}
    check::<Command>();
    check::<Child>();
    check::<Stdio>();
    check_unwind::<Child>();
    check_unwind::<Stdio>();
    check_unwind::<process::ChildStdin>();
    check_unwind::<process::ChildStdout>();
    check_unwind::<process::ChildStderr>();
}
