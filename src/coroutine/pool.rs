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
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use standin_core::Lock;

use super::class::SizeClass;
use super::exhausted::{Exhausted, Limit};
use super::fiber::{Entry, Fiber, Header, Hot};
use super::slab::{Slab, SlabError};
use super::{Kind, Unsupported, free, overflow};
use crate::switches;

/// The stack that a thread is promised if nobody asks for a size, in bytes.
/// The slot for it has 256 KiB, of which about 186 can be used.
const DEFAULT_STACK: usize = 128 << 10;
/// What std raises smaller requests to (`PTHREAD_STACK_MIN`), in bytes.
const LEAST_STACK: usize = 16 << 10;
/// Left for the frames of the scheduler and of the suspension, in bytes.
const ENTRY_FRAMES: usize = 2 << 10;
/// The largest slab that is mapped ahead of need, in bytes.
const SLAB_SIZE: usize = 256 << 20;
/// The slots of the first slab of a class, if they fit.
const FIRST_SLOTS: usize = 16;
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
    growth: Lock<()>,
    resting: Lock<Resting>,
}

/// # Invariant
///
/// *list*: from `head`, `next` leads through the headers of resting fibers,
/// each in the list once, and ends with null.
struct Resting {
    head: *mut Header,
    /// Where the trim that is going on continues; null if none is, or if it
    /// is at its end.
    cursor: *mut Header,
    trimming: bool,
    /// The oldest slab with slots that were never used, and the newest.
    slab: *const Slab,
    last: *const Slab,
    /// How many slots of `slab` are in use.
    carved: usize,
}

// SAFETY: the headers are reached through the list only (*list*), and the
// slabs are for ever; both may be used from any thread, one at a time.
unsafe impl Send for Resting {}

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
    /// in bytes, as for std's threads, else a slot of 256 KiB. Sizes below
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
            .unwrap_or(DEFAULT_STACK);
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
    /// ones, or else that many new ones. Those beyond the caller's
    /// reservations count as slack. The last one pushed is the one to use
    /// first.
    ///
    /// # Panics
    ///
    /// As for `take`.
    #[cfg(any(test, feature = "green"))]
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
        self.give_many(std::iter::once(fiber));
    }

    /// Takes back many, all of one class. The last one will be the first to
    /// be taken.
    pub(crate) fn give_many(&self, fibers: impl IntoIterator<Item = Fiber>) {
        let mut fibers = fibers.into_iter();
        let Some(first) = fibers.next() else { return };
        let class = first.class();
        let bottom = first.into_header();
        let mut top = bottom;
        for fiber in fibers {
            assert_eq!(fiber.class(), class, "fibers of two classes in one batch");
            let header = fiber.into_header();
            // SAFETY: the fiber was the only handle; the header is this
            // function's until it is in the list.
            unsafe { (*header.as_ptr()).next = top.as_ptr() };
            top = header;
        }
        self.classes[class.index()].resting.with(|resting| {
            // SAFETY: as above.
            unsafe { (*bottom.as_ptr()).next = resting.head };
            resting.head = top.as_ptr();
        });
        self.untrimmed.store(true, Ordering::Relaxed);
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
        let reserved = this.reserved.fetch_add(1, Ordering::Relaxed) + 1;
        let needed = reserved.saturating_add(this.slack.load(Ordering::Relaxed));
        if needed <= this.mapped.load(Ordering::Acquire) {
            return Ok(());
        }
        this.grow(class, Fiber::header_offset(self.kind), needed)
            .map_err(|error| {
                this.reserved.fetch_sub(1, Ordering::Relaxed);
                let (limit, source) = match error {
                    SlabError::Map(source) => (Limit::Memory, source),
                    SlabError::Guard(source) => (Limit::Mappings, source),
                };
                Exhausted {
                    stack: stack_size.unwrap_or(class.slot_size() - class.guard_size()),
                    reserved: reserved - 1,
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
                let Some(header) = resting.pop(self.kind) else {
                    return if taken == 0 {
                        resting.carve(count)
                    } else {
                        None
                    };
                };
                // SAFETY: `pop` took the header out of the list, so this is
                // its only use.
                each(unsafe { Fiber::from_header(header) });
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
            growth: Lock::new(()),
            resting: Lock::new(Resting {
                head: ptr::null_mut(),
                cursor: ptr::null_mut(),
                trimming: false,
                slab: ptr::null(),
                last: ptr::null(),
                carved: 0,
            }),
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
            let slab = Slab::map(class, header, wanted, least)?;
            self.resting.with(|resting| resting.append(slab));
            // Release: whoever sees the count finds the slab in the list.
            self.mapped.store(mapped + slab.slots(), Ordering::Release);
            Ok(())
        })
    }

    fn trim(&self) -> usize {
        let first = self.resting.with(|resting| {
            if resting.trimming || resting.head.is_null() {
                return false;
            }
            resting.trimming = true;
            resting.cursor = resting.head;
            true
        });
        if !first {
            return 0;
        }
        let mut released = 0;
        loop {
            let more = self.resting.with(|resting| {
                released += resting.trim_batch();
                resting.trimming = !resting.cursor.is_null();
                resting.trimming
            });
            if !more {
                return released;
            }
        }
    }
}

impl Resting {
    fn pop(&mut self, kind: Kind) -> Option<NonNull<Header>> {
        let header = NonNull::new(self.head)?;
        // SAFETY: *list*.
        let fields = unsafe { &mut *header.as_ptr() };
        if self.cursor == self.head {
            self.cursor = fields.next;
        }
        self.head = fields.next;
        fields.trimmed = false;
        if !self.head.is_null() {
            // It may be the next to be taken, and has rested longer.
            Hot::of(self.head, kind).prefetch();
        }
        Some(header)
    }

    fn append(&mut self, slab: &'static Slab) {
        // SAFETY: slabs are for ever.
        match unsafe { self.last.as_ref() } {
            Some(last) => last
                .next
                .store(ptr::from_ref(slab).cast_mut(), Ordering::Relaxed),
            None => self.slab = slab,
        }
        self.last = slab;
    }

    /// Up to `count` slots that were never used, all of one slab.
    fn carve(&mut self, count: usize) -> Option<(&'static Slab, std::ops::Range<usize>)> {
        loop {
            // SAFETY: slabs are for ever.
            let slab: &'static Slab = unsafe { self.slab.as_ref() }?;
            let left = slab.slots() - self.carved;
            if left > 0 {
                let first = self.carved;
                self.carved += left.min(count);
                return Some((slab, first..self.carved));
            }
            let next = slab.next.load(Ordering::Relaxed);
            if next.is_null() {
                return None;
            }
            self.slab = next;
            self.carved = 0;
        }
    }

    /// Trims some fibers from the cursor on, down to the first that is
    /// trimmed already: everything below that one is as well, because fibers
    /// come and go at the top.
    fn trim_batch(&mut self) -> usize {
        let mut released = 0;
        for _ in 0..BATCH {
            // SAFETY: *list*: the cursor is null or an entry, since `pop`
            // moves it on when its entry leaves.
            let Some(header) = (unsafe { self.cursor.as_mut() }) else {
                break;
            };
            if header.trimmed {
                self.cursor = ptr::null_mut();
                break;
            }
            // SAFETY: a resting fiber is suspended, and nobody uses its stack.
            released += unsafe { header.discard_unused_stack() };
            header.trimmed = true;
            self.cursor = header.next;
        }
        released
    }
}
