//! A family of shapes with a fault to choose: std's, wrapped so that one thing goes wrong.

pub mod net;
pub mod sync;
pub mod thread;

use super::compare::Family;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Every third message of a channel is dropped.
    LosesMessages,
    /// Every third message overtakes the one before it.
    ReordersMessages,
    /// `recv_timeout` and `wait_timeout_while` do not wait.
    TimesOutEarly,
    /// A receiver does not notice that the last sender went; it hears an old message instead.
    MissesDisconnects,
    /// `join` does not wait for thread-local destructors.
    JoinsEarly,
    /// A mutex has any number of holders.
    DoesNotExclude,
    /// A panic with a mutex locked leaves no mark.
    LosesPoison,
    /// Every second `unpark` does nothing.
    LosesUnparks,
    /// Every second notification wakes nobody.
    LosesNotifications,
    /// `sleep` returns at once.
    SleepsTooShort,
    /// Threads have no names.
    LosesNames,
    /// Whoever calls a `Once` runs it.
    InitialisesTwice,
    /// No thread leads at a barrier.
    LeadsNobody,
    /// Readers do not come in together.
    RefusesReaders,
    /// A bounded channel has room for one more.
    OverfillsChannels,
    /// A read from a TCP stream drops what it has no room for.
    LosesTheRest,
    /// To peek at a datagram takes it.
    PeekTakes,
    /// Whoever initialises a `OnceLock` has its own value back.
    KeepsOwnValues,
}

/// The fault, as its number plus one.
static PLANTED: AtomicUsize = AtomicUsize::new(0);
static TURN: Mutex<()> = Mutex::new(());

/// A fault, until this is dropped. One test at a time has its turn.
pub struct Planted(#[allow(dead_code)] MutexGuard<'static, ()>);

/// Plants a fault, or none.
pub fn plant(fault: Option<Fault>) -> Planted {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    PLANTED.store(fault.map_or(0, |fault| fault as usize + 1), SeqCst);
    Planted(turn)
}

impl Drop for Planted {
    fn drop(&mut self) {
        PLANTED.store(0, SeqCst);
    }
}

fn has(fault: Fault) -> bool {
    PLANTED.load(SeqCst) == fault as usize + 1
}

/// True every `n`th time, if the fault is planted.
fn every(n: usize, count: &AtomicUsize, fault: Fault) -> bool {
    has(fault) && count.fetch_add(1, SeqCst) % n == n - 1
}

/// The family.
pub fn family() -> Arc<Family> {
    Family::new(
        "faulty",
        |plan, counts| interpret::run(plan, counts, false),
        |race| race::run(race, false),
    )
}

mod shapes {
    pub use super::thread::{cancellation, threads_of};
    pub use super::{net, sync, thread};
    pub mod sound {
        pub use std::sync::Mutex;
    }
    pub use std::{os, thread_local, time};
}

#[path = "../interpret/mod.rs"]
mod interpret;

#[path = "../racy/interpret/mod.rs"]
mod race;
