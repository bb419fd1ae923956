//! Accounts, sizes and memory of the pool.

use std::io::ErrorKind;

use super::{FREE, Job, PINNED, assert_child_passes, is_child};
use crate::coroutine::{Fiber, Kind, Pool};

/// Uses this much stack, and a little more.
#[inline(never)]
fn use_stack(bytes: usize) -> u8 {
    let page = std::hint::black_box([1u8; 4096]);
    if bytes < 4096 {
        page[7]
    } else {
        use_stack(bytes - 4096).wrapping_add(page[9])
    }
}

#[test]
fn a_stack_has_the_size_that_was_asked_for() {
    for pool in [&FREE, &PINNED] {
        for size in [1, 16 << 10, 100_000, 200_000, 1 << 20, 5_000_000] {
            let reservation = pool.reserve(Some(size)).unwrap();
            let fiber = pool.take(reservation.class());
            let (low, high) = fiber.stack_bounds();
            assert!(high - low >= size.max(16 << 10));
            // A debug build has frames of two such arrays.
            let job = Job::on(fiber, move |_| {
                use_stack(size / 3);
            });
            pool.give(job.run());
        }
    }
}

#[test]
fn the_default_slot_is_small() {
    let reservation = FREE.reserve(None).unwrap();
    assert_eq!(reservation.class().slot_size(), 256 << 10);
}

#[test]
fn the_environment_sets_the_default_size() {
    if is_child("min-stack") {
        let reservation = FREE.reserve(None).unwrap();
        let fiber = FREE.take(reservation.class());
        let (low, high) = fiber.stack_bounds();
        assert!(high - low >= 3_000_000);
        FREE.give(fiber);
        return;
    }
    assert_child_passes(
        module_path!(),
        "the_environment_sets_the_default_size",
        "min-stack",
        &[("RUST_MIN_STACK", "3000000")],
    );
}

#[test]
fn absurd_sizes_are_errors() {
    for pool in [&FREE, &PINNED] {
        for size in [
            usize::MAX,
            usize::MAX - 4096,
            usize::MAX / 2,
            1 << 47,
            1 << 46,
        ] {
            let error = pool.reserve(Some(size)).map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
            let message = error.to_string();
            assert!(message.contains(&size.to_string()), "{message}");
            assert!(message.contains("smaller"), "{message}");
        }
    }
}

#[test]
fn the_last_that_came_is_the_first_to_go() {
    static POOL: Pool = Pool::new(Kind::Pinned, super::pinned_entry);
    let reservations: Vec<_> = (0..5).map(|_| POOL.reserve(None).unwrap()).collect();
    let class = reservations[0].class();
    let place = |fiber: &Fiber| fiber.stack_bounds().0;
    let fibers: Vec<_> = reservations.iter().map(|_| POOL.take(class)).collect();
    let places: Vec<_> = fibers.iter().map(place).collect();
    POOL.give_many(class, fibers);
    let mut taken = Vec::new();
    POOL.take_many(class, 3, &mut taken);
    // The last of the vector is the one to use first.
    let seen: Vec<_> = taken.iter().map(place).collect();
    assert_eq!(seen, places[2..]);
    POOL.give_many(class, taken);
    let again: Vec<_> = (0..5).map(|_| place(&POOL.take(class))).collect();
    assert_eq!(again, places.iter().rev().copied().collect::<Vec<_>>());
}

#[test]
fn slots_cover_reservations_and_slack() {
    static POOL: Pool = Pool::new(Kind::Free, super::free_entry);
    let class = POOL.default_class().unwrap();
    POOL.set_slack(class, 40);
    let kept: Vec<_> = (0..30).map(|_| POOL.reserve(None).unwrap()).collect();
    let mut fibers = Vec::new();
    while fibers.len() < 70 {
        let wanted = 70 - fibers.len();
        POOL.take_many(class, wanted, &mut fibers);
    }
    POOL.give_many(class, fibers);
    // Given back and reserved again, without end: the same slots serve.
    drop(kept);
    for _ in 0..10_000 {
        drop(POOL.reserve(None).unwrap());
    }
    let mut all = Vec::new();
    let taken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for _ in 0..1_000 {
            all.push(POOL.take(class));
        }
    }));
    assert!(taken.is_err(), "only 70 were ever accounted for");
    assert!((70..200).contains(&all.len()), "{}", all.len());
    POOL.give_many(class, all);
}

#[test]
fn trimming_gives_deep_pages_back_and_keeps_the_order() {
    static POOL: Pool = Pool::new(Kind::Free, super::free_entry);
    let reservations: Vec<_> = (0..100).map(|_| POOL.reserve(None).unwrap()).collect();
    let class = reservations[0].class();
    let place = |fiber: &Fiber| fiber.stack_bounds().0;
    let deep = || {
        let fibers: Vec<_> = (0..100)
            .map(|_| {
                Job::on(POOL.take(class), |_| {
                    use_stack(40_000);
                })
            })
            .collect();
        let fibers: Vec<_> = fibers.into_iter().map(Job::run).collect();
        let places: Vec<_> = fibers.iter().map(place).collect();
        POOL.give_many(class, fibers);
        places
    };
    deep();
    let places = deep();
    let released = POOL.trim();
    assert!(released >= 100 * 36_000, "{released}");
    assert_eq!(POOL.trim(), 0);

    // What is used again becomes dirty again; what lies below stays trimmed.
    let one = Job::on(POOL.take(class), |_| {
        use_stack(40_000);
    });
    POOL.give(one.run());
    let released = POOL.trim();
    assert!((36_000..200_000).contains(&released), "{released}");

    // Trimmed fibers run as before, in the order that they were given.
    let mut again = Vec::new();
    for _ in 0..100 {
        again.push(
            Job::on(POOL.take(class), |_| {
                use_stack(40_000);
            })
            .run(),
        );
    }
    let seen: Vec<_> = again.iter().rev().map(place).collect();
    assert_eq!(seen, places);
    POOL.give_many(class, again);
}

#[test]
fn taking_and_giving_while_trimming() {
    static POOL: Pool = Pool::new(Kind::Pinned, super::pinned_entry);
    let reservations: Vec<_> = (0..400).map(|_| POOL.reserve(None).unwrap()).collect();
    let class = reservations[0].class();
    let fibers: Vec<_> = reservations.iter().map(|_| POOL.take(class)).collect();
    POOL.give_many(class, fibers);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for count in 0..300 {
                    let mut taken = Vec::new();
                    POOL.take_many(class, 1 + count % 60, &mut taken);
                    let ran: Vec<_> = taken
                        .into_iter()
                        .map(|fiber| {
                            Job::on(fiber, |_| {
                                use_stack(9_000);
                            })
                            .run()
                        })
                        .collect();
                    POOL.give_many(class, ran);
                }
            });
        }
        for _ in 0..50 {
            POOL.trim();
        }
    });
    let mut places: Vec<_> = (0..400)
        .map(|_| POOL.take(class).stack_bounds().0)
        .collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 400, "no fiber was lost or doubled");
}

#[test]
fn running_out_of_address_space_is_an_error() {
    if is_child("limit") {
        // What is mapped, plus some.
        let mapped = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = mapped.split(' ').next().unwrap().parse().unwrap();
        let limit = libc::rlimit {
            rlim_cur: pages * 4096 + (100 << 20),
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: a valid limit.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
        let mut kept = Vec::new();
        let error = loop {
            match FREE.reserve(None) {
                Ok(reservation) => kept.push(reservation),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
        assert!(error.to_string().contains("RLIMIT_AS"), "{error}");
        assert!(kept.len() > 100, "{}", kept.len());
        // Those that were promised run, and room that is given back serves.
        let class = kept[0].class();
        for _ in &kept {
            let mut job = Job::on(FREE.take(class), |_| super::stop());
            assert!(!job.resume());
        }
        drop(kept.pop());
        drop(FREE.reserve(None).unwrap());
        return;
    }
    let module = module_path!();
    let test = "running_out_of_address_space_is_an_error";
    assert_child_passes(module, test, "limit", &[]);
    assert_child_passes(module, test, "limit", &[("STANDIN_TEST", "mprotect")]);
}

#[test]
fn running_out_of_mappings_is_an_error() {
    if is_child("mappings") {
        let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
        let most: usize = most.trim().parse().unwrap();
        let mut kept = Vec::new();
        let error = loop {
            match PINNED.reserve(Some(1)) {
                Ok(reservation) => kept.push(reservation),
                Err(error) => break error,
            }
            assert!(kept.len() <= most, "each guard needs a mapping");
        };
        assert!(error.to_string().contains("vm.max_map_count"), "{error}");
        assert!(kept.len() > most / 4, "{}", kept.len());
        return;
    }
    assert_child_passes(
        module_path!(),
        "running_out_of_mappings_is_an_error",
        "mappings",
        &[("STANDIN_TEST", "mprotect")],
    );
}
