use keeps;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub type Shared = Arc<Mutex<BTreeMap<u32, bool>>>;

/// Outside the crate's root a path that is not imported starts with `::`.
pub fn spawn(
    number: u32,
    key: &'static ::std::thread::LocalKey<Cell<u32>>,
    shared: Shared,
) -> ::std::thread::JoinHandle<()> {
    ::std::thread::spawn(move || {
        let kept = match number {
            0...99 => keeps(number, key),
            _ => false,
        };
        let _ = shared.lock().unwrap().insert(number, kept);
    })
}
