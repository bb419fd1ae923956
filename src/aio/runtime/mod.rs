//! The async view of the contract: what a library that is written in async style takes in the place of a runtime.
//!
//! It relies on the operations of the contract with no patience (`engine/attempts.rs`), and on two things that an
//! engine may have for futures (`Spawn::start_future`, `Sleep::timer`) and otherwise gets here, made of its threads.

mod sleep;
mod socket;
mod spawn;
mod stream;
mod task;
mod timers;

pub use sleep::Sleep;
pub(crate) use sleep::sleeping;
pub use socket::{AsSocket, Socket};
pub use spawn::{BlockingSection, Spawn, SpawnExt};
pub use stream::{ByteStream, Stream};
pub use task::{Task, TaskError};

use crate::engine::Engine;

/// Everything that an async library asks of its runtime: an [`Engine`] is one, so the library runs on each of them. On
/// `async` it shares tokio with the rest of the program; on `green` and `threads` its futures are polled by threads.
///
/// ```
/// use standin::aio::{Runtime, SpawnExt};
/// use standin::{engine, time::Duration};
///
/// async fn library(runtime: &dyn Runtime) -> std::io::Result<u32> {
///     let answer = runtime.spawn_task(async { 42 })?;
///     runtime.sleep(Duration::from_millis(1)).await;
///     Ok(answer.await?)
/// }
///
/// for engine in engine::all() {
///     assert_eq!(standin::block_on(library(&engine)).unwrap(), 42);
/// }
/// ```
///
/// Who has to keep it for long takes a `&'static dyn Runtime`, which `&engine::ASYNC` is, or an `Arc<dyn Runtime>`.
///
/// # Panics
///
/// Where tokio's driver or timer is used (always on `async`; for sockets on `threads`, and on engines from outside that
/// have no reactor), the runtime around the caller needs them: without `enable_all` tokio panics.
pub trait Runtime: Sleep + Spawn + Socket + Send + Sync {
    /// The engine that this is, or delegates to.
    fn engine(&self) -> Engine;
}

impl Runtime for Engine {
    fn engine(&self) -> Engine {
        *self
    }
}
