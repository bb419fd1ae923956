//! The interpreters on std itself.

pub mod shapes {
    pub use std::{net, os, sync, thread, thread_local, time};

    /// std's threads cannot be cancelled.
    pub mod cancellation {
        use std::io;
        use std::thread::Thread;

        pub const CANCEL: Option<fn(&Thread)> = None;

        pub fn is_cancelled(_: &io::Error) -> bool {
            false
        }
    }

    /// What is no part of the test.
    pub mod sound {
        pub use std::sync::Mutex;
    }

    /// There is but one engine.
    pub mod threads_of {
        use std::io;
        use std::thread::{Builder, JoinHandle};

        pub fn spawn<T: Send + 'static>(
            builder: Builder,
            _: Option<usize>,
            f: impl FnOnce() -> T + Send + 'static,
        ) -> io::Result<JoinHandle<T>> {
            builder.spawn(f)
        }
    }
}

#[path = "interpret/mod.rs"]
pub mod interpret;

#[path = "racy/interpret/mod.rs"]
pub mod race;
