//! Children that do exec: `std::process::Command`, from every kind of thread.

use crate::common::isolated::isolated;
use crate::contexts::{Context, kinds, on_each_context};
use standin::engine::{self, THREADS};
use standin::net::{TcpListener, TcpStream, UdpSocket};
use standin::os::unix::net::UnixStream;
use standin::thread;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// `Command` makes a child by a fork of its own if there is something to run in between.
fn by_fork(command: &mut Command) -> &mut Command {
    // SAFETY: the closure does nothing.
    unsafe { command.pre_exec(|| Ok(())) }
}

fn output(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("the program is there");
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// In the child, before `exec`, std calls what glibc carries to every thread of the process.
#[test]
fn commands_of_another_user() {
    if !rustix::process::geteuid().is_root() {
        println!("not checked: only root can become another user");
        return;
    }
    on_each_context(|_| {
        for _ in 0..20 {
            let mut command = Command::new("id");
            assert_eq!(output(command.arg("-u").uid(12_345).gid(12_345)), "12345\n");
        }
    });
}

#[test]
fn thousands_of_commands() {
    const THREADS_AT_ONCE: usize = 4;
    const EACH: usize = 100;
    on_each_context(|_| {
        thread::scope(|scope| {
            for number in 0..THREADS_AT_ONCE {
                scope.spawn(move || {
                    for n in 0..EACH {
                        let text = format!("{number} {n}");
                        let mut command = Command::new("echo");
                        command.arg("-n").arg(&text);
                        if n % 2 == 0 {
                            by_fork(&mut command);
                        }
                        let got = match n % 3 {
                            0 => engine::blocking(|| output(&mut command)).expect("an OS thread"),
                            _ => output(&mut command),
                        };
                        assert_eq!(got, text);
                    }
                });
            }
        });
    });
}

/// What a child has open, with what: all but the folder that it reads this from.
fn descriptors(fork: bool) -> Vec<String> {
    let mut command = Command::new("ls");
    command.args(["-l", "/proc/self/fd"]);
    if fork {
        by_fork(&mut command);
    }
    let lines = output(&mut command);
    let mut open: Vec<String> = lines
        .lines()
        .filter_map(|line| line.split_once(" -> "))
        // Its own folder, and the pipe that it writes to, which has another name each time.
        .filter(|(_, to)| !to.starts_with("/proc/"))
        .filter_map(|(number, _)| number.rsplit_once(' '))
        .map(|(_, number)| number.to_owned())
        .collect();
    open.sort();
    open
}

/// The signals that are blocked, ignored and handled in a child.
fn signals(fork: bool) -> Vec<String> {
    let mut command = Command::new("cat");
    command.arg("/proc/self/status");
    if fork {
        by_fork(&mut command);
    }
    let lines = output(&mut command);
    let wanted = |line: &&str| {
        ["SigBlk", "SigIgn", "SigCgt"]
            .iter()
            .any(|name| line.starts_with(name))
    };
    let found: Vec<String> = lines.lines().filter(wanted).map(str::to_owned).collect();
    assert_eq!(found.len(), 3, "{lines}");
    found
}

#[test]
fn a_command_inherits_nothing_of_the_library() {
    for context in [
        Context::OsThread,
        Context::Threads,
        Context::Free,
        Context::Section,
        Context::Pinned,
        Context::Async,
        Context::AsyncSection,
        Context::AsyncPinned,
    ] {
        let name = format!("{context:?}");
        isolated(&[("TEST_CONTEXT", &*name), ("STANDIN_TEST", "")], || {
            // What whoever started this process has left open, and what std does.
            let before = [false, true].map(|fork| (descriptors(fork), signals(fork)));
            kinds();
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
            let address = listener.local_addr().expect("bound");
            let mut kept = Vec::new();
            // Made and used by each engine, so that everything that an engine opens is open.
            for engine in kinds().into_iter().chain([THREADS]) {
                kept.push(engine.run(|| {
                    let near = TcpStream::connect(address).expect("it listens");
                    let far = listener.accept().expect("one has connected").0;
                    let mut clones = (
                        near.try_clone().expect("a descriptor"),
                        far.try_clone().expect("a descriptor"),
                    );
                    let waiter =
                        thread::spawn(move || clones.1.read_exact(&mut [0]).map(|()| clones.1));
                    clones.0.write_all(b"a").expect("connected");
                    let clone = waiter.join().expect("no panic").expect("it was sent");
                    engine::blocking(|| ()).expect("an OS thread");
                    let other = listener.try_clone().expect("a descriptor");
                    let mut local = UnixStream::pair().expect("two descriptors");
                    local.0.write_all(b"a").expect("connected");
                    local.1.read_exact(&mut [0]).expect("it was sent");
                    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
                    (near, far, clones.0, clone, other, local, udp)
                }));
            }
            // Given back to std, which an engine must not have changed.
            let raw = std::net::TcpStream::from(kept.remove(0).0);
            context.run(&|| {
                for (fork, before) in [false, true].into_iter().zip(&before) {
                    for _ in 0..20 {
                        assert_eq!(descriptors(fork), before.0);
                        assert_eq!(signals(fork), before.1);
                    }
                }
            });
            drop(raw);
        })
        .succeeds();
    }
}
