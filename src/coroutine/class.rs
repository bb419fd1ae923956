//! Sizes of slots: powers of two, so that few kinds of slab serve all.

use super::memory::page_size;

/// A size of slot. Stacks of one class are interchangeable, so caches may be
/// keyed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SizeClass(u8);

/// The smallest slot, 32 KiB, as a power of two.
const SMALLEST: u32 = 15;
/// The guard of a free fiber's default slot and of all larger ones, in bytes.
const FULL_GUARD: usize = 64 << 10;

impl SizeClass {
    /// How many classes there are: slots of 32 KiB to 64 TiB, half of what a
    /// process can address.
    pub(super) const COUNT: usize = 32;

    /// The smallest class whose stack, below `overhead` bytes at the top of
    /// the slot, has `stack` usable bytes. `None` if no slot is that large.
    pub(super) fn for_stack(stack: usize, overhead: usize) -> Option<SizeClass> {
        let needed = stack.checked_add(overhead)?;
        (0..SizeClass::COUNT as u8).map(SizeClass).find(|class| {
            class.slot_size() >= 4 * page_size() && class.slot_size() - class.guard_size() >= needed
        })
    }

    /// The class with this index.
    pub(super) fn from_index(index: u8) -> SizeClass {
        debug_assert!(usize::from(index) < SizeClass::COUNT);
        SizeClass(index)
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(super) fn all() -> impl Iterator<Item = SizeClass> {
        (0..SizeClass::COUNT as u8).map(SizeClass)
    }

    /// The whole slot, in bytes: guard, stack, and what lies above it.
    pub(crate) fn slot_size(self) -> usize {
        1 << (SMALLEST + u32::from(self.0))
    }

    /// The guard at the bottom of the slot, in bytes: a quarter of it, up to
    /// 64 KiB, which the default slot of a free fiber has.
    ///
    /// Rust touches every page of a large frame; C does not, so the guard has
    /// to be wider than the frames that C code skips.
    pub(super) fn guard_size(self) -> usize {
        (self.slot_size() / 4).min(FULL_GUARD).max(page_size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_fits_and_is_the_smallest() {
        for stack in [1, 16 << 10, 128 << 10, 1 << 20, 2 << 20, 1 << 30] {
            let class = SizeClass::for_stack(stack, 5_000).unwrap();
            let room = |class: SizeClass| class.slot_size() - class.guard_size();
            assert!(room(class) >= stack + 5_000);
            if class.index() > 0 {
                assert!(room(SizeClass(class.0 - 1)) < stack + 5_000);
            }
        }
    }

    #[test]
    fn the_default_slot_has_the_full_guard() {
        let class = SizeClass::for_stack(128 << 10, 5_000).unwrap();
        assert_eq!(class.slot_size(), 256 << 10);
        assert_eq!(class.guard_size(), 64 << 10);
    }

    #[test]
    fn absurd_sizes_have_no_class() {
        assert_eq!(SizeClass::for_stack(usize::MAX, 1), None);
        assert_eq!(SizeClass::for_stack(usize::MAX / 2, 1), None);
        assert!(SizeClass::for_stack(32 << 40, 0).is_some());
    }
}
