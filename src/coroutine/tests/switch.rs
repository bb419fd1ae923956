//! Going from stack to stack.

use std::backtrace::Backtrace;
use std::ptr;
use std::sync::Mutex;

use super::{Fiber, Job, Pool, Suspender, on_free};
use crate::coroutine::Kind;

fn word(number: usize) -> *mut () {
    ptr::without_provenance_mut(number)
}

/// What the fibers of a test saw, in their order.
static SEEN: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

fn saw(fiber: usize, value: *mut ()) {
    SEEN.lock().unwrap().push((fiber, value.addr()));
}

/// What one that hands over gets first.
struct Order {
    own: usize,
    next: *const Fiber,
}

fn hands_over(suspender: &Suspender, first: *mut ()) -> ! {
    // SAFETY: the test resumes with one, which lives as long as the test.
    let order = unsafe { &*first.cast::<Order>() };
    let mut value = word(0);
    loop {
        saw(order.own, value);
        // SAFETY: as above.
        value = match unsafe { order.next.as_ref() } {
            // SAFETY: the other one belongs to the test, which waits, and is suspended; both are pinned.
            Some(next) => unsafe { suspender.hand_over(next, word(10 + order.own)) },
            None => suspender.suspend(word(10 + order.own)),
        };
    }
}

#[test]
fn the_last_of_a_row_returns_to_the_first_ones_resume() {
    static POOL: Pool = Pool::new(Kind::Pinned, hands_over);
    let take = || POOL.take(POOL.reserve(None).unwrap().keep());
    let (mut first, mut second, mut third) = (take(), take(), take());
    let order = |own, next| Order { own, next };
    let orders = [
        order(1, ptr::from_ref(&second)),
        order(2, ptr::from_ref(&third)),
        order(3, ptr::null()),
    ];
    let begin = |fiber: &mut Fiber, order: &Order| {
        // SAFETY: the entry expects an order first.
        unsafe { fiber.resume(ptr::from_ref(order).cast_mut().cast()) }
    };
    // One that was not resumed yet gets what the other passes as its first value, so they begin from the last.
    assert_eq!(begin(&mut third, &orders[2]), word(13));
    assert_eq!(begin(&mut second, &orders[1]), word(13));
    assert_eq!(begin(&mut first, &orders[0]), word(13));
    // SAFETY: later values are of any kind.
    assert_eq!(unsafe { first.resume(word(7)) }, word(13));
    // Handed over to before, and resumed now.
    // SAFETY: as above.
    assert_eq!(unsafe { second.resume(word(8)) }, word(13));
    let seen = [
        (3, 0),
        (2, 0),
        (3, 12),
        (1, 0),
        (2, 11),
        (3, 12),
        (1, 7),
        (2, 11),
        (3, 12),
        (2, 8),
        (3, 12),
    ];
    assert_eq!(*SEEN.lock().unwrap(), seen);
}

#[inline(never)]
fn a_function_of_the_thread() -> String {
    Backtrace::force_capture().to_string()
}

#[test]
fn a_backtrace_shows_the_threads_own_functions_and_ends() {
    on_free(|| {
        let before = a_function_of_the_thread();
        super::stop();
        for backtrace in [before, a_function_of_the_thread()] {
            assert!(
                backtrace.contains("a_function_of_the_thread") && backtrace.contains("run_body"),
                "{backtrace}"
            );
            // Nobody has called what is at the base.
            let resumer = backtrace.contains("Job::resume");
            assert_eq!(resumer, cfg!(standin_portable_switch), "{backtrace}");
        }
    });
}

/// Registers that functions preserve, and floating point, through many switches.
#[test]
fn a_thread_finds_its_registers() {
    #[inline(never)]
    fn compute(seed: u64, stop: impl Fn()) -> (u64, f64) {
        let (mut a, mut b, mut c, mut d) = (seed, seed ^ 1, seed ^ 2, seed ^ 3);
        let (mut e, mut f, mut x) = (seed ^ 4, seed ^ 5, seed as f64);
        for _ in 0..1_000 {
            (a, b, c) = (b.rotate_left(3) ^ f, c.wrapping_mul(5) ^ a, d ^ e);
            (d, e, f) = (a.wrapping_add(e), b ^ f, c.wrapping_add(1));
            x = x.mul_add(0.5, (f & 0xff) as f64);
            stop();
        }
        (a ^ b ^ c ^ d ^ e ^ f, x)
    }
    let mut jobs: Vec<Job> = (0..10)
        .map(|seed| {
            Job::new(&super::FREE, move |_| {
                assert_eq!(compute(seed, super::stop), compute(seed, || ()));
            })
        })
        .collect();
    while !jobs.is_empty() {
        let (ended, rest): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .map(|mut job| (job.resume(), job))
            .partition(|(ended, _)| *ended);
        ended
            .into_iter()
            .for_each(|(_, job)| super::FREE.give(job.fiber));
        jobs = rest.into_iter().map(|(_, job)| job).collect();
    }
}
