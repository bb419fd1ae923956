//! A lock for readers and a writer.

use super::shapes::sync::{RwLock, RwLockWriteGuard, TryLockError};
use super::stage::End;

fn tried<T>(result: &Result<T, TryLockError<T>>) -> &'static str {
    match result {
        Ok(_) => "free",
        Err(TryLockError::WouldBlock) => "taken",
        Err(TryLockError::Poisoned(_)) => "poisoned",
    }
}

/// Both are in at once: neither leaves before it has met the other there.
pub fn readers(end: &End) -> Vec<String> {
    let lock = end.share(|| RwLock::new(5_u64));
    let reader = lock.read().expect("nobody panics with it");
    end.meet();
    let mut saw = vec![
        format!("read {}", *reader),
        format!("to write: {}", tried(&lock.try_write())),
        format!("to read: {}", tried(&lock.try_read())),
    ];
    end.meet();
    drop(reader);
    end.meet();
    if end.is_first {
        // Nobody else is there.
        saw.push(format!("alone: {}", tried(&lock.try_write())));
    }
    saw
}

pub fn writer(end: &End) -> Vec<String> {
    let lock = end.share(|| RwLock::new(0_u64));
    if end.is_first {
        let mut writer = lock.write().expect("nobody panics with it");
        end.meet();
        end.hear();
        *writer = 7;
        drop(writer);
        end.hear();
        return vec![format!("to write: {}", tried(&lock.try_write()))];
    }
    end.meet();
    let mut saw = vec![
        format!("to read: {}", tried(&lock.try_read())),
        format!("to write: {}", tried(&lock.try_write())),
    ];
    end.say();
    saw.push(format!(
        "read {}",
        *lock.read().expect("nobody panics with it")
    ));
    end.say();
    saw
}

pub fn downgrade(end: &End) -> Vec<String> {
    let lock = end.share(|| RwLock::new(0_u64));
    if end.is_first {
        let mut writer = lock.write().expect("nobody panics with it");
        end.meet();
        *writer = 9;
        let reader = RwLockWriteGuard::downgrade(writer);
        // The other has got in too.
        end.meet();
        return vec![format!("read {}", *reader)];
    }
    end.meet();
    let reader = lock.read().expect("nobody panics with it");
    let saw = vec![
        format!("read {}", *reader),
        format!("to write: {}", tried(&lock.try_write())),
    ];
    end.meet();
    saw
}
