//! Queues of tasks, linked through the tasks themselves: no memory is needed to queue one.

use super::task::Task;
use standin_core::Lock;
use std::ptr;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Relaxed, Release};

/// A queue that one thread uses at a time. The tasks in it are in no other.
pub(super) struct List {
    first: *const Task,
    last: *const Task,
    length: usize,
}

// SAFETY: tasks may be moved between machines; the scheduler keeps those that are queued alive.
unsafe impl Send for List {}

impl List {
    pub(super) const fn new() -> Self {
        Self {
            first: ptr::null(),
            last: ptr::null(),
            length: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    /// # Safety
    ///
    /// The task is alive until it is popped, and in no other queue.
    pub(super) unsafe fn push(&mut self, task: *const Task) {
        // SAFETY: the caller's promise; `next` belongs to the queue that the task is in.
        unsafe { (*task).next.set(ptr::null()) };
        if self.last.is_null() {
            self.first = task;
        } else {
            // SAFETY: it is in this queue, so alive and ours.
            unsafe { (*self.last).next.set(task) };
        }
        self.last = task;
        self.length += 1;
    }

    /// The next task, if there are `least` or more.
    pub(super) fn first(&self, least: usize) -> Option<&Task> {
        // SAFETY: what is in the queue is alive and ours.
        (self.length >= least).then(|| unsafe { &*self.first })
    }

    pub(super) fn pop(&mut self) -> Option<*const Task> {
        let task = self.first;
        // SAFETY: what is in the queue is alive and ours.
        self.first = unsafe { task.as_ref() }?.next.get();
        if self.first.is_null() {
            self.last = ptr::null();
        }
        self.length -= 1;
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
        self.length.store(list.length, Release);
    }

    /// Appends several; what `list` holds is alive and in no other queue, as it was there.
    pub(super) fn append(&self, mut tasks: List) {
        let mut list = self.list.lock();
        while let Some(task) = tasks.pop() {
            // SAFETY: it was alive in the other queue, and is not in it any more.
            unsafe { list.push(task) };
        }
        self.length.store(list.length, Release);
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
        let count = (list.length / takers + 1).min(most).min(list.length);
        for _ in 0..count {
            if let Some(task) = list.pop() {
                each(task);
            }
        }
        self.length.store(list.length, Release);
        count
    }
}
