//! Room for descriptors, before they come by the thousand.
//!
//! Linux keeps a process's descriptors in a table that begins with 64 places and doubles when it is full. In a process of
//! several OS threads whoever needs the next place then waits until every core has been through the kernel's scheduler
//! (`synchronize_rcu`): some 10 to 30 ms, in which an OS thread stands still, and all green threads behind it; and so each time.
//! The table never shrinks. So it is made long at once, before an engine starts OS threads, when that costs nothing.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// How many places are made, if the limit on descriptors allows so many: they take 128 KiB in the kernel.
const MOST: u64 = 1 << 14;

/// Makes the room, if this is the only OS thread of the process. Else it would stand still here, as is said above, for what
/// may never be needed.
pub(super) fn make_room_if_alone() {
    static IS_DONE: AtomicBool = AtomicBool::new(false);
    if !IS_DONE.swap(true, Relaxed) && is_alone() {
        lengthen();
    }
}

#[cfg(target_os = "linux")]
fn lengthen() {
    use rustix::event::{EventfdFlags, eventfd};
    use rustix::process::{Resource, getrlimit};

    let limit = getrlimit(Resource::Nofile).current;
    let places = limit.unwrap_or(MOST).min(MOST) as i32;
    // A descriptor with the last number, for a moment. Should there be none to be had, there is none to be missed.
    let _ = eventfd(0, EventfdFlags::CLOEXEC)
        .and_then(|some| rustix::io::fcntl_dupfd_cloexec(&some, places - 1));
}

#[cfg(target_os = "linux")]
fn is_alone() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

#[cfg(not(target_os = "linux"))]
fn lengthen() {}

#[cfg(not(target_os = "linux"))]
fn is_alone() -> bool {
    false
}
