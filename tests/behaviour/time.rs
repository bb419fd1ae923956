//! What the clock promises.

use super::shapes::{thread, time};
use std::collections::HashSet;
use std::panic;
use time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("time_never_goes_back", time_never_goes_back),
    (
        "time_is_one_clock_for_all_threads",
        time_is_one_clock_for_all_threads,
    ),
    ("time_passes_in_sleeps", time_passes_in_sleeps),
    ("time_arithmetic", time_arithmetic),
    ("time_differences", time_differences),
    ("time_longest", time_longest),
    ("time_before_the_clock_began", time_before_the_clock_began),
    ("time_of_the_system", time_of_the_system),
    ("time_text_and_traits", time_text_and_traits),
];

pub fn time_never_goes_back() {
    let mut last = Instant::now();
    for _ in 0..1_000 {
        let now = Instant::now();
        assert!(now >= last);
        last = now;
        thread::yield_now();
    }
}

pub fn time_is_one_clock_for_all_threads() {
    let before = Instant::now();
    let between = thread::spawn(Instant::now).join().unwrap();
    let after = Instant::now();
    assert!(before <= between && between <= after);
}

pub fn time_passes_in_sleeps() {
    let start = Instant::now();
    thread::sleep(Duration::from_millis(3));
    assert!(start.elapsed() >= Duration::from_millis(3));
    assert!(Instant::now() - start >= Duration::from_millis(3));
}

pub fn time_arithmetic() {
    let now = Instant::now();
    let second = Duration::from_secs(1);
    let later = now + second;
    assert_eq!(later - now, second);
    assert_eq!(later - second, now);
    assert_eq!(now.checked_add(second), Some(later));
    assert_eq!(later.checked_sub(second), Some(now));
    let mut moved = now;
    moved += second;
    assert_eq!(moved, later);
    moved -= second;
    assert_eq!(moved, now);
    assert_eq!(now + Duration::ZERO, now);
    assert!(now + Duration::from_nanos(1) > now);
}

pub fn time_differences() {
    let now = Instant::now();
    let later = now + Duration::from_millis(1_500);
    assert_eq!(later.duration_since(now), Duration::from_millis(1_500));
    assert_eq!(now.duration_since(later), Duration::ZERO);
    assert_eq!(now - later, Duration::ZERO);
    assert_eq!(now.saturating_duration_since(later), Duration::ZERO);
    assert_eq!(
        later.checked_duration_since(now),
        Some(Duration::from_millis(1_500))
    );
    assert_eq!(now.checked_duration_since(later), None);
    assert_eq!(later.elapsed(), Duration::ZERO);
}

pub fn time_longest() {
    let now = Instant::now();
    assert_eq!(now.checked_add(Duration::MAX), None);
    assert_eq!(now.checked_sub(Duration::MAX), None);
    let panic = panic::catch_unwind(|| now + Duration::MAX).unwrap_err();
    assert_eq!(
        panic.downcast_ref(),
        Some(&String::from("overflow when adding duration to instant"))
    );
    let panic = panic::catch_unwind(|| now - Duration::MAX).unwrap_err();
    assert_eq!(
        panic.downcast_ref(),
        Some(&String::from(
            "overflow when subtracting duration from instant"
        ))
    );
}

/// The clock begins when the machine starts; programs go back further, to say "long ago".
pub fn time_before_the_clock_began() {
    let century = Duration::from_secs(100 * 365 * 24 * 3600);
    let now = Instant::now();
    let then = now
        .checked_sub(century)
        .expect("std's clock on Linux goes below zero");
    assert_eq!(now - then, century);
    assert_eq!(then + century, now);
    assert!(then < now && then.elapsed() >= century);
}

pub fn time_of_the_system() {
    let now = SystemTime::now();
    assert!(now.duration_since(UNIX_EPOCH).unwrap() > Duration::from_secs(1_700_000_000));
    let error: time::SystemTimeError = UNIX_EPOCH.duration_since(now).unwrap_err();
    assert!(error.duration() > Duration::ZERO);
    let same: std::time::Duration = Duration::from_secs(1);
    assert_eq!(same.as_millis(), 1_000);
}

pub fn time_text_and_traits() {
    fn plain<T: Copy + Send + Sync + Unpin + std::fmt::Debug + panic::UnwindSafe>(_: T) {}
    let now = Instant::now();
    plain(now);
    assert!(format!("{now:?}").starts_with("Instant {"));
    let second = Duration::from_secs(1);
    let set: HashSet<_> = [now, now + second, now].into_iter().collect();
    assert_eq!(set.len(), 2);
    assert_eq!(now.max(now + second), now + second);
}
