//! The standard streams of a process whose neighbours are slow, gone, or files. Each part runs in a process of its
//! own, on every engine, with one worker: who blocked that would stop all others, and on pinned threads nobody could
//! take the others away from it.

#![cfg(all(
    feature = "green",
    feature = "async",
    feature = "threads",
    target_os = "linux"
))]

mod common;

use common::reads::reads;
use common::watch::until;
use rustix::fs::{Advice, fadvise};
use standin::engine::{self, Engine};
use standin::io::{self, IsTerminal, stderr, stdin, stdout};
use standin::sync::mpsc;
use standin::{eprintln, print, println, thread};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

const ENGINES: [&str; 5] = ["threads", "green", "green-pinned", "async", "async-pinned"];

const PART: &str = "STANDIN_TEST_STREAMS_PART";
const ENGINE: &str = "STANDIN_TEST_STREAMS_ENGINE";

const THREADS: usize = 2_000;
const LINES: usize = 5;
/// Of each line, so that many lines fill a pipe, and none is whole in one piece by luck alone.
const FILLER: &str = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz";

/// Not a test by itself: what the processes run.
#[test]
fn part() {
    let (Ok(part), Ok(engine)) = (std::env::var(PART), std::env::var(ENGINE)) else {
        return;
    };
    // SAFETY: no part keeps a pointer through a thread-local, or holds a lock of std's, across a call that parks.
    unsafe { engine::green::accept_pinned() };
    let engine: Engine = engine::named(&engine).expect("it is compiled");
    engine.run(match &*part {
        "lines" => lines,
        "others" => others,
        "others-stderr" => others_stderr,
        "echo" => echo,
        "closed" => closed,
        "locks" => locks,
        "cancelled" => cancelled,
        "redirected" => redirected,
        "unread" => unread,
        "prints" => prints,
        "takes" => takes,
        "cold" => cold,
        part => panic!("there is no part {part}"),
    });
}

fn command(part: &str, engine: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the program has a path"));
    command
        .args(["part", "--exact", "--nocapture"])
        .env(PART, part)
        .env(ENGINE, engine)
        .env("STANDIN_WORKERS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn start(part: &str, engine: &str) -> Child {
    command(part, engine)
        .spawn()
        .expect("the program starts again")
}

/// Until the pipe has no room for another line.
fn wait_until_full(child: &Child, pipe: impl AsFd) {
    until(child.id(), || {
        rustix::io::ioctl_fionread(&pipe).expect("a pipe") >= 65_536 - 4_096
    });
}

/// To its end, so that the pipe is full most of the time.
fn in_small_pieces(mut pipe: impl Read) -> String {
    let (mut text, mut piece) = (Vec::new(), [0; 1_000]);
    loop {
        match pipe.read(&mut piece).expect("a pipe") {
            0 => return String::from_utf8(text).expect("text"),
            got => text.extend_from_slice(&piece[..got]),
        }
    }
}

/// What the harness prints comes first and last.
fn succeeds(child: Child) -> String {
    let output = child.wait_with_output().expect("it can be waited for");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

fn line(thread: usize, number: usize) -> String {
    format!("line {thread} {number} {FILLER} end")
}

fn lines() {
    // Its reports would come by this very standard error, among the lines that are counted.
    engine::green::on_blocked(|_| {});
    thread::scope(|scope| {
        for n in 0..THREADS {
            scope.spawn(move || {
                for number in 0..LINES {
                    // In several pieces, each of which could go by itself.
                    println!("line {n} {number} {} {}", FILLER, "end");
                    eprintln!("line {n} {number} {} {}", FILLER, "end");
                }
            });
        }
    });
    print!("without an end");
}

#[test]
fn lines_of_many_threads_are_whole() {
    for engine in ENGINES {
        let mut child = start("lines", engine);
        wait_until_full(&child, child.stdout.as_ref().expect("a pipe"));
        wait_until_full(&child, child.stderr.as_ref().expect("a pipe"));
        let stdout = child.stdout.take().expect("a pipe");
        let stderr = child.stderr.take().expect("a pipe");
        let [text, errors] = std::thread::scope(|scope| {
            let stderr = scope.spawn(|| in_small_pieces(stderr));
            [in_small_pieces(stdout), stderr.join().expect("text")]
        });
        let status = child.wait().expect("it can be waited for");
        assert!(status.success(), "{status} on {engine}: {errors}");
        for text in [&text, &errors] {
            let mut next = vec![0; THREADS];
            for found in text.lines().filter(|found| found.contains(FILLER)) {
                let thread: usize = found
                    .split(' ')
                    .nth(1)
                    .and_then(|number| number.parse().ok())
                    .unwrap_or_else(|| panic!("not a line: {found}"));
                assert_eq!(found, line(thread, next[thread]), "on {engine}");
                next[thread] += 1;
            }
            assert_eq!(next, [LINES; THREADS], "on {engine}");
        }
        // What is in the buffer when the process ends comes then.
        assert!(text.ends_with("without an end"), "on {engine}");
    }
}

fn others() {
    thread::scope(|scope| {
        scope.spawn(|| (0..2_000).for_each(|n| println!("{}", line(0, n))));
        scope.spawn(|| {
            let mut word = String::new();
            stdin().read_line(&mut word).expect("a pipe");
            eprintln!("go on: {word}");
        });
        // A third one, as long as nobody has written a word.
        let (sends, gets) = mpsc::channel();
        scope.spawn(move || sends.send(()));
        gets.recv().expect("it is sent");
        eprintln!("started");
    });
}

#[test]
fn a_full_pipe_and_an_empty_one_stop_nobody_else() {
    for engine in ENGINES {
        let mut child = start("others", engine);
        let errors = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        // On a busy machine the monitor says something too.
        let mut errors = errors
            .map(|line| line.expect("a pipe"))
            .filter(|line| !line.starts_with("standin: "));
        let mut said = || errors.next().expect("there is more");
        assert_eq!(said(), "started", "on {engine}");
        wait_until_full(&child, child.stdout.as_ref().expect("a pipe"));
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(b"word\n").expect("a pipe");
        assert_eq!(said(), "go on: word", "on {engine}");
        let text = succeeds(child);
        assert_eq!(text.matches("line 0").count(), 2_000, "on {engine}");
    }
}

/// As `others`, with the two streams in each other's place.
fn others_stderr() {
    engine::green::on_blocked(|_| {});
    thread::scope(|scope| {
        scope.spawn(|| (0..2_000).for_each(|n| eprintln!("{}", line(0, n))));
        scope.spawn(|| {
            let mut word = String::new();
            stdin().read_line(&mut word).expect("a pipe");
            println!("said: go on: {word}");
        });
        let (sends, gets) = mpsc::channel();
        scope.spawn(move || sends.send(()));
        gets.recv().expect("it is sent");
        println!("said: started");
    });
}

#[test]
fn a_full_pipe_of_errors_stops_nobody_else() {
    for engine in ENGINES {
        let mut child = start("others-stderr", engine);
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        // The harness prints too, and not always to the end of a line.
        let mut lines = lines.filter_map(|line| {
            let line = line.expect("a pipe");
            Some(line.split_once("said: ")?.1.to_owned())
        });
        let mut said = || lines.next().expect("there is more");
        assert_eq!(said(), "started", "on {engine}");
        wait_until_full(&child, child.stderr.as_ref().expect("a pipe"));
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(b"word\n").expect("a pipe");
        assert_eq!(said(), "go on: word", "on {engine}");
        let errors = in_small_pieces(child.stderr.take().expect("a pipe"));
        assert!(child.wait().expect("it can be waited for").success());
        assert_eq!(errors.matches("line 0").count(), 2_000, "on {engine}");
    }
}

fn echo() {
    assert!(!stdin().is_terminal());
    let mut first = String::new();
    assert_eq!(stdin().read_line(&mut first).expect("a pipe"), 10);
    println!("echo {first}");
    let mut bytes = [0; 4];
    stdin().lock().read_exact(&mut bytes).expect("a pipe");
    println!("echo {bytes:?}");
    for line in stdin().lines() {
        println!("echo {}", line.expect("a pipe"));
    }
    assert_eq!(stdin().read(&mut bytes).expect("a pipe"), 0);
    assert_eq!(io::read_to_string(stdin()).expect("a pipe"), "");
}

#[test]
fn input_comes_in_pieces() {
    for engine in ENGINES {
        let mut child = start("echo", engine);
        let mut input = child.stdin.take().expect("a pipe");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut echoed = || loop {
            let line = output.next().expect("there is more").expect("a pipe");
            if let Some(line) = line.strip_prefix("echo ") {
                return line.to_owned();
            }
        };
        for piece in ["the ", "first", "\n"] {
            input.write_all(piece.as_bytes()).expect("a pipe");
        }
        assert_eq!(echoed(), "the first");
        input.write_all(&[1, 2]).expect("a pipe");
        input.write_all(&[3, 4]).expect("a pipe");
        assert_eq!(echoed(), "[1, 2, 3, 4]");
        input.write_all(b"one\ntwo\nthe l").expect("a pipe");
        assert_eq!((echoed(), echoed()), ("one".into(), "two".into()));
        input.write_all(b"ast").expect("a pipe");
        drop(input);
        assert_eq!(echoed(), "the last");
        succeeds(child);
    }
}

/// What never has to wait lets the others run all the same.
fn until_another_has_run(again: impl Fn()) {
    let has_run = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| has_run.store(true, Relaxed));
        while !has_run.load(Relaxed) {
            again();
        }
    });
}

fn prints() {
    until_another_has_run(|| println!("to nobody"));
}

fn takes() {
    until_another_has_run(|| assert_eq!(stdin().read(&mut [1; 64]).expect("zeros"), 64));
}

#[test]
fn who_never_waits_lets_others_run() {
    for engine in ENGINES {
        let endless = File::open("/dev/zero").expect("it is there");
        let mut printing = command("prints", engine);
        succeeds(printing.stdout(Stdio::null()).spawn().expect("it starts"));
        let mut reading = command("takes", engine);
        succeeds(reading.stdin(endless).spawn().expect("it starts"));
    }
}

const COLD: usize = 512 * 8192;

/// A file is always ready, also where a disk has to be asked.
fn cold() {
    let before = reads();
    let (mut sum, mut piece) = (0, [0; 8192]);
    loop {
        match stdin().read(&mut piece).expect("a file") {
            0 => break,
            got => sum += got,
        }
    }
    let count = reads().saturating_sub(before);
    assert_eq!(sum, COLD);
    assert!(count < 5 * 512, "{count} reads of 512 pieces");
}

#[test]
fn a_file_that_is_on_disk_is_not_asked_for_again_and_again() {
    let path = std::env::temp_dir().join(format!("standin-cold-{}", std::process::id()));
    for engine in ENGINES {
        std::fs::write(&path, vec![1; COLD]).expect("there is room");
        let file = File::open(&path).expect("it was written");
        file.sync_all().expect("there is room");
        for advice in [Advice::Random, Advice::DontNeed] {
            fadvise(&file, 0, None, advice).expect("advice");
        }
        succeeds(
            command("cold", engine)
                .stdin(file)
                .spawn()
                .expect("it starts"),
        );
    }
    std::fs::remove_file(&path).expect("it is there");
}

fn closed() {
    let results = File::from(stderr().as_fd().try_clone_to_owned().expect("it is open"));
    for number in 0..3 {
        // SAFETY: that the numbers are open is what this is about: nothing else is done with them meanwhile.
        unsafe { libc::close(number) };
    }
    println!("into nothing");
    eprintln!("into nothing");
    let written = stderr()
        .write(b"into nothing")
        .expect("it takes everything");
    assert_eq!(written, 12);
    stdout().flush().expect("it takes everything");
    assert_eq!(stdin().read(&mut [0]).expect("it is at its end"), 0);
    (&results).write_all(b"all is well").expect("a pipe");
    // The numbers are not to be found closed by what comes next.
    std::process::exit(0);
}

#[test]
fn a_closed_stream_takes_everything_and_has_nothing() {
    for engine in ENGINES {
        let output = start("closed", engine).wait_with_output();
        let errors = String::from_utf8(output.expect("a child").stderr).expect("text");
        assert!(errors.ends_with("all is well"), "on {engine}: {errors}");
    }
}

fn locks() {
    let lock = stdout().lock();
    let (sends, gets) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            sends.send(()).expect("it is received");
            println!("last");
        });
        gets.recv().expect("it is sent");
        (0..100).for_each(|_| thread::yield_now());
        // Whoever has the lock may have it again.
        println!("first");
        let again = stdout().lock();
        drop(lock);
        println!("second");
        (0..100).for_each(|_| thread::yield_now());
        println!("third");
        drop(again);
    });
    struct Prints;
    impl std::fmt::Display for Prints {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            println!("inside");
            f.write_str("outside")
        }
    }
    println!("{Prints}");
    assert_eq!(format!("{:?}", stdout()), "Stdout { .. }");
    assert_eq!(format!("{:?}", stdin().lock()), "StdinLock { .. }");
}

#[test]
fn a_lock_keeps_other_threads_out() {
    for engine in ENGINES {
        let text = succeeds(start("locks", engine));
        let order = "first\nsecond\nthird\nlast\ninside\noutside\n";
        assert!(text.contains(order), "on {engine}: {text}");
    }
}

fn cancelled() {
    let (sends, gets) = mpsc::channel();
    let thread = thread::spawn(move || {
        gets.recv().expect("it is sent");
        (0..1_000).for_each(|n| println!("{}", line(1, n)));
        let error = stdin().read(&mut [0]).expect_err("it would wait");
        assert!(engine::is_cancelled(&error));
        println!("cleaned up");
    });
    thread.thread().cancel();
    sends.send(()).expect("it is received");
    thread.join().expect("no panic");
}

#[test]
fn a_cancelled_thread_may_print() {
    for engine in ENGINES {
        let mut child = start("cancelled", engine);
        // Open, so that there is no end to be read.
        let input = child.stdin.take();
        wait_until_full(&child, child.stdout.as_ref().expect("a pipe"));
        let text = succeeds(child);
        drop(input);
        assert_eq!(text.matches("line 1").count(), 1_000, "on {engine}");
        assert!(text.contains("cleaned up"), "on {engine}");
    }
}

fn redirected() {
    (0..1_000).for_each(|n| println!("{}", line(0, n)));
    // Another pipe under the same number, after the first one was waited for.
    // SAFETY: whoever writes to the number means whatever is there.
    let result = unsafe { libc::dup2(stderr().as_raw_fd(), 1) };
    assert_eq!(result, 1);
    (0..1_000).for_each(|n| println!("{}", line(1, n)));
}

#[test]
fn what_is_waited_for_is_what_the_number_stands_for_now() {
    for engine in ENGINES {
        let mut child = start("redirected", engine);
        wait_until_full(&child, child.stdout.as_ref().expect("a pipe"));
        let mut text = String::new();
        let mut output = child.stdout.take().expect("a pipe");
        output.read_to_string(&mut text).expect("text");
        assert_eq!(text.matches("line 0").count(), 1_000, "on {engine}");
        let output = child.wait_with_output().expect("it can be waited for");
        assert!(output.status.success());
        let errors = String::from_utf8(output.stderr).expect("text");
        assert_eq!(errors.matches("line 1").count(), 1_000, "on {engine}");
    }
}

fn unread() {
    println!("started");
    // Once nobody reads, std's macros panic, with these words.
    let lost = std::panic::catch_unwind(|| (0..10_000).for_each(|n| println!("{}", line(0, n))));
    let words = lost.expect_err("it is lost");
    let words = words.downcast_ref::<String>().expect("a text");
    assert!(words.starts_with("failed printing to stdout: Broken pipe"));
    let error = stdout().write_all(line(0, 0).repeat(100).as_bytes());
    assert_eq!(
        error.expect_err("nobody reads").kind(),
        ErrorKind::BrokenPipe
    );
    std::process::exit(0);
}

#[test]
fn a_pipe_that_nobody_reads_is_an_error() {
    for engine in ENGINES {
        let mut child = start("unread", engine);
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        while line != "started\n" {
            line.clear();
            output.read_line(&mut line).expect("a pipe");
        }
        drop(output);
        succeeds(child);
    }
}

#[test]
fn a_file_gets_everything() {
    for engine in ENGINES {
        let name = format!("standin-streams-{}-{engine}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let file = File::create(&path).expect("there is room");
        let mut child = command("others", engine);
        let mut child = child
            .stdout(file)
            .spawn()
            .expect("the program starts again");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(b"word\n").expect("a pipe");
        assert!(child.wait().expect("it can be waited for").success());
        let text = std::fs::read_to_string(&path).expect("text");
        std::fs::remove_file(&path).expect("it is there");
        assert_eq!(text.matches("line 0").count(), 2_000, "on {engine}");
    }
}
