//! Limits on what this process may have. For isolated tests: they concern the whole process.

use super::wait;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;
use std::path::Path;

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

/// Leaves this process room for no descriptor, whatever is closed meanwhile: the numbers below the limit are taken
/// for good.
pub(crate) fn no_descriptors() -> Lowered {
    // Below are stdin, stdout and stderr. With a limit no greater than 3, std's `try_clone` has another error.
    const LAST: &str = "/proc/self/fd/3";
    let mut fillers = Vec::new();
    wait::until(|| {
        fillers.push(File::open("/dev/null").expect("the limit is not reached"));
        // Another file is one that somebody reads just now, such as the monitor of green.
        let holder = std::fs::read_link(LAST).expect("it is taken");
        holder.is_relative() || holder == Path::new("/dev/null")
    });
    let mut lowered = lower(Resource::Nofile, 4);
    lowered.fillers = fillers;
    lowered
}

/// Leaves this process room for `more` descriptors beyond those that are open. Before any engine has started: one
/// that runs may have a file open for a moment, as the monitor of green does.
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

/// Leaves this process room for `more` bytes beyond what it has mapped.
pub(crate) fn address_space(more: u64) -> Lowered {
    lower(Resource::As, mapped() + more)
}

/// The address space that this process has mapped, in bytes.
fn mapped() -> u64 {
    let read = || std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    // The first allocation of a thread can map a lot.
    drop(read());
    let status = read();
    let size = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))
        .expect("it is listed");
    let size: u64 = size
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number");
    size << 10
}

/// Lets this process start no more OS threads. [`give_up_root`] comes first.
pub(crate) fn no_more_os_threads() -> Lowered {
    lower(Resource::Nproc, 0)
}

/// The limit on a user's OS threads does not bind root: if it is root, this process becomes somebody else's,
/// for good. To be called on an OS thread: glibc looks for those to tell among its own threads.
pub(crate) fn give_up_root() {
    if rustix::process::geteuid().is_root() {
        // Nobody need be known by this number. All three, so that no privilege is left.
        const SOMEBODY: libc::uid_t = 1_999_999_999;
        // SAFETY: the call has no preconditions; glibc makes it for every OS thread.
        let result = unsafe { libc::setresuid(SOMEBODY, SOMEBODY, SOMEBODY) };
        assert_eq!(result, 0, "root may become anybody");
    }
}

/// Raises a soft limit that is lower.
pub(crate) fn raise(resource: Resource, to: u64) {
    let before = getrlimit(resource);
    if before.current.is_some_and(|current| current < to) {
        let now = Rlimit {
            current: Some(to),
            maximum: before.maximum,
        };
        setrlimit(resource, now).expect("the hard limit is not as low");
    }
}

impl Drop for Lowered {
    fn drop(&mut self) {
        self.fillers.clear();
        setrlimit(self.resource, self.before).expect("a soft limit can be raised again");
    }
}

/// From now on this system call fails with `ENOSYS`, in the calling thread and those that it starts.
pub(crate) fn refuse_system_call(number: libc::c_long) {
    let statement = |code: u32, value: u32, otherwise: u8| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: otherwise,
        k: value,
    };
    let refused = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    let mut filter = [
        // The number of the call is the first word of what a filter sees.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        statement(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            number as u32,
            1,
        ),
        statement(libc::BPF_RET | libc::BPF_K, refused, 0),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the program is valid, and is copied.
    let results = unsafe {
        [
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            ),
        ]
    };
    assert_eq!(results, [0, 0], "{}", std::io::Error::last_os_error());
}
