//! The deadlines of parked threads: a heap for each processor, whose machine fires what is due. Any thread
//! can take an entry out again, because a thread may be resumed by another processor than it parked on.
//!
//! # The life of an entry
//!
//! A thread arms its timer before it parks, and disarms it after it was resumed, before its park returns. So
//! a task in a heap is alive. Firing touches a task under the heap's lock, and last of all clears the
//! task's mark that it is armed: a thread that sees the mark takes the lock, and so waits until the firing
//! is done with it; one that does not see it will not be touched again.

use super::task::Task;
use standin_core::{Lock, fault};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicU64};

/// How many timers are fired under one hold of the lock.
const BATCH: usize = 64;
/// Children of a node: fewer levels than a binary heap, and neighbours share a cache line.
const ARITY: usize = 4;
const ABSENT: usize = usize::MAX;
/// No deadline.
const NEVER: u64 = u64::MAX;

/// The heap of one processor.
pub(super) struct Timers {
    heap: Lock<Vec<Entry>>,
    /// The earliest deadline, in nanoseconds on the clock; may be read without the lock.
    next: AtomicU64,
}

#[derive(Clone, Copy)]
struct Entry {
    deadline: u64,
    task: *const Task,
}

// SAFETY: what is in the heap is alive (see above), and behind its lock.
unsafe impl Send for Entry {}

/// A task's place in a heap.
pub(super) struct Timer {
    /// The heap that it is armed in.
    armed: AtomicPtr<Timers>,
    /// Where it stands there; used under the heap's lock.
    index: Cell<usize>,
}

impl Timer {
    pub(super) fn new() -> Self {
        Self {
            armed: AtomicPtr::new(ptr::null_mut()),
            index: Cell::new(ABSENT),
        }
    }

    /// Takes the timer out of the heap that it is in; whether it has fired. By the thread, after it armed it.
    pub(super) fn disarm(&self) -> bool {
        // SAFETY: timers belong to processors, which live for ever.
        let Some(timers) = (unsafe { self.armed.load(Acquire).as_ref() }) else {
            return true;
        };
        let mut heap = timers.heap.lock();
        let index = self.index.get();
        let has_fired = index == ABSENT;
        if !has_fired {
            remove(&mut heap, index);
            timers.publish(&heap);
        }
        drop(heap);
        self.armed.store(ptr::null_mut(), Relaxed);
        has_fired
    }
}

impl Timers {
    pub(super) fn new() -> Self {
        Self {
            heap: Lock::new(Vec::new()),
            next: AtomicU64::new(NEVER),
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<u64> {
        Some(self.next.load(Relaxed)).filter(|&next| next != NEVER)
    }

    /// Lets the task be woken at `deadline`. By its own thread, which parks next.
    pub(super) fn arm(&'static self, task: &Task, deadline: u64) {
        let deadline = match fault::happens("no-timeout", 50) {
            true => NEVER,
            false => deadline,
        };
        let mut heap = self.heap.lock();
        heap.push(Entry {
            deadline: deadline.min(NEVER - 1),
            task,
        });
        task.timer
            .armed
            .store(ptr::from_ref(self).cast_mut(), Relaxed);
        let last = heap.len() - 1;
        sift_up(&mut heap, last);
        self.publish(&heap);
    }

    /// Wakes every task whose deadline is not after `now`; whether there were any.
    pub(super) fn fire(&self, now: u64) -> bool {
        let mut any = false;
        while self.next.load(Relaxed) <= now {
            let mut heap = self.heap.lock();
            for _ in 0..BATCH {
                match heap.first() {
                    Some(entry) if entry.deadline <= now => {
                        let task = remove(&mut heap, 0).task;
                        for soon in heap.iter().take(1 + ARITY) {
                            Task::prefetch_record(soon.task);
                        }
                        // SAFETY: alive while it is armed, which the last line here ends.
                        unsafe {
                            Task::wake(task);
                            (*task).timer.armed.store(ptr::null_mut(), Release);
                        }
                        any = true;
                    }
                    _ => break,
                }
            }
            self.publish(&heap);
        }
        any
    }

    fn publish(&self, heap: &[Entry]) {
        self.next
            .store(heap.first().map_or(NEVER, |entry| entry.deadline), Relaxed);
    }
}

fn remove(heap: &mut Vec<Entry>, index: usize) -> Entry {
    let removed = heap.swap_remove(index);
    place(&removed, ABSENT);
    if index < heap.len() {
        place(&heap[index], index);
        sift_down(heap, index);
        sift_up(heap, index);
    }
    removed
}

fn sift_up(heap: &mut [Entry], mut index: usize) {
    let entry = heap[index];
    while index > 0 {
        let parent = (index - 1) / ARITY;
        if heap[parent].deadline <= entry.deadline {
            break;
        }
        heap[index] = heap[parent];
        place(&heap[index], index);
        index = parent;
    }
    heap[index] = entry;
    place(&entry, index);
}

fn sift_down(heap: &mut [Entry], mut index: usize) {
    let entry = heap[index];
    loop {
        let first = ARITY * index + 1;
        let children = first..heap.len().min(first + ARITY);
        let Some(least) = children.min_by_key(|&child| heap[child].deadline) else {
            break;
        };
        if heap[least].deadline >= entry.deadline {
            break;
        }
        heap[index] = heap[least];
        place(&heap[index], index);
        index = least;
    }
    heap[index] = entry;
    place(&entry, index);
}

fn place(entry: &Entry, index: usize) {
    // SAFETY: alive while it is in the heap, and its index is ours under the heap's lock.
    unsafe { (*entry.task).timer.index.set(index) };
}
