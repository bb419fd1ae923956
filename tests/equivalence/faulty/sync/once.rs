//! std's one-time initialisation, barrier and lock for readers, with faults. What is not here is std's.

use super::super::{Fault, has};
use std::ops::Deref;
use std::sync::{self, OnceState, RwLockReadGuard, TryLockError, TryLockResult};

pub struct Once(sync::Once);

impl Once {
    pub fn new() -> Self {
        Self(sync::Once::new())
    }

    pub fn call_once(&self, f: impl FnOnce()) {
        if has(Fault::InitialisesTwice) {
            f();
            self.0.call_once(|| {});
        } else {
            self.0.call_once(f);
        }
    }

    pub fn call_once_force(&self, f: impl FnOnce(&OnceState)) {
        self.0.call_once_force(f);
    }

    pub fn is_completed(&self) -> bool {
        self.0.is_completed()
    }
}

pub struct OnceLock<T>(sync::OnceLock<T>);

impl<T: 'static> OnceLock<T> {
    pub fn new() -> Self {
        Self(sync::OnceLock::new())
    }

    pub fn get(&self) -> Option<&T> {
        self.0.get()
    }

    pub fn set(&self, value: T) -> Result<(), T> {
        self.0.set(value)
    }

    pub fn get_or_init(&self, f: impl FnOnce() -> T) -> &T {
        if has(Fault::KeepsOwnValues) {
            // A few words for each call, in a test.
            return Box::leak(Box::new(f()));
        }
        self.0.get_or_init(f)
    }
}

pub struct Barrier(sync::Barrier);

pub struct BarrierWaitResult(bool);

impl Barrier {
    pub fn new(count: usize) -> Self {
        Self(sync::Barrier::new(count))
    }

    pub fn wait(&self) -> BarrierWaitResult {
        BarrierWaitResult(self.0.wait().is_leader() && !has(Fault::LeadsNobody))
    }
}

impl BarrierWaitResult {
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

pub struct RwLock<T>(sync::RwLock<T>);

impl<T> RwLock<T> {
    pub fn new(value: T) -> Self {
        Self(sync::RwLock::new(value))
    }

    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        if has(Fault::RefusesReaders) && matches!(self.0.try_write(), Err(TryLockError::WouldBlock))
        {
            return Err(TryLockError::WouldBlock);
        }
        self.0.try_read()
    }

    pub fn into_inner(self) -> sync::LockResult<T> {
        self.0.into_inner()
    }
}

impl<T> Deref for RwLock<T> {
    type Target = sync::RwLock<T>;

    fn deref(&self) -> &sync::RwLock<T> {
        &self.0
    }
}
