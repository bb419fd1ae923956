//! The two lists, one thread: any sequence of operations against a model made of std's collections.

use super::super::waiter::{CHOSEN, Waiter};
use super::super::wakers::{ROOM, Wakers};
use super::{Bucket, Unlinked};
use std::collections::{HashMap, VecDeque};
use std::ptr;
use std::task::Waker;

impl Bucket {
    /// Checks what holds whenever the lock is free, and counts the waiters on each address.
    ///
    /// # Panics
    ///
    /// If a link is not what it has to be.
    pub(in crate::wait_queue) fn check(&self) -> HashMap<usize, usize> {
        let mut counts = HashMap::new();
        let (mut head, mut previous_head) = (self.first, ptr::null());
        // SAFETY: linked nodes are alive, and `self` is behind the lock that guards their links.
        while let Some(first) = unsafe { head.as_ref() } {
            assert_eq!(first.links.previous_address.get(), previous_head);
            let (mut waiter, mut previous, mut count) = (head, ptr::null(), 0);
            // SAFETY: as above.
            while let Some(node) = unsafe { waiter.as_ref() } {
                assert!(node.links.linked.get());
                assert!(!node.is_woken());
                assert_eq!(node.address(), first.address());
                assert_eq!(node.links.previous.get(), previous);
                count += 1;
                previous = waiter;
                waiter = node.links.next.get();
            }
            assert_eq!(first.links.last.get(), previous);
            let earlier = counts.insert(first.address(), count);
            assert_eq!(earlier, None, "the address has two queues");
            previous_head = head;
            head = first.links.next_address.get();
        }
        counts
    }
}

#[test]
fn every_sequence_of_operations_does_what_the_model_does() {
    const ADDRESSES: usize = 4;
    let mut random = 1_u64;
    let mut below = |bound: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 32) as usize % bound
    };
    let waiters: Vec<_> = (0..24)
        .map(|_| Waiter::new(0, Waker::noop().clone()))
        .collect();
    let index = |waiter: *const Waiter| waiters.iter().position(|w| ptr::eq(w, waiter)).unwrap();
    let mut idle: Vec<usize> = (0..waiters.len()).collect();
    let mut queues = vec![VecDeque::<usize>::new(); ADDRESSES];
    let mut bucket = Bucket::new();

    for _ in 0..20_000 {
        let address = below(ADDRESSES);
        match below(8) {
            // One more often than the others, so that the queues are long at times.
            0..=3 => {
                if let Some(waiter) = idle.pop() {
                    waiters[waiter].set_address(address);
                    // SAFETY: idle, of this bucket, and alive until the end.
                    unsafe { bucket.push(&waiters[waiter]) };
                    queues[address].push_back(waiter);
                }
            }
            4..=5 => {
                let count = [1, 2, below(6), usize::MAX][below(4)];
                let mut out = Unlinked::new();
                let popped = bucket.pop(address, count, &mut out);
                assert_eq!(popped, count.min(queues[address].len()));
                for expected in queues[address].drain(..popped) {
                    assert_eq!(out.pop().map(index), Some(expected));
                    assert!(!waiters[expected].links.linked.get());
                    idle.push(expected);
                }
                assert!(out.pop().is_none());
            }
            _ => {
                let waiter = below(waiters.len());
                let queue = queues.iter_mut().find(|queue| queue.contains(&waiter));
                // SAFETY: alive, and there is one bucket.
                let removed = unsafe { bucket.remove(&waiters[waiter]) };
                assert_eq!(removed, queue.is_some());
                if let Some(queue) = queue {
                    queue.retain(|other| *other != waiter);
                    idle.push(waiter);
                }
            }
        }
        let expected: HashMap<_, _> = (0..ADDRESSES)
            .map(|address| (address, queues[address].len()))
            .filter(|(_, length)| *length > 0)
            .collect();
        assert_eq!(bucket.check(), expected);
    }
}

#[test]
fn a_chain_keeps_its_order() {
    let waiters: Vec<_> = (0..3)
        .map(|_| Waiter::new(0, Waker::noop().clone()))
        .collect();
    let mut chain = Unlinked::new();
    chain.push(&waiters[0]);
    assert!(chain.pop().is_some_and(|first| ptr::eq(first, &waiters[0])));
    assert!(chain.pop().is_none());
    // One that was empty in between starts anew.
    chain.push(&waiters[1]);
    chain.push(&waiters[2]);
    assert!(chain.pop().is_some_and(|first| ptr::eq(first, &waiters[1])));
    assert!(chain.pop().is_some_and(|first| ptr::eq(first, &waiters[2])));
    assert!(chain.pop().is_none());
}

#[test]
fn a_long_wake_chooses_all_at_once_and_ends_their_waits_in_parts() {
    let waiters: Vec<_> = (0..2 * ROOM + 2)
        .map(|_| Waiter::new(4, Waker::noop().clone()))
        .collect();
    let woken = || {
        waiters
            .iter()
            .take_while(|waiter| waiter.is_woken())
            .count()
    };
    let mut bucket = Bucket::new();
    for waiter in &waiters {
        // SAFETY: new, of this bucket, and alive until the end.
        unsafe { bucket.push(waiter) };
    }
    let mut wakers = Wakers::new();
    let chosen = 2 * ROOM + 1;
    assert_eq!(bucket.choose(4, chosen, &mut wakers), chosen);
    assert_eq!(woken(), ROOM);
    assert_eq!(wakers.room(), 0);
    assert_eq!(bucket.check(), [(4, 1), (4 | CHOSEN, ROOM + 1)].into());
    // One of the chosen looks by itself.
    assert!(waiters[ROOM].is_chosen());
    // SAFETY: alive, and there is one bucket.
    assert!(unsafe { bucket.remove(&waiters[ROOM]) });
    assert_eq!(waiters[ROOM].origin(), 4);
    wakers.wake();
    assert_eq!(bucket.end_chosen(4, ROOM + 1, &mut wakers), ROOM);
    assert!(waiters[ROOM + 1..chosen].iter().all(Waiter::is_woken));
    assert!(!waiters[ROOM].is_woken() && !waiters[chosen].is_woken());
    assert_eq!(bucket.check(), [(4, 1)].into());
}
