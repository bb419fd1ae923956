//! Edition 2015: paths in `use` start at the crate's root, `try!` is a macro, trait objects have no `dyn`.

#![allow(bare_trait_objects, deprecated, ellipsis_inclusive_range_patterns)]
// Both forms are meant.
#![allow(clippy::missing_const_for_thread_local)]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::{self, LocalKey};

#[path = "../../conversations.rs"]
mod conversations;
mod module;

use module::Shared;

thread_local!(static BARE: Cell<u32> = Cell::new(0));
::std::thread_local! {
    /// By path.
    pub static BY_PATH: RefCell<Vec<u32>> = RefCell::new(vec![]);
    static CONSTANT: Cell<u32> = const { Cell::new(0) };
}

fn main() {
    println!("edition: 2015");
    let key: &'static LocalKey<Cell<u32>> = &BARE;
    let shared: Shared = Arc::new(Mutex::new(BTreeMap::new()));
    let threads: Vec<_> = (0..100)
        .map(|n| module::spawn(n, key, shared.clone()))
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    println!(
        "locals kept: {}",
        shared
            .lock()
            .unwrap()
            .values()
            .filter(|kept| **kept)
            .count()
    );
    tell().unwrap();
}

fn tell() -> io::Result<()> {
    let action: Box<Fn() -> io::Result<()>> = Box::new(conversations::run);
    try!(action());
    Ok(())
}

/// Whether this thread's values are still its own after others have run.
fn keeps(number: u32, key: &'static LocalKey<Cell<u32>>) -> bool {
    key.with(|value| value.set(number));
    BY_PATH.with(|value| value.borrow_mut().push(number));
    CONSTANT.set(number);
    for _ in 0..10 {
        thread::yield_now();
    }
    let mut seen = HashMap::new();
    seen.insert("bare", BARE.with(|value| value.get()) == number);
    seen.insert("by path", BY_PATH.with(|value| *value.borrow() == [number]));
    seen.insert("constant", CONSTANT.get() == number);
    seen.values().all(|kept| *kept)
}
