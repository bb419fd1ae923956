//! Queues of tasks, linked through the tasks themselves: no memory is needed to queue one.
//!
//! To follow a link is to wait for a task that has left the caches, if the queue is long. So there are several chains, to
//! which tasks go in turn: while one is taken, the next ones are on their way already.

use super::task::Task;
use standin_core::Lock;
use std::ptr;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Relaxed, Release};

/// How many chains a queue has.
const LANES: usize = 4;

/// A queue that one thread uses at a time. The tasks in it are in no other.
pub(super) struct List {
    /// Task number `n` is in chain `n % LANES`. How many there are says where a chain ends; the last one's link says nothing.
    lanes: [Lane; LANES],
    /// The numbers of the next to be taken and of the next to come. Both begin anew in an empty queue.
    next: usize,
    end: usize,
}

struct Lane {
    first: *const Task,
    last: *const Task,
}

// SAFETY: tasks may be moved between machines; the scheduler keeps those that are queued alive.
unsafe impl Send for List {}

impl List {
    pub(super) const fn new() -> Self {
        Self {
            lanes: [const {
                Lane {
                    first: ptr::null(),
                    last: ptr::null(),
                }
            }; LANES],
            next: 0,
            end: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next == self.end
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.next
    }

    /// # Safety
    ///
    /// The task is alive until it is popped, and in no other queue.
    pub(super) unsafe fn push(&mut self, task: *const Task) {
        let is_first = self.len() < LANES;
        let lane = &mut self.lanes[self.end % LANES];
        if is_first {
            lane.first = task;
        } else {
            // SAFETY: it is in this queue, so alive; `next` belongs to the queue that a task is in.
            unsafe { (*lane.last).next.set(task) };
        }
        lane.last = task;
        self.end += 1;
    }

    /// The task behind so many others, which are fewer than there are chains.
    pub(super) fn behind(&self, others: usize) -> Option<&Task> {
        debug_assert!(others < LANES);
        let lane = &self.lanes[(self.next + others) % LANES];
        // SAFETY: what is in the queue is alive and ours.
        (others < self.len()).then(|| unsafe { &*lane.first })
    }

    pub(super) fn pop(&mut self) -> Option<*const Task> {
        if self.is_empty() {
            return None;
        }
        let has_successor = self.len() > LANES;
        let lane = &mut self.lanes[self.next % LANES];
        let task = lane.first;
        if has_successor {
            // SAFETY: what is in the queue is alive and ours.
            lane.first = unsafe { &*task }.next.get();
            Task::prefetch_record(lane.first);
        }
        self.next += 1;
        if self.is_empty() {
            (self.next, self.end) = (0, 0);
        }
        Some(task)
    }
}

/// A queue that any thread may use. How long it is can be seen without its lock.
pub(super) struct SharedList {
    list: Lock<List>,
    length: AtomicUsize,
}

impl SharedList {
    pub(super) const fn new() -> Self {
        Self {
            list: Lock::new(List::new()),
            length: AtomicUsize::new(0),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length.load(Relaxed) == 0
    }

    /// # Safety
    ///
    /// As for [`List::push`].
    pub(super) unsafe fn push(&self, task: *const Task) {
        let mut list = self.list.lock();
        // SAFETY: the caller's promise.
        unsafe { list.push(task) };
        self.length.store(list.len(), Release);
    }

    /// Appends several; what `list` holds is alive and in no other queue, as it was there.
    pub(super) fn append(&self, mut tasks: List) {
        let mut list = self.list.lock();
        while let Some(task) = tasks.pop() {
            // SAFETY: it was alive in the other queue, and is not in it any more.
            unsafe { list.push(task) };
        }
        self.length.store(list.len(), Release);
    }

    /// Takes a fair share for one of `takers`: at least one task if there is any, at most `most`.
    pub(super) fn take(
        &self,
        takers: usize,
        most: usize,
        mut each: impl FnMut(*const Task),
    ) -> usize {
        if self.is_empty() {
            return 0;
        }
        let mut list = self.list.lock();
        let count = (list.len() / takers + 1).min(most).min(list.len());
        for _ in 0..count {
            if let Some(task) = list.pop() {
                each(task);
            }
        }
        self.length.store(list.len(), Release);
        count
    }
}
