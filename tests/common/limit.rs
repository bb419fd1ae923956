//! Limits on what this process may have. For isolated tests: they concern the whole process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Puts a limit back when dropped.
pub(crate) struct Lowered {
    resource: Resource,
    before: Rlimit,
}

/// Lowers a soft limit.
pub(crate) fn lower(resource: Resource, to: u64) -> Lowered {
    let before = getrlimit(resource);
    let now = Rlimit {
        current: Some(to),
        maximum: before.maximum,
    };
    setrlimit(resource, now).expect("a soft limit can be lowered");
    Lowered { resource, before }
}

/// Leaves this process room for `more` descriptors beyond those that are open.
pub(crate) fn descriptors(more: u64) -> Lowered {
    // A new descriptor gets the lowest free number: the numbers that are free below the limit count.
    let limit = open_descriptors().last().map_or(0, |last| last + 1);
    let free = limit - open_descriptors().len() as u64;
    assert!(
        free <= more,
        "{free} descriptor numbers are free between those in use"
    );
    lower(Resource::Nofile, limit + more - free)
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
    // One of them was the folder's.
    numbers.retain(|number| std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok());
    numbers
}

impl Drop for Lowered {
    fn drop(&mut self) {
        setrlimit(self.resource, self.before).expect("a soft limit can be raised again");
    }
}
