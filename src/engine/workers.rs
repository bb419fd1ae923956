//! How many OS threads an engine keeps busy.

use std::io;
use std::num::NonZero;

/// `STANDIN_WORKERS`, else the available cores.
pub(super) fn workers() -> io::Result<usize> {
    const MOST: usize = 1024;
    let Some(value) = std::env::var_os("STANDIN_WORKERS") else {
        return Ok(std::thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(MOST));
    };
    match value.to_str().map(str::parse) {
        Some(Ok(count)) if (1..=MOST).contains(&count) => Ok(count),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "the environment variable STANDIN_WORKERS is {value:?}: it has to be a number of processors \
                 from 1 to {MOST}; unset it for one an available core"
            ),
        )),
    }
}
