//! Nobody has to know which stack runs.

/// Where a stack lies.
pub(super) struct Bounds;

impl Bounds {
    pub(super) fn new(_limit: usize, _base: usize) -> Self {
        Self
    }

    /// Of whoever resumes a stack.
    #[inline(always)]
    pub(super) fn unknown() -> Self {
        Self
    }
}

/// A switch to another stack, as the one that is left sees it.
pub(super) struct Leaving;

impl Leaving {
    #[inline(always)]
    pub(super) fn to(_: &Bounds) -> Self {
        Self
    }

    /// On a stack that was never left.
    pub(super) fn nothing() -> Self {
        Self
    }

    /// Whoever resumed another stack runs again.
    #[inline(always)]
    pub(super) fn came_back(self) {}

    /// A stack that was resumed, or handed over to, runs.
    #[inline(always)]
    pub(super) fn arrived_from(self, _caller: &Bounds) {}
}
