//! The reader-writer lock without a value and without poison. `RwLock` stands on it; it stands on the wait
//! queue.
//!
//! Writers go first: while one waits, no new reader comes in. `state` counts the readers, or says that a
//! writer holds the lock, and has one bit each for "readers wait" and "writers wait". The two kinds wait on
//! words of their own, [`Gate`]s.
//!
//! # No wake-up is lost
//!
//! Who waits sets the bit of its kind first, reads the gate's number, and then looks whether the bit is
//! still there and the lock still taken. Who frees the lock and finds bits takes the bit away, then opens
//! the gate (changes its number), then wakes. If the waiting thread still sees the bit, the gate is opened
//! after it read the number, so it does not fall asleep or is woken. If it does not, it starts again.
//!
//! A bit may be there with nobody asleep, because its thread has not got there yet or got the lock another
//! way. So who finds that no writer was asleep wakes the readers also.
//!
//! Taking the writers' bit away wakes one writer, yet more may wait: a writer that has waited sets the bit
//! again when it gets the lock.
//!
//! # Futures that give up
//!
//! A future waits as a thread does, and may be dropped meanwhile. Readers are woken all at once, so a reader that
//! goes leaves at most a bit with nobody asleep. A writer that goes may be the one that everybody else waits for
//! ([`writer_gave_up`](FutexRwLock::writer_gave_up)): if a wake had chosen it, it is the writer that was woken in
//! the place of all; if not, the writers' bit, which keeps readers out, may stand for it alone. In both cases it
//! does what who frees the lock does: it wakes one writer, and, if none was asleep, the readers. It may take the
//! bits away while somebody who has just freed the lock looks at them, and by that keep them from waking. So it
//! wakes in their place if the lock is free.

use super::ticket::Ticket;
use standin_core::wait_queue;
use std::hint;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const READER: u32 = 1;
const HOLDERS: u32 = (1 << 30) - 1;
/// In the place of a number of readers.
const WRITER: u32 = HOLDERS;
const MAX_READERS: u32 = HOLDERS - 1;
const READERS_WAIT: u32 = 1 << 30;
const WRITERS_WAIT: u32 = 1 << 31;

/// As for the mutex.
const SPINS: u32 = 64;

pub(super) struct FutexRwLock {
    state: AtomicU32,
    readers: Gate,
    writers: Gate,
}

/// What is in `state`.
#[derive(Clone, Copy)]
struct State(u32);

impl State {
    fn holders(self) -> u32 {
        self.0 & HOLDERS
    }

    fn is_free(self) -> bool {
        self.holders() == 0
    }

    fn readers_wait(self) -> bool {
        self.0 & READERS_WAIT != 0
    }

    fn writers_wait(self) -> bool {
        self.0 & WRITERS_WAIT != 0
    }

    /// Whether a reader may come in. Not past others that wait: neither past a writer, nor past readers,
    /// since with the lock free these wait for a writer that was woken.
    fn admits_reader(self) -> bool {
        self.holders() < MAX_READERS && self.0 & (READERS_WAIT | WRITERS_WAIT) == 0
    }

    /// Whether a reader that was woken may come in: also past a writer, if other readers are in already.
    /// These came in by a downgrade, whose purpose is that others read next.
    fn admits_woken_reader(self) -> bool {
        self.admits_reader()
            || (!self.is_free() && self.holders() < MAX_READERS && !self.readers_wait())
    }
}

impl FutexRwLock {
    #[inline]
    pub(super) const fn new() -> Self {
        Self {
            state: AtomicU32::new(0),
            readers: Gate::new(),
            writers: Gate::new(),
        }
    }

    #[inline]
    pub(super) fn read(&self) {
        let state = self.load();
        if !state.admits_reader() || self.exchange(state, state.0 + READER).is_err() {
            self.read_contended();
        }
    }

    #[inline]
    pub(super) fn try_read(&self) -> bool {
        let mut state = self.load();
        while state.admits_reader() {
            match self.exchange(state, state.0 + READER) {
                Ok(()) => return true,
                Err(changed) => state = changed,
            }
        }
        false
    }

    /// # Safety
    ///
    /// The caller holds the lock as a reader.
    #[inline]
    pub(super) unsafe fn unlock_read(&self) {
        let state = State(self.state.fetch_sub(READER, Release) - READER);
        // Readers wait behind readers only because of a writer.
        if state.is_free() && state.writers_wait() {
            self.wake(state);
        }
    }

    #[inline]
    pub(super) fn write(&self) {
        if self.exchange(State(0), WRITER).is_err() {
            self.write_contended();
        }
    }

    #[inline]
    pub(super) fn try_write(&self) -> bool {
        let mut state = self.load();
        while state.is_free() {
            match self.exchange(state, state.0 | WRITER) {
                Ok(()) => return true,
                Err(changed) => state = changed,
            }
        }
        false
    }

    /// # Safety
    ///
    /// The caller holds the lock as the writer.
    #[inline]
    pub(super) unsafe fn unlock_write(&self) {
        let state = State(self.state.fetch_sub(WRITER, Release) - WRITER);
        if state.readers_wait() || state.writers_wait() {
            self.wake(state);
        }
    }

    /// Makes the writer a reader, with no other writer between, and lets waiting readers in.
    ///
    /// # Safety
    ///
    /// The caller holds the lock as the writer.
    pub(super) unsafe fn downgrade(&self) {
        let before = State(self.state.fetch_sub(WRITER - READER, Release));
        if before.readers_wait() {
            // The bit is ours to take: only who has the lock to itself does, or who has just freed it.
            self.take_away(READERS_WAIT);
            self.readers.open(usize::MAX);
        }
    }

    /// Whether a reader has asked to be woken.
    #[cfg(test)]
    pub(super) fn readers_wait(&self) -> bool {
        self.load().readers_wait()
    }

    #[cold]
    fn read_contended(&self) {
        let mut state = self.spin_while(|state| state.0 == WRITER);
        let mut waited = false;
        while let Err(ticket) = self.attempt_read(state, waited) {
            ticket.wait(None);
            waited = true;
            state = self.load();
        }
    }

    /// As [`read`](Self::read), for a future.
    pub(super) async fn read_async(&self) {
        let mut waited = false;
        while let Err(ticket) = self.attempt_read(self.load(), waited) {
            // Who woke this reader woke all of them: there is nothing to pass on.
            ticket.wait_async(|_| ()).await;
            waited = true;
        }
    }

    /// Comes in as a reader, or says what to wait for.
    fn attempt_read(&self, mut state: State, waited: bool) -> Result<(), Ticket<'_>> {
        loop {
            let admitted = if waited {
                state.admits_woken_reader()
            } else {
                state.admits_reader()
            };
            if admitted {
                match self.exchange(state, state.0 + READER) {
                    Ok(()) => return Ok(()),
                    Err(changed) => state = changed,
                }
                continue;
            }
            assert!(
                state.holders() != MAX_READERS,
                "too many active read locks on RwLock"
            );
            if !state.readers_wait()
                && let Err(changed) = self.exchange(state, state.0 | READERS_WAIT)
            {
                state = changed;
                continue;
            }
            let ticket = self.readers.ticket();
            state = self.load();
            if state.readers_wait() {
                return Err(ticket);
            }
        }
    }

    #[cold]
    fn write_contended(&self) {
        let mut state = self.spin_while(|state| !state.is_free() && !state.writers_wait());
        // Set once this writer may have taken the place of others in the eyes of who woke it.
        let mut others = 0;
        while let Err(ticket) = self.attempt_write(state, &mut others) {
            ticket.wait(None);
            state = self.load();
        }
    }

    /// As [`write`](Self::write), for a future.
    pub(super) async fn write_async(&self) {
        let mut others = 0;
        while let Err(ticket) = self.attempt_write(self.load(), &mut others) {
            ticket
                .wait_async(|chosen| self.writer_gave_up(chosen))
                .await;
        }
    }

    /// Comes in as the writer, or says what to wait for.
    fn attempt_write(&self, mut state: State, others: &mut u32) -> Result<(), Ticket<'_>> {
        loop {
            if state.is_free() {
                match self.exchange(state, state.0 | WRITER | *others) {
                    Ok(()) => return Ok(()),
                    Err(changed) => state = changed,
                }
                continue;
            }
            if !state.writers_wait()
                && let Err(changed) = self.exchange(state, state.0 | WRITERS_WAIT)
            {
                state = changed;
                continue;
            }
            *others = WRITERS_WAIT;
            let ticket = self.writers.ticket();
            state = self.load();
            if !state.is_free() && state.writers_wait() {
                return Err(ticket);
            }
        }
    }

    /// Wakes one writer, or all readers, after the lock was freed and had the bits in `state`.
    ///
    /// If the lock is taken meanwhile, its new holder sees the bits when it frees it.
    #[cold]
    fn wake(&self, mut state: State) {
        if state.0 == WRITERS_WAIT {
            match self.exchange(state, 0) {
                Ok(()) => {
                    self.writers.open(1);
                    return;
                }
                // Perhaps readers have come to wait.
                Err(changed) => state = changed,
            }
        }
        if state.0 == READERS_WAIT | WRITERS_WAIT {
            if self.exchange(state, READERS_WAIT).is_err() || self.writers.open(1) {
                return;
            }
            // The writer was not asleep. It may yet see that the gate was opened, or have the lock already
            // and gone; the readers must not wait for that.
            state = State(READERS_WAIT);
        }
        if state.0 == READERS_WAIT && self.exchange(state, 0).is_ok() {
            self.readers.open(usize::MAX);
        }
    }

    /// A writer that was asleep is gone; `chosen` if a wake had chosen it.
    fn writer_gave_up(&self, chosen: bool) {
        if !chosen && !self.take_away(WRITERS_WAIT).writers_wait() {
            // Who took the bit away sees to the others.
            return;
        }
        if !self.writers.open(1) {
            self.let_readers_in();
        }
    }

    /// No writer was asleep for whom the readers wait.
    fn let_readers_in(&self) {
        let before = self.take_away(READERS_WAIT);
        if before.readers_wait() {
            self.readers.open(usize::MAX);
        }
        // A writer that came meanwhile.
        if before.is_free() && before.writers_wait() {
            self.wake(State(WRITERS_WAIT));
        }
    }

    /// The state before.
    fn take_away(&self, bit: u32) -> State {
        State(self.state.fetch_and(!bit, Relaxed))
    }

    fn spin_while(&self, condition: impl Fn(State) -> bool) -> State {
        for _ in 0..SPINS {
            let state = self.load();
            if !condition(state) {
                return state;
            }
            hint::spin_loop();
        }
        self.load()
    }

    #[inline]
    fn load(&self) -> State {
        State(self.state.load(Relaxed))
    }

    #[inline]
    fn exchange(&self, seen: State, new: u32) -> Result<(), State> {
        match self.state.compare_exchange(seen.0, new, Acquire, Relaxed) {
            Ok(_) => Ok(()),
            Err(changed) => Err(State(changed)),
        }
    }
}

/// Where threads of one kind wait: a number that changes when they may look again.
struct Gate {
    number: AtomicU32,
}

impl Gate {
    const fn new() -> Self {
        Self {
            number: AtomicU32::new(0),
        }
    }

    /// The number; what the thread looks at afterwards was not changed before it.
    fn ticket(&self) -> Ticket<'_> {
        Ticket::new(&self.number, self.number.load(Acquire))
    }

    /// Lets up to `count` threads look again; false if none was asleep.
    fn open(&self, count: usize) -> bool {
        self.number.fetch_add(1, Release);
        wait_queue::wake(&self.number, count) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::{FutexRwLock, READER, READERS_WAIT, State, WRITER, WRITERS_WAIT};
    use std::pin::pin;
    use std::sync::atomic::Ordering::{Relaxed, Release};
    use std::task::{Context, Waker};

    /// A writer gave up, found no other asleep, and is about to let the readers in. Another writer falls asleep
    /// before it does, and the holder has freed the lock and is about to wake that one.
    #[test]
    fn who_takes_a_bit_away_from_a_free_lock_wakes_in_the_place_of_who_freed_it() {
        let cx = &mut Context::from_waker(Waker::noop());
        let lock = FutexRwLock::new();
        assert!(lock.try_write());
        let mut reader = pin!(lock.read_async());
        let mut writer = pin!(lock.write_async());
        assert!(reader.as_mut().poll(cx).is_pending());
        assert!(writer.as_mut().poll(cx).is_pending());
        let freed = State(lock.state.fetch_sub(WRITER, Release) - WRITER);
        assert_eq!(freed.0, READERS_WAIT | WRITERS_WAIT);
        lock.let_readers_in();
        // The rest of the unlock, which finds another state than it saw.
        lock.wake(freed);
        assert!(reader.as_mut().poll(cx).is_ready());
        assert!(writer.as_mut().poll(cx).is_pending());
        // SAFETY: the reader came in above.
        unsafe { lock.unlock_read() };
        assert!(writer.as_mut().poll(cx).is_ready());
        assert_eq!(lock.state.load(Relaxed) & (WRITER | READER), WRITER);
    }
}
