//! The command line of the benches that only have rounds.

use lexopt::{Arg, Parser, ValueExt};
use std::error::Error;

/// How many rounds `words` ask for; `usual` if they don't say.
pub(crate) fn rounds(
    words: &[String],
    usual: usize,
) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let mut rounds = usual;
    // `cargo bench` adds that one.
    let mut parser = Parser::from_args(words.iter().filter(|word| *word != "--bench"));
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("rounds") => rounds = parser.value()?.parse()?,
            _ => {
                return Err(
                    format!("{}; the only option is --rounds N", argument.unexpected()).into(),
                );
            }
        }
    }
    match rounds {
        0 => Err("--rounds 0 measures nothing".into()),
        rounds => Ok(rounds),
    }
}
