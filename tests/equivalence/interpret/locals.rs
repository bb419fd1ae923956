//! Thread-local values, two of them with destructors that park.

use super::shapes::{thread, thread_local, time::Duration};
use super::world::World;
use crate::trace::{Event, Kind};
use std::cell::{Cell, OnceCell};
use std::sync::Arc;

thread_local! {
    static FIRST: Value = Value::default();
    static SECOND: Value = const { Value { value: Cell::new(0), owner: OnceCell::new() } };
    static PLAIN: Cell<u64> = const { Cell::new(0) };
}

/// A value that notes its end.
#[derive(Default)]
struct Value {
    value: Cell<u64>,
    owner: OnceCell<(Arc<World>, usize, usize)>,
}

impl Drop for Value {
    fn drop(&mut self) {
        let Some((world, thread, key)) = self.owner.take() else {
            return;
        };
        thread::yield_now();
        thread::sleep(Duration::from_micros(100));
        *world
            .graves
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) += 1;
        world.note(
            thread,
            Event::Destroyed {
                key,
                value: self.value.get(),
            },
        );
        world.count(Kind::Destructor);
    }
}

/// Adds to the calling thread's value of a key, and returns it.
pub fn add(world: &Arc<World>, thread: usize, key: usize, add: u64) -> u64 {
    let add_to = |value: &Value| {
        value.owner.get_or_init(|| (Arc::clone(world), thread, key));
        value.value.set(value.value.get() + add);
        value.value.get()
    };
    match key {
        0 => FIRST.with(add_to),
        1 => SECOND.with(add_to),
        _ => {
            PLAIN.set(PLAIN.get() + add);
            PLAIN.get()
        }
    }
}
