//! Switches that tests use to reach code that a healthy machine would not
//! run: the environment variable `STANDIN_TEST`, a comma-separated list of
//! words, read once.
//!
//! They are no interface for users: they only take fast paths away.

use std::fmt;
use std::sync::OnceLock;

/// What `STANDIN_TEST` asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Switches {
    /// `no-free`: behave as if this machine could not run free threads.
    pub(crate) no_free: bool,
    /// `mprotect`: guard stacks with `mprotect`, as on kernels that lack
    /// lightweight guards.
    pub(crate) mprotect: bool,
    /// `hop`: move free threads to another OS thread whenever possible.
    pub(crate) hop: bool,
    /// `hasty`: the monitor takes the processor of every thread that it finds running.
    pub(crate) hasty: bool,
}

/// A word in `STANDIN_TEST` that means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnknownSwitch {
    word: String,
}

impl fmt::Display for UnknownSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the environment variable STANDIN_TEST contains {:?}, which is no test switch; \
             valid are `no-free`, `mprotect`, `hop` and `hasty`, separated by commas",
            self.word
        )
    }
}

impl std::error::Error for UnknownSwitch {}

/// The switches of this process.
///
/// # Errors
///
/// `STANDIN_TEST` contains an unknown word.
pub(crate) fn get() -> Result<Switches, &'static UnknownSwitch> {
    static SWITCHES: OnceLock<Result<Switches, UnknownSwitch>> = OnceLock::new();
    SWITCHES
        .get_or_init(|| {
            let words = std::env::var_os("STANDIN_TEST").unwrap_or_default();
            parse(&words.to_string_lossy())
        })
        .as_ref()
        .copied()
}

fn parse(words: &str) -> Result<Switches, UnknownSwitch> {
    let mut switches = Switches::default();
    for word in words.split(',').map(str::trim).filter(|w| !w.is_empty()) {
        match word {
            "no-free" => switches.no_free = true,
            "mprotect" => switches.mprotect = true,
            "hop" => switches.hop = true,
            "hasty" => switches.hasty = true,
            _ => {
                return Err(UnknownSwitch {
                    word: word.to_owned(),
                });
            }
        }
    }
    Ok(switches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read() {
        let all = Switches {
            no_free: true,
            mprotect: true,
            hop: true,
            hasty: true,
        };
        assert_eq!(parse(""), Ok(Switches::default()));
        assert_eq!(parse("no-free, mprotect,hop,hasty"), Ok(all));
    }

    #[test]
    fn an_unknown_word_is_an_error_that_names_the_valid_ones() {
        let message = parse("hop,jump").unwrap_err().to_string();
        for part in ["\"jump\"", "no-free", "mprotect", "hop", "hasty"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
