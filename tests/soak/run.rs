//! A run: so many users, each of whom does a number of things that its seed chooses; then everything that
//! they had is given back.

use super::kinds::{self, Kind};
use super::resources::{cpu_time, descriptors, memory, os_threads, waits_for_no_timer};
use super::servers::{Servers, converse};
use super::world::{Planned, User, World, alive, everybody};
use super::{datagrams, threads, waits};
use crate::common::limit::open_descriptors;
use crate::common::wait::until;
use standin::engine::{self, Engine};
use standin::thread;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

/// How many users there are at once, with two processors.
const AT_ONCE: usize = 60;
/// The threads that serve.
const ACCEPTORS: usize = 7;
/// Runs of so many users wait until idle OS threads have ended, which takes ten seconds.
const LONG_ENOUGH: usize = 200;
/// Without any progress for so long: nothing takes nearly as long.
const HANGS: Duration = Duration::from_secs(30);

/// Runs `users` on this engine, in a process of its own, and checks what is left.
pub(crate) fn run(engine: Engine, users: usize, seed: u64) {
    watch(engine, seed);
    quiet();
    warm_up(engine);
    let before = open_descriptors();
    let described = descriptors();
    let halves = [0, 1].map(|half| {
        // Other servers, so that nothing has a timer at the end of the first half either.
        let servers = Servers::start(engine, seed.wrapping_add(half));
        for user in 0..users as u64 / 2 {
            until(|| alive() < AT_ONCE + ACCEPTORS);
            let number = half * users as u64 + user;
            start(engine, servers.world, seed.wrapping_add(1_000 * number));
        }
        until(|| alive() == ACCEPTORS);
        let world = servers.world;
        servers.stop();
        until(|| alive() == 0);
        // Not before: somebody may have left before they were accepted, and their server looks for them.
        world.shared.assert_at_rest();
        world.clear();
        // The stacks that nobody uses are given back after a while.
        patiently(
            || rests(engine),
            || "an idle process that uses CPU time".to_owned(),
        );
        memory()
    });
    say("all threads have ended");
    let is_as_before = || open_descriptors().len() == before.len();
    patiently(is_as_before, || {
        format!("open before:\n{described}\nopen now:\n{}", descriptors())
    });
    say("all descriptors are closed");
    if users >= LONG_ENOUGH {
        // The main thread, the test's, who watches, the monitor; and a machine a processor. On may there are two for
        // timers, and no monitor.
        let is_may = engine.name().starts_with("may");
        let bound = 4 + usize::from(is_may) + workers();
        patiently(
            || os_threads() <= bound,
            || format!("{} OS threads, not {bound}", os_threads()),
        );
        say("the OS threads have ended");
    }
    patiently(
        || rests(engine),
        || "an idle process that uses CPU time".to_owned(),
    );
    say("it rests");
    patiently(
        || {
            let now = memory();
            let caches =
                !std::env::var("GLIBC_TUNABLES").is_ok_and(|tunables| !tunables.is_empty());
            (caches || now.allocated <= halves[0].allocated + margin(users))
                && now.pages <= halves[0].pages + margin(users)
        },
        || format!("after each half: {halves:?}, now {:?}", memory()),
    );
    report(&format!(
        "after each half: {halves:?}, in the end {:?}\n",
        memory()
    ));
    kinds::assert_enough(users);
}

/// Whether the process uses no CPU time, and no OS thread waits for a time: asked at the end, when all of them wait.
/// The workers of may look for work every 10 ms.
fn rests(engine: Engine) -> bool {
    let before = cpu_time();
    std::thread::sleep(Duration::from_millis(500));
    let used = cpu_time() - before;
    if engine.name().starts_with("may") {
        return used < Duration::from_millis(25);
    }
    used < Duration::from_millis(2) && waits_for_no_timer()
}

/// How much more memory there may be after twice as many users, in bytes: a third of a page for each thread of the
/// second half, of which there are about five for each user. What does not depend on their number, such as records of
/// stacks and first pages of them where there were more threads at once than before, took 0.6 MB at most.
fn margin(users: usize) -> u64 {
    (users as u64 / 2 * 5 * 4096 / 3).clamp(1 << 20, 4 << 20)
}

fn workers() -> usize {
    let workers = std::env::var("STANDIN_WORKERS").expect("the test has set it");
    workers.parse().expect("a number")
}

/// Waits for a condition; if it does not come to hold, it panics with `description`.
fn patiently(mut condition: impl FnMut() -> bool, description: impl Fn() -> String) {
    let since = Instant::now();
    until(|| {
        let holds = condition();
        assert!(
            holds || since.elapsed() < HANGS,
            "this does not come to an end: {}",
            description()
        );
        holds
    });
}

/// Everything that an engine makes when it is first needed.
fn warm_up(engine: Engine) {
    let exchange = || {
        let listener = standin::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("bound");
        let mut near = standin::net::TcpStream::connect(address).expect("it listens");
        let mut far = listener.accept().expect("one has connected").0;
        let reader = thread::spawn(move || near.read_exact(&mut [0]));
        thread::sleep(Duration::from_millis(1));
        far.write_all(b"a").expect("connected");
        reader.join().expect("no panic").expect("it was sent");
        engine::blocking(|| ()).expect("an OS thread");
        let sleeper = thread::spawn(|| thread::sleep(Duration::from_secs(100_000)));
        sleeper.thread().cancel();
        sleeper.join().expect("it only sleeps");
    };
    engine.run(exchange);
    if engine.contract().shares_locals() {
        // Another OS thread runs the section of a pinned thread, which is not cancelled with it.
        return;
    }
    // A thread that is cancelled while its OS thread polls.
    let thread = engine.spawn(move || {
        let listener = standin::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        engine::blocking(|| drop(listener.accept())).expect("an OS thread");
    });
    let thread = thread.expect("there is room for it");
    thread::sleep(Duration::from_millis(1));
    thread.thread().cancel();
    thread.join().expect("it only accepts");
}

fn start(engine: Engine, world: &'static World, seed: u64) {
    let mut user = User::new(world, seed);
    let run = move || {
        user.count(Kind::User);
        threads::mark(&user);
        if user.random.one_in(3) {
            user.offer();
        }
        for _ in 0..2 + user.random.below(8) {
            act(&mut user);
            threads::check_mark(&user);
            if user.is_cancelled() {
                break;
            }
        }
    };
    drop(engine.spawn(run).expect("there is room for it"));
}

/// One thing.
fn act(user: &mut User) {
    match user.random.below(100) {
        0..=29 => converse(user),
        30..=33 => datagrams::udp(user),
        34..=37 => datagrams::unix(user),
        38..=40 => threads::accept(user),
        41..=45 => threads::cancel(user),
        46..=50 => threads::disturb(user),
        51..=56 => waits::mutex(user),
        57..=62 => waits::rwlock(user),
        63..=64 => waits::panic_with_lock(user),
        65..=68 => waits::condvar(user),
        69..=71 => waits::channel(user),
        72..=74 => waits::bounded(user),
        75..=76 => waits::barrier(user),
        77..=79 => waits::park(user),
        80..=82 => threads::destructors(user),
        83..=85 => threads::scope(user),
        86..=88 => threads::panic(user),
        89..=91 => threads::detach(user),
        92..=93 => threads::blocking(user),
        94 => threads::unknown_sleep(user),
        95..=96 => threads::large_stack(user),
        97 => {
            user.count(Kind::Yield);
            thread::yield_now();
        }
        _ => {
            let one = user.child(converse);
            user.count(Kind::Joined);
            one.join().expect("it only talks");
        }
    }
}

/// Planned panics say nothing; any other ends the process.
fn quiet() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<Planned>() {
            print(info);
            eprintln!("meanwhile:\n{}", everybody());
            std::process::abort();
        }
    }));
    standin::engine::green::on_blocked(|_| ());
}

/// Says so if nothing goes on any more.
fn watch(engine: Engine, seed: u64) {
    eprintln!("engine {engine}, STANDIN_SOAK_SEED={seed}");
    std::thread::spawn(|| {
        let (mut before, mut since) = (0, Instant::now());
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let now = kinds::total();
            if now != before {
                (before, since) = (now, Instant::now());
            } else if since.elapsed() > HANGS && alive() > ACCEPTORS {
                eprintln!("nothing goes on any more:\n{}", everybody());
                std::process::abort();
            }
        }
    });
}

fn say(what: &str) {
    eprintln!("{what}");
}

/// Adds the counts to the summary that the test asked for.
fn report(memory: &str) {
    if let Some(path) = std::env::var_os("STANDIN_SOAK_SUMMARY") {
        let mut file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(path)
            .expect("the test has named a file");
        let summary = kinds::summary() + "# " + memory;
        file.write_all(summary.as_bytes()).expect("there is room");
    }
}
