//! Where fibers come from and go to.
//!
//! One static pool for each kind of fiber. A thread *reserves* when it is
//! spawned, so that running out of memory is an error there; it *takes* a
//! fiber when it first runs, and *gives* it back at its end. Resting fibers
//! are reused last-in first-out, the likeliest to be in the caches first.
//!
//! # The account
//!
//! For each size class: mapped slots >= reservations + slack, where slack is
//! how many fibers may rest outside the pool (processors' caches, and one in
//! the hands of each machine between two threads). A fiber outside the pool
//! is either bound to a reservation or counted in the slack; so whoever holds
//! a reservation and has no fiber finds one here.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use standin_core::Lock;

use super::class::SizeClass;
use super::exhausted::{Exhausted, Limit};
use super::fiber::{Entry, Fiber};
use super::resting::Resting;
use super::slab::{Slab, SlabError};
use super::{Kind, Unsupported, free, overflow};
use crate::switches;

/// The stack that a thread is promised if nobody asks for a size, in bytes.
/// The slot of a free one has 256 KiB, of which about 186 can be used, that of
/// a pinned one 128 and 96: they are for those who count memory, and half a
/// slot is half the page tables.
const fn default_stack(kind: Kind) -> usize {
    match kind {
        Kind::Free => 128 << 10,
        Kind::Pinned => 80 << 10,
    }
}
/// What std raises smaller requests to (`PTHREAD_STACK_MIN`), in bytes.
const LEAST_STACK: usize = 16 << 10;
/// Left for the frames of the scheduler and of the suspension, in bytes.
const ENTRY_FRAMES: usize = 2 << 10;
/// The largest slab that is mapped ahead of need, in bytes.
const SLAB_SIZE: usize = 256 << 20;
/// The slots of the first slab of a class, if they fit.
const FIRST_SLOTS: usize = 16;
/// One more new fiber may be made ahead of need for so many that there are.
const FRESH: usize = 8;
/// So many fibers that rest make a pool warm.
#[cfg(feature = "async")]
const WARM: usize = 1024;
/// The most slots that are taken or trimmed under one hold of the lock.
const BATCH: usize = 64;

/// The fibers of one kind.
pub(crate) struct Pool {
    kind: Kind,
    entry: Entry,
    /// 1 + the default class; 0 while unknown.
    default_class: AtomicU8,
    /// Fibers came back since the last trim.
    untrimmed: AtomicBool,
    classes: [Class; SizeClass::COUNT],
}

#[repr(align(128))]
struct Class {
    reserved: AtomicUsize,
    slack: AtomicUsize,
    /// Grows only, under `growth`.
    mapped: AtomicUsize,
    /// How many fibers were made. Written under `resting`.
    made: AtomicUsize,
    /// How many there were when most of them rested last. Written under
    /// `resting`.
    level: AtomicUsize,
    growth: Lock<()>,
    resting: Lock<Resting>,
}

/// The right to take one fiber. Gives itself back on drop.
#[must_use = "a reservation that is dropped reserves nothing"]
pub(crate) struct Reservation {
    pool: &'static Pool,
    class: SizeClass,
}

impl Pool {
    pub(crate) const fn new(kind: Kind, entry: Entry) -> Pool {
        Pool {
            kind,
            entry,
            default_class: AtomicU8::new(0),
            untrimmed: AtomicBool::new(false),
            classes: [const { Class::new() }; SizeClass::COUNT],
        }
    }

    /// Counts one more thread whose stack has at least `stack_size` usable
    /// bytes, and makes sure that there is a slot for it.
    ///
    /// `None` asks for the default: the environment variable `RUST_MIN_STACK`
    /// in bytes, as for std's threads, else `default_stack`. Sizes below
    /// 16 KiB are raised to that, as std does.
    ///
    /// # Errors
    ///
    /// - `Unsupported`: free fibers cannot run here (`free::support` says why).
    /// - `OutOfMemory`, or what the system said: the system grants no more
    ///   address space or no more mappings, or no slot is that large. The
    ///   message names the limit and the way out.
    /// - `InvalidInput`: `STANDIN_TEST` contains an unknown word.
    pub(crate) fn reserve(&'static self, stack_size: Option<usize>) -> io::Result<Reservation> {
        let class = self.class_for(stack_size)?;
        self.reserve_class(class, stack_size)?;
        Ok(Reservation { pool: self, class })
    }

    /// The class of threads that ask for no size.
    ///
    /// # Errors
    ///
    /// As for `reserve`.
    pub(crate) fn default_class(&self) -> io::Result<SizeClass> {
        let known = self.default_class.load(Ordering::Relaxed);
        if let Some(index) = known.checked_sub(1) {
            return Ok(SizeClass::from_index(index));
        }
        self.prepare()?;
        let wanted = std::env::var("RUST_MIN_STACK")
            .ok()
            .and_then(|value| value.parse().ok())
            .unwrap_or(default_stack(self.kind));
        let class = self.fitting(wanted)?;
        self.default_class
            .store(class.index() as u8 + 1, Ordering::Relaxed);
        Ok(class)
    }

    /// How many fibers of a class may rest outside the pool. Set it before
    /// the first reservation of the class: it counts from the next one on.
    #[cfg(any(test, feature = "green"))]
    pub(crate) fn set_slack(&self, class: SizeClass, fibers: usize) {
        self.classes[class.index()]
            .slack
            .store(fibers, Ordering::Relaxed);
    }

    /// Lets so many more fibers rest outside of the pool, if there is address
    /// space for them; `lessen_slack` takes it back.
    #[cfg(feature = "async")]
    pub(crate) fn add_slack(&self, class: SizeClass, fibers: usize) -> io::Result<()> {
        let this = &self.classes[class.index()];
        this.slack.fetch_add(fibers, Ordering::SeqCst);
        let needed = this.reserved.load(Ordering::SeqCst);
        self.grow_for(class, None, needed)
            .inspect_err(|_| self.lessen_slack(class, fibers))
    }

    /// So many fewer fibers rest outside of the pool.
    #[cfg(feature = "async")]
    pub(crate) fn lessen_slack(&self, class: SizeClass, fibers: usize) {
        self.classes[class.index()]
            .slack
            .fetch_sub(fibers, Ordering::Relaxed);
    }

    /// A fiber for a thread that holds a reservation of this class.
    ///
    /// # Panics
    ///
    /// If the account was broken: more fibers are outside the pool than there
    /// are reservations and slack.
    pub(crate) fn take(&self, class: SizeClass) -> Fiber {
        let mut taken = None;
        self.take_each(class, 1, |fiber| taken = Some(fiber));
        taken.expect("more fibers are out than were reserved and allowed as slack")
    }

    /// Takes up to `count` fibers at once, at least one, for a cache: resting
    /// ones, or else new ones, as many as are no burden beside those that there
    /// are. Those beyond the caller's
    /// reservations count as slack. The last one pushed is the one to use
    /// first.
    ///
    /// # Panics
    ///
    /// As for `take`.
    pub(crate) fn take_many(&self, class: SizeClass, count: usize, into: &mut Vec<Fiber>) {
        let count = count.clamp(1, BATCH);
        let before = into.len();
        into.reserve(count);
        self.take_each(class, count, |fiber| into.push(fiber));
        assert!(
            into.len() > before,
            "more fibers are out than were reserved and allowed as slack"
        );
        into[before..].reverse();
    }

    /// Takes back a fiber that rests: it is suspended where it waits for its
    /// next thread.
    pub(crate) fn give(&self, fiber: Fiber) {
        self.give_many(fiber.class(), [fiber]);
    }

    /// Takes back many, all of `class`. The last one will be the first to be
    /// taken. What yields them is run under a lock: it does not take long.
    pub(crate) fn give_many(&self, class: SizeClass, fibers: impl IntoIterator<Item = Fiber>) {
        let this = &self.classes[class.index()];
        this.resting.with(|resting| {
            for fiber in fibers {
                assert_eq!(fiber.class(), class, "fibers of two classes in one batch");
                resting.push(fiber);
            }
            let made = this.made.load(Ordering::Relaxed);
            if 2 * resting.len() >= made {
                this.level.store(made, Ordering::Relaxed);
            }
        });
        self.untrimmed.store(true, Ordering::Relaxed);
    }

    /// Whether a warm pool has run out of fibers: there are more than when most
    /// of them rested last, and those were many.
    #[cfg(feature = "async")]
    pub(crate) fn is_outgrown(&self, class: SizeClass) -> bool {
        let this = &self.classes[class.index()];
        let level = this.level.load(Ordering::Relaxed);
        level >= WARM && this.made.load(Ordering::Relaxed) > level
    }

    /// Whether a trim may find something to do.
    pub(crate) fn is_untrimmed(&self) -> bool {
        self.untrimmed.load(Ordering::Relaxed)
    }

    /// Gives the memory of resting fibers back, but for the pages that their
    /// suspended frames touch. Keeps the order of reuse. Returns the bytes
    /// released.
    ///
    /// Fibers that have not run since the last trim cost nothing.
    pub(crate) fn trim(&self) -> usize {
        self.untrimmed.store(false, Ordering::Relaxed);
        SizeClass::all()
            .map(|class| self.classes[class.index()].trim())
            .sum()
    }

    /// Releases a reservation that was taken apart by `Reservation::keep`.
    pub(crate) fn release(&self, class: SizeClass) {
        self.classes[class.index()]
            .reserved
            .fetch_sub(1, Ordering::Relaxed);
    }

    /// What must be in order before the first fiber exists.
    fn prepare(&self) -> io::Result<()> {
        switches::get().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        if self.kind == Kind::Free {
            free::support().map_err(Unsupported::into_error)?;
        }
        overflow::install()
    }

    fn class_for(&self, stack_size: Option<usize>) -> io::Result<SizeClass> {
        let default = self.default_class()?;
        match stack_size {
            None => Ok(default),
            Some(size) => self.fitting(size),
        }
    }

    fn fitting(&self, stack: usize) -> io::Result<SizeClass> {
        let overhead = Fiber::header_offset(self.kind) + ENTRY_FRAMES;
        SizeClass::for_stack(stack.max(LEAST_STACK), overhead).ok_or_else(|| {
            Exhausted {
                stack,
                reserved: 0,
                limit: Limit::Size,
                source: io::Error::from_raw_os_error(libc::ENOMEM),
            }
            .into()
        })
    }

    fn reserve_class(&self, class: SizeClass, stack_size: Option<usize>) -> io::Result<()> {
        let this = &self.classes[class.index()];
        // SeqCst here and in `add_slack`: one of two at once sees the other's.
        let reserved = this.reserved.fetch_add(1, Ordering::SeqCst) + 1;
        self.grow_for(class, stack_size, reserved)
            .inspect_err(|_| self.release(class))
    }

    /// Makes sure that there are slots for `reserved` threads and the slack.
    fn grow_for(
        &self,
        class: SizeClass,
        stack_size: Option<usize>,
        reserved: usize,
    ) -> io::Result<()> {
        let this = &self.classes[class.index()];
        let needed = reserved.saturating_add(this.slack.load(Ordering::SeqCst));
        if needed <= this.mapped.load(Ordering::Acquire) {
            return Ok(());
        }
        this.grow(class, Fiber::header_offset(self.kind), needed)
            .map_err(|error| {
                let (limit, source) = match error {
                    SlabError::Map(source) => (Limit::Memory, source),
                    SlabError::Guard(source) => (Limit::Mappings, source),
                };
                Exhausted {
                    stack: stack_size.unwrap_or(class.slot_size() - class.guard_size()),
                    reserved: reserved.saturating_sub(1),
                    limit,
                    source,
                }
                .into()
            })
    }

    fn take_each(&self, class: SizeClass, count: usize, mut each: impl FnMut(Fiber)) {
        let this = &self.classes[class.index()];
        let fresh = this.resting.with(|resting| {
            for taken in 0..count {
                match resting.pop(self.kind) {
                    Some(fiber) => each(fiber),
                    None if taken > 0 => return None,
                    None => {
                        let made = this.made.load(Ordering::Relaxed);
                        let fresh = resting.carve(count.min(1 + made / FRESH))?;
                        this.made.store(made + fresh.1.len(), Ordering::Relaxed);
                        return Some(fresh);
                    }
                }
            }
            None
        });
        let Some((slab, slots)) = fresh else { return };
        slab.prepare(slots.clone());
        for index in slots.rev() {
            // SAFETY: `carve` hands each slot out once; slabs have guards,
            // start out as zeros and stay mapped. A class came from
            // `default_class` or a reservation, so `prepare` succeeded.
            each(unsafe { Fiber::build(slab.slot(index), class, self.kind, self.entry) });
        }
    }
}

impl Reservation {
    /// The class that was reserved.
    #[cfg(test)]
    pub(crate) fn class(&self) -> SizeClass {
        self.class
    }

    /// Turns the reservation into its class, for callers that have no room
    /// for more: whoever keeps it calls `Pool::release` once.
    pub(crate) fn keep(self) -> SizeClass {
        let class = self.class;
        std::mem::forget(self);
        class
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.pool.release(self.class);
    }
}

impl Class {
    const fn new() -> Class {
        Class {
            reserved: AtomicUsize::new(0),
            slack: AtomicUsize::new(0),
            mapped: AtomicUsize::new(0),
            made: AtomicUsize::new(0),
            level: AtomicUsize::new(0),
            growth: Lock::new(()),
            resting: Lock::new(Resting::new()),
        }
    }

    /// Maps slots until there are `needed`, and some ahead of need: as many
    /// as there are, up to the size of a slab.
    fn grow(&self, class: SizeClass, header: usize, needed: usize) -> Result<(), SlabError> {
        self.growth.with(|()| {
            let mapped = self.mapped.load(Ordering::Relaxed);
            let Some(least) = needed.checked_sub(mapped).filter(|least| *least > 0) else {
                return Ok(());
            };
            let most = (SLAB_SIZE / class.slot_size()).max(1);
            let wanted = least.max(mapped.max(FIRST_SLOTS).min(most));
            let room = Resting::room_for(mapped + wanted)
                .map_err(|_| SlabError::Map(io::Error::from_raw_os_error(libc::ENOMEM)))?;
            let slab = Slab::map(class, header, wanted, least)?;
            // Outside of the lock: an allocator may be the program's own.
            drop(self.resting.with(|resting| {
                resting.append(slab);
                resting.make_room(room)
            }));
            // Release: whoever sees the count finds the slab in the list.
            self.mapped.store(mapped + slab.slots(), Ordering::Release);
            Ok(())
        })
    }

    /// Batch by batch: in between others may take and give.
    fn trim(&self) -> usize {
        let mut released = 0;
        // Not for ever, where others give as fast as this trims.
        let resting = self.resting.with(|resting| resting.len());
        for _ in 0..=resting / BATCH {
            match self.resting.with(|resting| resting.trim(BATCH)) {
                Some(bytes) => released += bytes,
                None => break,
            }
        }
        released
    }
}
