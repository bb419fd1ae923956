//! One-time initialisation, barriers, a condition variable with timeouts, a full channel.

use super::shapes::sync::mpsc::{Receiver, TrySendError, sync_channel};
use super::shapes::sync::{Barrier, Condvar, LazyLock, Mutex, Once, OnceLock};
use super::shapes::thread;
use super::shapes::time::{Duration, Instant};
use super::stage::End;
use super::world::LONG;
use std::sync::Mutex as Notes;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One of the two runs it, and both see that it has run.
pub fn one_time(end: &End) -> Vec<String> {
    let shared = end.share(|| (Once::new(), AtomicU64::new(0)));
    let (once, ran) = &*shared;
    end.meet();
    once.call_once(|| {
        thread::yield_now();
        ran.fetch_add(1, Relaxed);
    });
    vec![format!(
        "ran {} times, {}",
        ran.load(Relaxed),
        once.is_completed()
    )]
}

pub fn one_value(end: &End) -> Vec<String> {
    let shared = end.share(|| (OnceLock::new(), AtomicU64::new(0)));
    let (cell, ran) = &*shared;
    end.meet();
    let value = *cell.get_or_init(|| {
        thread::yield_now();
        ran.fetch_add(1, Relaxed) + 40
    });
    vec![format!("{value}, ran {} times", ran.load(Relaxed))]
}

pub fn late_value(end: &End) -> Vec<String> {
    let lazy = end.share(|| {
        let ran = AtomicU64::new(0);
        LazyLock::new(Box::new(move || {
            thread::yield_now();
            ran.fetch_add(1, Relaxed) + 50
        }) as Box<dyn Fn() -> u64 + Send>)
    });
    end.meet();
    vec![format!("{}", **lazy)]
}

/// Nobody passes before the other has come, and one of the two leads.
pub fn rounds(end: &End, rounds: usize) -> Vec<String> {
    let shared = end.share(|| (Barrier::new(2), AtomicU64::new(0), AtomicU64::new(0)));
    let (barrier, came, led) = &*shared;
    let lead = || led.fetch_add(u64::from(barrier.wait().is_leader()), Relaxed);
    let mut saw = Vec::new();
    for _ in 0..rounds {
        came.fetch_add(1, Relaxed);
        lead();
        saw.push(format!("{} came", came.load(Relaxed)));
        lead();
    }
    end.meet();
    saw.push(format!("{} led", led.load(Relaxed)));
    saw
}

pub fn slow_notice(end: &End) -> Vec<String> {
    const TIME: Duration = Duration::from_micros(500);
    let shared = end.share(|| (Mutex::new(false), Condvar::new()));
    let (raised, changed) = &*shared;
    if end.is_first {
        end.hear();
        *raised.lock().expect("nobody panics with it") = true;
        changed.notify_all();
        return Vec::new();
    }
    let start = Instant::now();
    let guard = raised.lock().expect("nobody panics with it");
    let waited = changed.wait_timeout_while(guard, TIME, |raised| !*raised);
    let (guard, result) = waited.expect("nobody panics with it");
    let mut saw = vec![
        format!("timed out: {}", result.timed_out()),
        format!("early: {}", start.elapsed() < TIME),
        format!("raised: {}", *guard),
    ];
    // With the mutex: the notice cannot come before the wait has begun.
    end.say();
    let waited = changed.wait_timeout_while(guard, LONG, |raised| !*raised);
    let (guard, result) = waited.expect("nobody panics with it");
    saw.push(format!("timed out: {}", result.timed_out()));
    saw.push(format!("raised: {}", *guard));
    saw
}

/// One sends until there is no room, and the other makes room for one.
pub fn backpressure(end: &End, bound: usize) -> Vec<String> {
    let (sender, receiver) = sync_channel(bound);
    let post: std::sync::Arc<Notes<Option<Receiver<usize>>>> =
        end.share(|| Notes::new(Some(receiver)));
    if end.is_first {
        let mut sent = 0;
        let refused = loop {
            match sender.try_send(sent) {
                Ok(()) => sent += 1,
                Err(TrySendError::Full(refused)) => break refused,
                Err(TrySendError::Disconnected(_)) => unreachable!("the receiver is in the post"),
            }
        };
        end.say();
        // Waits for room.
        sender.send(sent).expect("the receiver is there");
        return vec![format!("sent {sent}, refused {refused}")];
    }
    drop(sender);
    end.hear();
    let receiver = super::world::take(&post);
    let got: Vec<_> = receiver.iter().collect();
    vec![format!("got {got:?}")]
}
