//! Limits on what this process may have. For isolated tests: they concern the whole process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;

/// Puts a limit back when dropped.
pub(crate) struct Lowered {
    resource: Resource,
    before: Rlimit,
    /// What the descriptors below the limit are used up by.
    fillers: Vec<File>,
}

/// Lowers a soft limit.
pub(crate) fn lower(resource: Resource, to: u64) -> Lowered {
    let before = getrlimit(resource);
    let now = Rlimit {
        current: Some(to),
        maximum: before.maximum,
    };
    setrlimit(resource, now).expect("a soft limit can be lowered");
    Lowered {
        resource,
        before,
        fillers: Vec::new(),
    }
}

/// Leaves this process room for `more` descriptors beyond those that are open.
pub(crate) fn descriptors(more: usize) -> Lowered {
    let open = open_descriptors();
    // A new descriptor gets the lowest number that is free, so the numbers below the limit count.
    let limit = open
        .last()
        .map_or(0, |last| last + 1)
        .max((open.len() + more) as u64);
    let mut lowered = lower(Resource::Nofile, limit);
    while let Ok(filler) = File::open("/dev/null") {
        lowered.fillers.push(filler);
    }
    assert!(
        lowered.fillers.len() >= more,
        "there was room for that many"
    );
    lowered.fillers.truncate(lowered.fillers.len() - more);
    lowered
}

/// The numbers of the descriptors that are open, in order.
pub(crate) fn open_descriptors() -> Vec<u64> {
    let folder = std::fs::read_dir("/proc/self/fd").expect("/proc is mounted");
    let names = folder.map(|entry| entry.expect("/proc can be read").file_name());
    let mut numbers: Vec<u64> = names
        .map(|name| {
            name.to_str()
                .and_then(|name| name.parse().ok())
                .expect("a number")
        })
        .collect();
    numbers.sort_unstable();
    // One of them was the folder's, which is closed by now.
    numbers.retain(|number| std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok());
    numbers
}

impl Drop for Lowered {
    fn drop(&mut self) {
        self.fillers.clear();
        setrlimit(self.resource, self.before).expect("a soft limit can be raised again");
    }
}
