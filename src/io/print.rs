//! The print macros.

use super::{stderr, stdout};
use std::fmt;
use std::io::Write;

/// Prints to the standard output. This corresponds to [`std::print!`].
///
/// # Panics
///
/// As std's, if the stream fails. A full pipe is no failure: the thread parks until there is room.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => {
        $crate::io::_print($crate::__std::format_args!($($argument)*))
    };
}

/// Prints a line to the standard output; lines of different threads do not mix. This corresponds to
/// [`std::println!`].
///
/// # Panics
///
/// As std's, if the stream fails. A full pipe is no failure: the thread parks until there is room.
#[macro_export]
macro_rules! println {
    () => {
        $crate::print!("\n")
    };
    ($($argument:tt)*) => {
        $crate::print!("{}\n", $crate::__std::format_args!($($argument)*))
    };
}

/// Prints to the standard error. This corresponds to [`std::eprint!`].
///
/// # Panics
///
/// As std's, if the stream fails. A full pipe is no failure: the thread parks until there is room.
#[macro_export]
macro_rules! eprint {
    ($($argument:tt)*) => {
        $crate::io::_eprint($crate::__std::format_args!($($argument)*))
    };
}

/// Prints a line to the standard error; lines of different threads do not mix. This corresponds to
/// [`std::eprintln!`].
///
/// # Panics
///
/// As std's, if the stream fails. A full pipe is no failure: the thread parks until there is room.
#[macro_export]
macro_rules! eprintln {
    () => {
        $crate::eprint!("\n")
    };
    ($($argument:tt)*) => {
        $crate::eprint!("{}\n", $crate::__std::format_args!($($argument)*))
    };
}

/// Prints where it stands, what it was given and its value to the standard error, and is that value. This corresponds
/// to [`std::dbg!`].
#[macro_export]
macro_rules! dbg {
    () => {
        $crate::eprintln!(
            "[{}:{}:{}]",
            $crate::__std::file!(),
            $crate::__std::line!(),
            $crate::__std::column!()
        )
    };
    ($value:expr $(,)?) => {
        // A `match`, so that temporaries live as long as the value, as in std's.
        match $value {
            value => {
                $crate::eprintln!(
                    "[{}:{}:{}] {} = {:#?}",
                    $crate::__std::file!(),
                    $crate::__std::line!(),
                    $crate::__std::column!(),
                    $crate::__std::stringify!($value),
                    &&value as &dyn $crate::__std::fmt::Debug,
                );
                value
            }
        }
    };
    ($($value:expr),+ $(,)?) => {
        ($($crate::dbg!($value)),+,)
    };
}

#[doc(hidden)]
pub fn _print(arguments: fmt::Arguments<'_>) {
    if let Err(error) = stdout().write_fmt(arguments) {
        panic!("failed printing to stdout: {error}");
    }
}

#[doc(hidden)]
pub fn _eprint(arguments: fmt::Arguments<'_>) {
    if let Err(error) = stderr().write_fmt(arguments) {
        panic!("failed printing to stderr: {error}");
    }
}
