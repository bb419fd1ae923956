//! Every body, against whatever `super::shapes` is.

use super::shapes;

mod net;
mod net_address;
mod net_end;
mod net_mode;
mod sync;
mod thread;
mod thread_local;
mod thread_scope;
mod thread_wait;
mod time;

/// Every body with its name.
pub fn all() -> Vec<(&'static str, fn())> {
    [
        net::ALL,
        net_address::ALL,
        net_end::ALL,
        net_mode::ALL,
        sync::condvar::ALL,
        sync::mpsc::ALL,
        sync::mpsc_sync::ALL,
        sync::mutex::ALL,
        sync::once::ALL,
        sync::rwlock::ALL,
        thread::ALL,
        thread_local::ALL,
        thread_scope::ALL,
        thread_wait::ALL,
        time::ALL,
    ]
    .concat()
}
