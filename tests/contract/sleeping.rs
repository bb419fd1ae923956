//! Sleeping.

use super::support::Subject;
use standin::thread;
use standin::time::Instant;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

pub(crate) fn never_early(on: &Subject) {
    on.run(|| {
        let threads: Vec<_> = (0..60_u64)
            .map(|n| {
                thread::spawn(move || {
                    let (start, duration) = (Instant::now(), Duration::from_micros(n * 97));
                    thread::sleep(duration);
                    assert!(start.elapsed() >= duration, "early");
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("never early"));
        thread::sleep(Duration::ZERO);
    });
}

pub(crate) fn in_any_number(on: &Subject) {
    static AWAKE: AtomicUsize = AtomicUsize::new(0);
    let before = AWAKE.load(SeqCst);
    on.run(|| {
        let threads: Vec<_> = (0..500)
            .map(|n| {
                thread::spawn(move || {
                    for step in 0..3 {
                        thread::sleep(Duration::from_micros((n * 31 + step * 7) % 1000));
                    }
                    AWAKE.fetch_add(1, SeqCst);
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("no panic"));
    });
    assert!(AWAKE.load(SeqCst) - before >= 500);
}

pub(crate) fn nobody_waits_for_a_sleeper(on: &Subject) {
    let sleepers: Vec<_> = (0..8)
        .map(|_| on.spawn(|| thread::sleep(Duration::from_secs(100_000))))
        .collect();
    // Longer than any clock counts.
    let for_ever = on.spawn(|| thread::sleep(Duration::MAX));
    on.run(|| {
        for _ in 0..100 {
            thread::sleep(Duration::from_micros(10));
            thread::spawn(thread::yield_now).join().expect("no panic");
        }
    });
    for sleeper in sleepers.into_iter().chain([for_ever]) {
        assert!(!sleeper.is_finished());
        sleeper.thread().cancel();
        sleeper.join().expect("no panic");
    }
}
