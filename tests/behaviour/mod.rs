//! Every body, against whatever `super::shapes` is.

use super::shapes;

mod copy;
mod fs;
mod fs_directory;
mod net;
mod net_address;
mod net_end;
mod net_mode;
mod pipe;
mod process;
mod process_streams;
mod sync;
mod thread;
mod thread_local;
mod thread_scope;
mod thread_wait;
mod time;
mod udp;
mod udp_address;
mod udp_convert;
mod udp_mode;
mod unix_convert;
mod unix_datagram;
mod unix_datagram_address;
mod unix_listener;
mod unix_mode;
mod unix_path;
mod unix_stream;

/// Every body with its name.
pub fn all() -> Vec<(&'static str, fn())> {
    [
        copy::ALL,
        fs::ALL,
        fs_directory::ALL,
        net::ALL,
        net_address::ALL,
        net_end::ALL,
        net_mode::ALL,
        pipe::ALL,
        process::ALL,
        process_streams::ALL,
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
        udp::ALL,
        udp_address::ALL,
        udp_convert::ALL,
        udp_mode::ALL,
        unix_convert::ALL,
        unix_datagram::ALL,
        unix_datagram_address::ALL,
        unix_listener::ALL,
        unix_mode::ALL,
        unix_path::ALL,
        unix_stream::ALL,
    ]
    .concat()
}
