//! Panic messages that name the thread. Std's own hook asks std for the name, and std does not know the
//! threads of every engine: a green thread would be `<unnamed>`, or have the name of the OS thread it runs on.
//!
//! The builder calls [`name_threads`] before it starts a thread, and so does the engine `may` before may puts a hook of its own
//! over what it finds. Nothing else knows of this module.
//!
//! Only std's default hook is replaced, and only once, so a program's own hook stays what it is, set before or
//! after. Whether the hook in force is the default one shows when it is taken twice: the first time leaves
//! the default behind, so the second returns that. Both are then boxes of one function, which is a type of no
//! size: equal addresses, and one table of methods. Where the compiler made two tables of it, they look
//! different, and the hook stays std's, which names fewer threads.

use crate::engine::{self, Control, Engine};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::env;
use std::fmt::Write as _;
use std::io;
use std::panic::{self, PanicHookInfo};
use std::ptr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, Once, OnceLock, PoisonError};

type Hook = dyn Fn(&PanicHookInfo<'_>) + Sync + Send;

/// To be called before a thread of `engine` starts: its panics are to name it.
///
/// Between taking the hook and setting it again, which happens once in a process, another thread's panic is
/// reported by std's default hook, and a hook that another thread sets in this moment is lost: std has no
/// stable way to do both at once.
#[inline]
pub(crate) fn name_threads(engine: Engine) {
    static DONE: Once = Once::new();
    // A panicking thread must not touch the hook. It may spawn, and then another one comes here later.
    if !DONE.is_completed() && engine != engine::OS && !std::thread::panicking() {
        DONE.call_once(replace_default);
    }
}

fn replace_default() {
    let found = panic::take_hook();
    let default = panic::take_hook();
    if ptr::eq(&*found, &*default) {
        panic::set_hook(Box::new(move |info| report(info, &*default)));
    } else {
        panic::set_hook(found);
    }
}

thread_local! {
    static IS_SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Calls `f`, which says by a panic what its caller makes an error of: std's default hook writes nothing meanwhile. `f`
/// does not park.
#[cfg(feature = "may")]
pub(crate) fn silently<R>(f: impl FnOnce() -> R) -> R {
    set_silent(true);
    let result = f();
    set_silent(false);
    result
}

#[cfg(feature = "may")]
#[inline(never)]
fn set_silent(is_silent: bool) {
    IS_SILENT.set(is_silent);
}

fn report(info: &PanicHookInfo<'_>, default: &Hook) {
    if IS_SILENT.get() {
        return;
    }
    Control::current(|control| match control {
        Some(control) if std::thread::current().name() != control.name() => {
            print(control.name(), info);
        }
        _ => {
            if backtraces() == Backtraces::Off {
                // Std's hook gives the hint now, if it did not before.
                HINTED.store(true, Relaxed);
            }
            default(info);
        }
    });
}

/// Whether somebody was told how to get a backtrace. Once is enough.
static HINTED: AtomicBool = AtomicBool::new(false);

/// Writes what std's hook does, with another name. As there, the number is the OS thread's.
///
/// One thing cannot be had: a panic during the unwinding of another one gets a backtrace from std, whether
/// or not `RUST_BACKTRACE` asks for it. How many panics are under way is std's secret.
fn print(name: Option<&str>, info: &PanicHookInfo<'_>) {
    /// Keeps what belongs together together. Nothing parks while it is held.
    static WRITING: Mutex<()> = Mutex::new(());
    let name = name.unwrap_or("<unnamed>");
    let thread = rustix::thread::gettid();
    let message = info.payload_as_str().unwrap_or("Box<dyn Any>");
    let mut text = format!("\nthread '{name}' ({thread}) panicked at ");
    if let Some(location) = info.location() {
        let _ = write!(text, "{location}");
    }
    let _ = writeln!(text, ":\n{message}");
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    // Before the backtrace, which takes its time and more of the stack.
    write(&text);
    match backtraces() {
        Backtraces::Off => {
            if !HINTED.swap(true, Relaxed) {
                write(
                    "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
                );
            }
        }
        Backtraces::Short => {
            let frames = shorten(&Backtrace::force_capture().to_string());
            write(&format!(
                "stack backtrace:\n{frames}note: Some details are omitted, run with `RUST_BACKTRACE=full` \
                 for a verbose backtrace.\n"
            ));
        }
        Backtraces::Full => {
            write(&format!(
                "stack backtrace:\n{:#}",
                Backtrace::force_capture()
            ));
        }
    }
}

/// To the descriptor itself, as std does it: whoever holds the lock of `stderr` may wait for this thread.
fn write(text: &str) {
    let mut left = text.as_bytes();
    while !left.is_empty() {
        match rustix::io::write(io::stderr(), left) {
            Ok(written) => left = &left[written..],
            Err(rustix::io::Errno::INTR) => {}
            // There is nowhere to complain.
            Err(_) => return,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Backtraces {
    Off,
    Short,
    Full,
}

/// What `RUST_BACKTRACE` says; as in std, what it said first.
fn backtraces() -> Backtraces {
    static ASKED: OnceLock<Backtraces> = OnceLock::new();
    *ASKED.get_or_init(|| match env::var_os("RUST_BACKTRACE") {
        None => Backtraces::Off,
        Some(value) if value == "0" => Backtraces::Off,
        Some(value) if value == "full" => Backtraces::Full,
        Some(_) => Backtraces::Short,
    })
}

/// The frames of a backtrace that std would show: those between the two functions that mark where the
/// panic's own end and where the thread's begin, and no more than about a hundred.
fn shorten(all: &str) -> String {
    const MOST: usize = 100;
    let mut shown = String::new();
    let (mut number, mut omitted, mut resumed) = (0, 0, false);
    let (mut between, mut wanted) = (false, false);
    for line in all.lines() {
        let Some(function) = function(line) else {
            // Where the function above stands.
            if wanted {
                let _ = writeln!(shown, "{line}");
            }
            continue;
        };
        wanted = false;
        if function.contains("__rust_end_short_backtrace") {
            between = true;
        } else if !between {
            omitted += 1;
        } else if function.contains("__rust_begin_short_backtrace") {
            between = false;
        } else if number == MOST {
            break;
        } else {
            if omitted > 0 && resumed {
                let plural = if omitted == 1 { "" } else { "s" };
                let _ = writeln!(shown, "      [... omitted {omitted} frame{plural} ...]");
            }
            (omitted, resumed, wanted) = (0, true, true);
            let _ = writeln!(shown, "{number:4}: {function}");
            number += 1;
        }
    }
    shown
}

/// The function that a line names, if it names one: `  12: function`.
fn function(line: &str) -> Option<&str> {
    let (number, function) = line.split_once(": ")?;
    number.trim_start().parse::<usize>().ok().map(|_| function)
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn a_short_backtrace_has_what_is_between_the_marks() {
        let all = "   0: captures\n             at ./a.rs:1:2\n   1: std::__rust_end_short_backtrace\n   \
                   2: panics: here\n             at ./b.rs:3:4\n   3: x::__rust_begin_short_backtrace::<y>\n             \
                   at ./c.rs:5:6\n   4: schedules\n";
        assert_eq!(
            shorten(all),
            "   0: panics: here\n             at ./b.rs:3:4\n"
        );
        let again = format!("{all}   5: __rust_end_short_backtrace\n   6: outer\n");
        assert_eq!(
            shorten(&again),
            "   0: panics: here\n             at ./b.rs:3:4\n      [... omitted 1 frame ...]\n   1: outer\n"
        );
        assert_eq!(shorten("   0: nothing is marked\n"), "");
    }

    #[test]
    fn a_short_backtrace_is_not_long() {
        let mut all = String::from("   0: __rust_end_short_backtrace\n");
        for number in 1..500 {
            all += &format!("{number:4}: recursion\n");
        }
        assert_eq!(shorten(&all).lines().count(), 100);
    }
}
