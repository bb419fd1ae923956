//! The lock where nothing interposes std's.

use std::sync::{Mutex, PoisonError};

pub(in crate::coroutine) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(in crate::coroutine) const fn new(value: T) -> Lock<T> {
        Lock(Mutex::new(value))
    }

    pub(in crate::coroutine) fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        section(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
