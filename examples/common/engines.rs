//! The engines of this build, by name, for programs that compare them.
//!
//! A program of one's own needs none of this: it calls `thread::spawn` and gets the
//! process's default. Without an engine feature standin is std itself, and so the only
//! engine here is called `std`.

pub(crate) use built::{names, run};

#[cfg(feature = "_engine")]
mod built {
    use standin::engine::{self, Engine};
    use std::io;

    /// The engines that are compiled in and work on this system.
    pub(crate) fn names() -> Vec<&'static str> {
        accept_pinned();
        let mut names: Vec<_> = engine::all().into_iter().map(Engine::name).collect();
        if cfg!(feature = "may") {
            // With several workers, for which a process cannot be `may-pinned`.
            names.push("may");
        }
        names
    }

    /// Runs `body` as a thread of the named engine; what it spawns are threads of that
    /// engine as well.
    pub(crate) fn run<F, T>(name: &str, body: F) -> io::Result<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        accept_pinned();
        #[cfg(feature = "may")]
        prepare_may(name);
        Ok(engine::named(name)?.run(body))
    }

    #[cfg(feature = "_pinned")]
    fn accept_pinned() {
        // SAFETY: between two parking calls the examples, and the crates that they call
        // there (rustls, httparse, indicatif, hyper, tokio), neither keep a pointer into a
        // thread-local nor hold a lock of std's: rustls reads and writes its stream with no
        // lock held, one thread alone draws the progress bar, and a future does not park
        // within a poll.
        unsafe { engine::accept_pinned() }
    }

    #[cfg(not(feature = "_pinned"))]
    fn accept_pinned() {}

    /// may keeps stacks for the next coroutine only if they have the size that it was told.
    /// These have 192 KiB, as those of free threads.
    #[cfg(feature = "may")]
    fn prepare_may(name: &str) {
        may::config().set_stack_size((192 << 10) / size_of::<usize>());
        if name == "may" {
            // SAFETY: as above; nor does anything of these hold what belongs to its OS thread
            // across a call that parks.
            unsafe { engine::may::accept_moved() }
        }
    }
}

#[cfg(not(feature = "_engine"))]
mod built {
    use std::io;

    pub(crate) fn names() -> Vec<&'static str> {
        vec!["std"]
    }

    pub(crate) fn run<F, T>(name: &str, body: F) -> io::Result<T>
    where
        F: FnOnce() -> T,
    {
        match name {
            "std" => Ok(body()),
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!(
                    "engine {name:?} is not in this build, only \"std\" is: \
                     build with --features green,async,threads,may"
                ),
            )),
        }
    }
}
