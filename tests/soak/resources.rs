//! What a process has, and that it has it no longer.

use std::fs;
use std::time::Duration;

/// What is open, a line each.
pub(crate) fn descriptors() -> String {
    let mut open: Vec<_> = crate::common::limit::open_descriptors()
        .into_iter()
        .map(|number| {
            let target = fs::read_link(format!("/proc/self/fd/{number}")).unwrap_or_default();
            format!("  {number}: {}", target.display())
        })
        .collect();
    open.sort();
    open.join("\n")
}

pub(crate) fn os_threads() -> usize {
    fs::read_dir("/proc/self/task")
        .expect("/proc is mounted")
        .count()
}

/// Whether every OS thread that waits for events waits for nothing else: an idle processor has no timer left.
pub(crate) fn waits_for_no_timer() -> bool {
    let tasks = fs::read_dir("/proc/self/task").expect("/proc is mounted");
    for task in tasks.flatten() {
        // One that has just ended has no timer.
        let call = fs::read_to_string(task.path().join("syscall")).unwrap_or_default();
        let mut words = call.split_whitespace();
        let number: Option<libc::c_long> = words.next().and_then(|word| word.parse().ok());
        let timeout = words
            .nth(3)
            .and_then(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok());
        let has_timer = match (number, timeout) {
            (Some(libc::SYS_epoll_pwait2), Some(pointer)) => pointer != 0,
            (Some(libc::SYS_epoll_pwait | libc::SYS_epoll_wait), Some(timeout)) => {
                timeout as u32 as i32 != -1
            }
            _ => false,
        };
        if has_timer {
            return false;
        }
    }
    true
}

/// CPU time that this process has used.
pub(crate) fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// What the allocator has given out: also what it keeps for single threads in caches of theirs.
    pub(crate) allocated: u64,
    /// Pages that were written and are not the allocator's: the stacks and thread-local blocks, most of all.
    pub(crate) pages: u64,
}

/// What this process has. The allocator's own pages are left out: how full they are depends on who was first.
pub(crate) fn memory() -> Memory {
    // SAFETY: the call has no preconditions.
    let allocator = unsafe { libc::mallinfo2() };
    let maps = fs::read_to_string("/proc/self/smaps").expect("/proc is mounted");
    let (mut pages, mut is_allocators) = (0, false);
    for line in maps.lines() {
        if let Some(size) = line.strip_prefix("Anonymous:") {
            if !is_allocators {
                let size: u64 = size
                    .trim()
                    .trim_end_matches(" kB")
                    .parse()
                    .expect("a number");
                pages += size << 10;
            }
        } else if let Some((start, rest)) = line.split_once('-')
            && let Ok(start) = u64::from_str_radix(start, 16)
        {
            // glibc's arenas begin at multiples of their greatest size, 64 MiB.
            is_allocators = rest.ends_with("[heap]") || start.is_multiple_of(64 << 20);
        }
    }
    Memory {
        allocated: (allocator.uordblks + allocator.hblkhd) as u64,
        pages,
    }
}
