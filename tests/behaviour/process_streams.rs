//! What is said to child processes, and by them.

// On std, conversions into std's types are conversions into themselves.
#![allow(clippy::useless_conversion)]

use super::net::{kind_at_last, pattern};
use super::process::shell;
use super::shapes::{io, process, thread};
use io::pipe;
use process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("process_output", process_output),
    ("process_output_large", process_output_large),
    ("process_output_again", process_output_again),
    ("process_output_of_one", process_output_of_one),
    ("process_output_not_blocking", process_output_not_blocking),
    ("process_started_twice", process_started_twice),
    ("process_conversation", process_conversation),
    ("process_large_both_ways", process_large_both_ways),
    ("process_input_broken", process_input_broken),
    ("process_chain", process_chain),
    ("process_own_pipes", process_own_pipes),
    ("process_files", process_files),
    ("process_streams_convert", process_streams_convert),
    ("process_through_std", process_through_std),
];

/// More than a pipe has room for.
const LARGE: usize = 1_000_000;

pub fn process_output() {
    let output = shell("echo out; echo err >&2; exit 3").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stdout, b"out\n");
    assert_eq!(output.stderr, b"err\n");
    // There is nothing to read, so it does not wait.
    assert_eq!(Command::new("cat").output().unwrap().stdout, b"");
}

pub fn process_output_large() {
    let zeros = format!("head -c {LARGE} /dev/zero");
    for script in [
        format!("{zeros}; {zeros} >&2"),
        format!("{zeros} >&2; {zeros}"),
        format!("{zeros} & {zeros} >&2; wait"),
        format!("exec 2>&-; {zeros}"),
    ] {
        let output = shell(&script).output().unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout.len(), LARGE, "of {script}");
        let errors = if script.contains(">&2") { LARGE } else { 0 };
        assert_eq!(output.stderr.len(), errors, "of {script}");
    }
}

pub fn process_output_again() {
    let mut command = shell("cat; echo $0");
    for _ in 0..2 {
        assert_eq!(command.output().unwrap().stdout, b"/bin/sh\n");
    }
    // What was chosen stays so.
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(child.stderr.is_none());
    child.stdin.as_mut().unwrap().write_all(b"word ").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"word /bin/sh\n");
    let output = command.stdout(Stdio::null()).stderr(Stdio::null()).output();
    assert_eq!(output.unwrap().stdout, b"");
}

/// Whoever made the streams non-blocking gets everything all the same.
pub fn process_output_not_blocking() {
    for (first, second) in [("stdout", "stderr"), ("stderr", "stdout")] {
        let (reader, mut writer) = pipe().unwrap();
        // The first ends, and the second says nothing before that was seen.
        let script = match first {
            "stdout" => "exec >&-; read word; echo err >&2",
            _ => "exec 2>&-; read word; echo out",
        };
        let mut command = shell(script);
        command
            .stdin(reader)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        drop(command);
        rustix::io::ioctl_fionbio(child.stdout.as_ref().unwrap(), true).unwrap();
        rustix::io::ioctl_fionbio(child.stderr.as_ref().unwrap(), true).unwrap();
        let output = thread::scope(|scope| {
            let reading = scope.spawn(|| child.wait_with_output());
            (0..100).for_each(|_| thread::yield_now());
            writer.write_all(b"word\n").unwrap();
            reading.join().unwrap().unwrap()
        });
        let said = match second {
            "stdout" => (output.stdout, b"out\n"),
            _ => (output.stderr, b"err\n"),
        };
        assert_eq!(said.0, said.1);
    }
}

pub fn process_started_twice() {
    let (mut reader, writer) = pipe().unwrap();
    let mut command = shell("echo $0");
    command.stdout(writer);
    for _ in 0..2 {
        let mut child = command.spawn().unwrap();
        assert!(child.wait().unwrap().success());
    }
    // Nobody else has the other end.
    drop(command);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "/bin/sh\n/bin/sh\n");
    // Streams that were not chosen are inherited after as before they were read.
    let mut command = shell("exit 4");
    for _ in 0..2 {
        let mut child = command.spawn().unwrap();
        assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
        assert_eq!(child.wait().unwrap().code(), Some(4));
        assert_eq!(command.output().unwrap().status.code(), Some(4));
    }
}

pub fn process_output_of_one() {
    let mut command = shell("echo out; echo err >&2");
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(
        (&*output.stdout, &*output.stderr),
        (&b""[..], &b"err\n"[..])
    );
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(
        (&*output.stdout, &*output.stderr),
        (&b"out\n"[..], &b""[..])
    );
    command.stdout(Stdio::null());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
}

pub fn process_conversation() {
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for n in 0..100 {
        writeln!(stdin, "question {n}").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), format!("question {n}"));
    }
    let parts = [IoSlice::new(b"one "), IoSlice::new(b"two\n")];
    assert_eq!((&stdin).write_vectored(&parts).unwrap(), 8);
    assert_eq!(lines.next().unwrap().unwrap(), "one two");
    drop(stdin);
    assert!(lines.next().is_none());
    assert!(child.wait().unwrap().success());
}

pub fn process_large_both_ways() {
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(&pattern(LARGE)).unwrap());
        let output = child.wait_with_output().unwrap();
        assert!(output.stdout == pattern(LARGE));
    });
}

pub fn process_input_broken() {
    let mut child = shell("exec <&-; echo closed; read word <&1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    assert_eq!(
        kind_at_last(|| stdin.write_all(b"word")),
        ErrorKind::BrokenPipe
    );
    drop(stdout);
    child.kill().unwrap();
    child.wait().unwrap();
}

pub fn process_chain() {
    let mut first = shell("echo b; echo a")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = first.stdout.take().unwrap();
    let second = Command::new("sort").stdin(stdout).output().unwrap();
    assert_eq!(second.stdout, b"a\nb\n");
    assert!(first.wait().unwrap().success());
    // The other way: what the second one reads, the first one writes.
    let mut second = Command::new("sort")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = second.stdin.take().unwrap();
    assert!(
        shell("echo d; echo c")
            .stdout(stdin)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(second.wait_with_output().unwrap().stdout, b"c\nd\n");
}

pub fn process_own_pipes() {
    let (mut reader, writer) = pipe().unwrap();
    let both = writer.try_clone().unwrap();
    let mut command = shell("echo out; echo err >&2");
    command.stdout(writer).stderr(both);
    let mut child = command.spawn().unwrap();
    // The command has the ends as well, until it is dropped.
    drop(command);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "out\nerr\n");
    assert!(child.wait().unwrap().success());
}

pub fn process_files() {
    let name = format!(
        "standin-process-{}-{:?}",
        std::process::id(),
        thread::current().id()
    );
    let path = std::env::temp_dir().join(name);
    let status = shell("echo out")
        .stdout(File::create(&path).unwrap())
        .status();
    assert!(status.unwrap().success());
    let output = Command::new("cat")
        .stdin(File::open(&path).unwrap())
        .output();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(output.unwrap().stdout, b"out\n");
    let fd = File::open("/dev/null").unwrap().into_raw_fd();
    // SAFETY: the descriptor is owned by nobody else.
    let stdio = unsafe { Stdio::from_raw_fd(fd) };
    assert_eq!(
        Command::new("cat").stdin(stdio).output().unwrap().stdout,
        b""
    );
    let status = Command::new("true")
        .stdout(io::stdout())
        .stderr(io::stderr())
        .status();
    assert!(status.unwrap().success());
}

pub fn process_streams_convert() {
    let mut child = shell("cat; echo err >&2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    let number = stdin.as_raw_fd();
    let mut stdin = ChildStdin::from(OwnedFd::from(stdin));
    assert_eq!(stdin.as_fd().as_raw_fd(), number);
    stdin.write_all(b"word").unwrap();
    drop(stdin);
    let mut text = String::new();
    let mut stdout = ChildStdout::from(OwnedFd::from(child.stdout.take().unwrap()));
    stdout.read_to_string(&mut text).unwrap();
    let mut stderr = ChildStderr::from(OwnedFd::from(child.stderr.take().unwrap()));
    stderr.read_to_string(&mut text).unwrap();
    assert_eq!(text, "worderr\n");
    assert_eq!(format!("{stdout:?}"), "ChildStdout { .. }");
    assert_eq!(format!("{stderr:?}"), "ChildStderr { .. }");
    assert!(child.wait().unwrap().success());
}

pub fn process_through_std() {
    let mut std = std::process::Command::new("cat");
    std.stdin(std::process::Stdio::from(Stdio::piped()));
    let mut command = Command::from(std);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut child = std::process::Child::from(child);
    child.stdin.as_mut().unwrap().write_all(b"word").unwrap();
    let child = process::Child::from(child);
    assert_eq!(child.wait_with_output().unwrap().stdout, b"word");
}
