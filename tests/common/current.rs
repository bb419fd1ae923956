//! A current-thread runtime of tokio, driven for as long as the process lives. A thread of the engine `async` that is
//! spawned in its context is a task of it, and so are those that such a thread spawns. Tests call this
//! `async-current`.

use std::sync::OnceLock;
use tokio::runtime::{Builder, EnterGuard, Handle};

/// Puts the calling thread into the runtime's context, until the guard is dropped.
pub(crate) fn enter() -> EnterGuard<'static> {
    handle().enter()
}

fn handle() -> &'static Handle {
    static HANDLE: OnceLock<Handle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("there is room for a runtime");
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("async-current".into())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .expect("there is an OS thread for it");
        handle
    })
}
