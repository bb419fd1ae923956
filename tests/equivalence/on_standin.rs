//! The interpreters on standin.

pub mod shapes {
    pub use standin::{net, os, sync, thread, thread_local, time};

    pub mod cancellation {
        pub use standin::engine::is_cancelled;
        use standin::thread::Thread;

        pub const CANCEL: Option<fn(&Thread)> = Some(Thread::cancel);
    }

    /// What is no part of the test.
    pub mod sound {
        pub use standin::sync::Mutex;
    }

    pub mod threads_of {
        use standin::engine;
        use standin::thread::{Builder, JoinHandle};
        use std::io;

        /// On the spawner's engine, or on the one whose turn it is.
        pub fn spawn<T: Send + 'static>(
            builder: Builder,
            turn: Option<usize>,
            f: impl FnOnce() -> T + Send + 'static,
        ) -> io::Result<JoinHandle<T>> {
            let Some(turn) = turn else {
                return builder.spawn(f);
            };
            let engines = engine::all();
            builder.spawn_on(engines[turn % engines.len()], f)
        }
    }
}

#[path = "interpret/mod.rs"]
pub mod interpret;

#[path = "racy/interpret/mod.rs"]
pub mod race;
