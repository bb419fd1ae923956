//! Keeps panics out of the output, unless a test failed by one.
//!
//! Many bodies let threads panic; std's hook would print all of them.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

/// The last panics: message, and the text that std's hook would print.
static RECENT: Mutex<VecDeque<(String, String)>> = Mutex::new(VecDeque::new());
const KEPT: usize = 200;

/// From now on, panics are noted rather than printed.
pub fn panics() {
    panic::set_hook(Box::new(note));
}

/// Calls `body`; a panic becomes an error that says where it came from.
pub fn catch<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(body)).map_err(|payload| {
        let message = message(&*payload);
        let recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = recent.iter().rev().find(|(other, _)| *other == message);
        noted.map_or(message, |(_, text)| text.clone())
    })
}

fn note(info: &PanicHookInfo<'_>) {
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    while recent.len() >= KEPT {
        recent.pop_front();
    }
    recent.push_back((message(info.payload()), info.to_string()));
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}
