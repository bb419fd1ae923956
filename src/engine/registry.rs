//! Which engines there are, and which one a plain OS thread's `spawn` uses.

use super::Engine;
use std::io;
use std::sync::OnceLock;

static CHOSEN: OnceLock<Engine> = OnceLock::new();

/// All engines that were compiled and can be used as things stand, the preferred one first.
///
/// Pinned threads are among them once the program accepted them (`green::accept_pinned`,
/// `tokio::accept_pinned`), and those of `may` that move once it accepted that (`may::accept_moved`).
pub fn all() -> Vec<Engine> {
    compiled()
        .iter()
        .copied()
        .filter(|engine| usable(*engine).is_ok())
        .collect()
}

/// The engine with a name.
///
/// # Errors
///
/// `InvalidInput` for a name that no compiled engine has, `PermissionDenied` for one that the program has
/// to accept first.
pub fn named(name: &str) -> io::Result<Engine> {
    match compiled().iter().find(|engine| engine.name() == name) {
        Some(engine) => usable(*engine).map(|()| *engine),
        None => {
            let names: Vec<_> = compiled().iter().map(|engine| engine.name()).collect();
            Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "no engine is named {name:?}: this program was compiled with {}; others need their Cargo \
                     feature of the crate standin",
                    names.join(", ")
                ),
            ))
        }
    }
}

/// Chooses what `spawn` makes on plain OS threads. For the program itself, before anything asks.
///
/// # Errors
///
/// `AlreadyExists` if another engine was chosen or used before, and the error of [`named`] if the program
/// has to accept the engine first.
pub fn set_default(engine: Engine) -> io::Result<()> {
    usable(engine)?;
    match *CHOSEN.get_or_init(|| engine) {
        chosen if chosen == engine => Ok(()),
        chosen => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!(
                "cannot make {engine} the default engine: {chosen} is it already; choose before the first spawn"
            ),
        )),
    }
}

/// What `spawn` makes on plain OS threads: what the program said with [`set_default`], else the environment
/// variable `STANDIN_ENGINE`, else the first compiled of `green`, `async`, `threads`.
///
/// # Errors
///
/// As [`named`], if `STANDIN_ENGINE` names no usable engine. Nothing falls back to another one.
pub fn default() -> io::Result<Engine> {
    if let Some(engine) = CHOSEN.get() {
        return Ok(*engine);
    }
    let engine = match std::env::var_os("STANDIN_ENGINE") {
        Some(name) => named(&name.to_string_lossy()).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("the environment variable STANDIN_ENGINE: {error}"),
            )
        })?,
        None => compiled()[0],
    };
    Ok(*CHOSEN.get_or_init(|| engine))
}

fn compiled() -> &'static [Engine] {
    &[
        #[cfg(feature = "green")]
        super::GREEN,
        #[cfg(feature = "async")]
        super::ASYNC,
        #[cfg(feature = "threads")]
        super::THREADS,
        #[cfg(feature = "green")]
        super::GREEN_PINNED,
        #[cfg(feature = "async")]
        super::ASYNC_PINNED,
        // After all that may be the default.
        #[cfg(feature = "may")]
        super::MAY_PINNED,
        #[cfg(feature = "may")]
        super::MAY,
    ]
}

fn usable(engine: Engine) -> io::Result<()> {
    let pinned: &[Engine] = &[
        #[cfg(feature = "green")]
        super::GREEN_PINNED,
        #[cfg(feature = "async")]
        super::ASYNC_PINNED,
    ];
    #[cfg(feature = "may")]
    if engine == super::MAY || engine == super::MAY_PINNED {
        return super::may::accepted(engine.name());
    }
    if pinned.contains(&engine) {
        #[cfg(feature = "_fibers")]
        return super::pinned::accepted(engine.name());
    }
    Ok(())
}
