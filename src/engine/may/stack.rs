//! How large a stack is: standin says bytes, may words.

use may::config;
use std::sync::OnceLock;

/// Where nobody says anything: as on the other engines, so that code moves between them.
const DEFAULT: usize = 192 << 10;
/// What may's configuration says where nobody has said anything.
const DEFAULT_OF_MAY: usize = 0x1000;
/// Smaller ones are raised to this, as std does.
const LEAST: usize = 16 << 10;
const WORD: usize = size_of::<usize>();

/// The words of a stack of at least so many bytes; `None` is the default.
pub(super) fn words(bytes: Option<usize>) -> usize {
    match (bytes.or_else(from_environment), config().get_stack_size()) {
        (Some(bytes), _) => to_words(bytes),
        (None, DEFAULT_OF_MAY) => to_words(DEFAULT),
        // As it is: only stacks of just this size are kept for the next coroutine.
        (None, configured) => configured,
    }
}

fn to_words(bytes: usize) -> usize {
    even(bytes.max(LEAST).div_ceil(WORD))
}

/// An odd size asks may to fill the stack, and to print how much of it was used.
fn even(words: usize) -> usize {
    words + words % 2
}

/// What `RUST_MIN_STACK` says; as in std, what it said first.
fn from_environment() -> Option<usize> {
    static SAID: OnceLock<Option<usize>> = OnceLock::new();
    *SAID.get_or_init(|| std::env::var("RUST_MIN_STACK").ok()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT, words};

    #[test]
    fn bytes_become_an_even_number_of_words() {
        for (bytes, expected) in [
            (0, 2048),
            (16 << 10, 2048),
            ((16 << 10) + 1, 2050),
            (1 << 20, 1 << 17),
            (usize::MAX, (usize::MAX >> 3) + 1),
        ] {
            assert_eq!(words(Some(bytes)), expected, "{bytes}");
        }
        if std::env::var_os("RUST_MIN_STACK").is_none() {
            assert_eq!(words(None), DEFAULT / 8);
        }
    }
}
