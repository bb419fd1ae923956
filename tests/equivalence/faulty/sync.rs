//! std's mutex, condition variable and channels, with faults.

pub mod mpsc;
mod once;

use super::{Fault, every, has};
pub use once::{Barrier, Once, OnceLock, RwLock};
use std::ops::{Deref, DerefMut};
use std::sync::MutexGuard as Guard;
use std::sync::atomic::AtomicUsize;
pub use std::sync::{
    LazyLock, LockResult, PoisonError, RwLockReadGuard, RwLockWriteGuard, TryLockError,
    TryLockResult,
};
use std::time::Duration;

/// The values must be copies, so that several holders are no undefined behaviour.
#[derive(Default)]
pub struct Mutex<T> {
    gate: std::sync::Mutex<()>,
    value: std::sync::Mutex<T>,
}

pub struct MutexGuard<'a, T: Clone> {
    mutex: &'a Mutex<T>,
    /// None if the mutex excludes nobody.
    gate: Option<Guard<'a, ()>>,
    copy: T,
}

impl<T: Clone> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self {
            gate: std::sync::Mutex::new(()),
            value: std::sync::Mutex::new(value),
        }
    }

    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        if has(Fault::DoesNotExclude) {
            return Ok(self.guard(None));
        }
        self.result(self.gate.lock())
    }

    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        match self.gate.try_lock() {
            Ok(gate) => Ok(self.guard(Some(gate))),
            Err(TryLockError::WouldBlock) => Err(TryLockError::WouldBlock),
            Err(TryLockError::Poisoned(poisoned)) => Ok(self.result(Err(poisoned))?),
        }
    }

    pub fn is_poisoned(&self) -> bool {
        self.gate.is_poisoned() && !has(Fault::LosesPoison)
    }

    pub fn clear_poison(&self) {
        self.gate.clear_poison();
    }

    fn result<'a>(&'a self, locked: LockResult<Guard<'a, ()>>) -> LockResult<MutexGuard<'a, T>> {
        match locked {
            Ok(gate) => Ok(self.guard(Some(gate))),
            Err(poisoned) if has(Fault::LosesPoison) => Ok(self.guard(Some(poisoned.into_inner()))),
            Err(poisoned) => Err(PoisonError::new(self.guard(Some(poisoned.into_inner())))),
        }
    }

    fn guard<'a>(&'a self, gate: Option<Guard<'a, ()>>) -> MutexGuard<'a, T> {
        let copy = self
            .value
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        MutexGuard {
            mutex: self,
            gate,
            copy,
        }
    }
}

impl<T: Clone> MutexGuard<'_, T> {
    fn write_back(&self) {
        *self
            .mutex
            .value
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = self.copy.clone();
    }
}

impl<T: Clone> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        // Before the gate opens, which is when the field is dropped. A condition variable may have it.
        if self.gate.is_some() || has(Fault::DoesNotExclude) {
            self.write_back();
        }
    }
}

impl<T: Clone> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.copy
    }
}

impl<T: Clone> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.copy
    }
}

static NOTIFICATIONS: AtomicUsize = AtomicUsize::new(0);

/// Whether the timeout passed.
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

#[derive(Default)]
pub struct Condvar(std::sync::Condvar);

impl Condvar {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn notify_one(&self) {
        if !every(2, &NOTIFICATIONS, Fault::LosesNotifications) {
            self.0.notify_one();
        }
    }

    pub fn notify_all(&self) {
        if !every(2, &NOTIFICATIONS, Fault::LosesNotifications) {
            self.0.notify_all();
        }
    }

    pub fn wait<'a, T: Clone>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.wait_timeout(guard, Duration::MAX)
            .map(|(guard, _)| guard)
            .map_err(|poisoned| PoisonError::new(poisoned.into_inner().0))
    }

    pub fn wait_while<'a, T: Clone>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    pub fn wait_timeout<'a, T: Clone>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        guard.write_back();
        let mutex = guard.mutex;
        let gate = guard
            .gate
            .take()
            .unwrap_or_else(|| mutex.gate.lock().unwrap_or_else(PoisonError::into_inner));
        let (gate, result) = self
            .0
            .wait_timeout(gate, timeout)
            .unwrap_or_else(PoisonError::into_inner);
        Ok((
            mutex.guard(Some(gate)),
            WaitTimeoutResult(result.timed_out()),
        ))
    }

    pub fn wait_timeout_while<'a, T: Clone>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let timeout = if has(Fault::TimesOutEarly) {
            Duration::ZERO
        } else {
            timeout
        };
        loop {
            if !condition(&mut guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            let (back, result) = self.wait_timeout(guard, timeout)?;
            if result.timed_out() {
                let is_missing = condition(&mut { back.clone() });
                return Ok((back, WaitTimeoutResult(is_missing)));
            }
            guard = back;
        }
    }
}
