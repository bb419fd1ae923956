//! A machine's hold on its processor, which the monitor can end while a green thread runs.
//!
//! While a green thread runs, the machine does not need its processor, except where the thread enters the
//! scheduler: to make another thread ready, to arm a timer, to park. Each such entry says so ([`Hold::enter`])
//! and asks whether the processor is still there. The monitor writes that it wants the processor, and looks
//! whether the machine is inside. One writes and then reads what the other writes, so at least one of the
//! two sees the other (Dekker): either the monitor sees that the machine is inside, and gives up, or the
//! machine sees that it was asked, and waits for the answer.
//!
//! That takes a full barrier on both sides. The machine's would cost as much as a third of a switch, so the
//! monitor pays for both, where the system has a way ([`Barrier::Asymmetric`]): it makes every OS thread of the
//! process pass a barrier, and the machine only keeps the compiler from changing the order.
//!
//! `core/tests/model_green.rs` checks it.

#[cfg(loom)]
use loom::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence,
};
#[cfg(loom)]
use loom::thread::yield_now;
#[cfg(not(loom))]
use std::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence,
};
#[cfg(not(loom))]
use std::thread::yield_now;

/// The processor is the machine's.
const HELD: u32 = 0;
/// The monitor is looking whether it can have the processor; that takes it a few dozen instructions.
const ASKED: u32 = 1;
/// The processor is another machine's.
const LOST: u32 = 2;

/// What a machine and the monitor share about one processor.
pub(super) struct Hold {
    state: AtomicU32,
    /// The machine is inside the scheduler, or asks whether it may be.
    inside: AtomicBool,
    barrier: Barrier,
}

/// How the two sides are kept in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Barrier {
    /// The monitor passes one for everybody.
    #[cfg(not(loom))]
    Asymmetric,
    /// Each side passes its own.
    Symmetric,
}

impl Hold {
    /// For a machine that holds its processor, and is inside the scheduler.
    pub(super) fn new(barrier: Barrier) -> Self {
        Self {
            state: AtomicU32::new(HELD),
            inside: AtomicBool::new(true),
            barrier,
        }
    }

    /// The machine has got a processor. By the machine.
    pub(super) fn begin(&self) {
        // The monitor may still be at the last processor of this machine, but then it sees that it is inside.
        self.inside.store(true, Relaxed);
        self.state.store(HELD, Release);
    }

    /// Enters the scheduler; true if the processor is the machine's, and then it stays so until
    /// [`leave`](Self::leave). Once it is lost it is lost. By the machine or the thread that it runs; one that
    /// is inside may ask again.
    #[inline(always)]
    pub(super) fn enter(&self) -> bool {
        self.inside.store(true, Relaxed);
        match self.barrier {
            #[cfg(not(loom))]
            Barrier::Asymmetric => std::sync::atomic::compiler_fence(SeqCst),
            Barrier::Symmetric => fence(SeqCst),
        }
        self.state.load(Acquire) == HELD || self.settle()
    }

    /// Leaves the scheduler: from now on the monitor can take the processor.
    #[inline(always)]
    pub(super) fn leave(&self) {
        self.inside.store(false, Release);
    }

    /// Gives the processor up. By the machine or its thread, inside; it is outside afterwards.
    pub(super) fn give_up(&self) {
        // Whatever the monitor is about to write, it does so only if it finds what it wrote before.
        self.state.swap(LOST, Release);
        self.leave();
    }

    #[cold]
    #[inline(never)]
    fn settle(&self) -> bool {
        loop {
            match self.state.load(Acquire) {
                HELD => return true,
                LOST => {
                    self.leave();
                    return false;
                }
                // It is decided at once, unless the system stopped the monitor just there.
                _ => yield_now(),
            }
        }
    }

    /// Whether the machine holds its processor, and is outside of the scheduler; it may be wrong by the time that
    /// the caller knows.
    pub(super) fn is_outside(&self) -> bool {
        self.state.load(Relaxed) == HELD && !self.inside.load(Relaxed)
    }

    /// Stops the machine from entering the scheduler, if it is outside and holds a processor. `pass` passes the
    /// monitor's barrier.
    pub(super) fn ask(&self, pass: impl FnOnce(Barrier)) -> Option<Asked<'_>> {
        self.state
            .compare_exchange(HELD, ASKED, Acquire, Relaxed)
            .ok()?;
        let asked = Asked(self);
        pass(self.barrier);
        // Acquire: all that the machine did to the processor before it left.
        (!self.inside.load(Acquire)).then_some(asked)
    }
}

/// A machine that cannot enter the scheduler until this is dropped. Its thread runs on meanwhile.
pub(super) struct Asked<'a>(&'a Hold);

impl Asked<'_> {
    /// The processor is the caller's from now on; false if the machine gave it away itself.
    pub(super) fn take(self) -> bool {
        self.0
            .state
            .compare_exchange(ASKED, LOST, Release, Relaxed)
            .is_ok()
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        // Unless it was taken, or the machine gave it away.
        let _ = self.0.state.compare_exchange(ASKED, HELD, Release, Relaxed);
    }
}
