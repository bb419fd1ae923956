//! AddressSanitizer is told which stack runs (`sanitizer/common_interface_defs.h`).

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

unsafe extern "C" {
    fn __sanitizer_start_switch_fiber(
        fake_stack: *mut *mut c_void,
        bottom: *const c_void,
        size: usize,
    );
    fn __sanitizer_finish_switch_fiber(
        fake_stack: *mut c_void,
        old_bottom: *mut *const c_void,
        old_size: *mut usize,
    );
}

/// Where a stack lies.
pub(super) struct Bounds {
    bottom: Cell<*const c_void>,
    size: Cell<usize>,
}

impl Bounds {
    pub(super) fn new(limit: usize, base: usize) -> Self {
        Self {
            bottom: Cell::new(ptr::with_exposed_provenance(limit)),
            size: Cell::new(base - limit),
        }
    }

    /// Of whoever resumes a stack. What is resumed writes them here.
    pub(super) fn unknown() -> Self {
        Self {
            bottom: Cell::new(ptr::null()),
            size: Cell::new(0),
        }
    }
}

/// A switch to another stack, as the one that is left sees it.
pub(super) struct Leaving {
    fake_stack: *mut c_void,
}

impl Leaving {
    #[inline(always)]
    pub(super) fn to(bounds: &Bounds) -> Self {
        let mut fake_stack = ptr::null_mut();
        // SAFETY: a stack is switched to next, and those are its bounds.
        unsafe {
            __sanitizer_start_switch_fiber(&mut fake_stack, bounds.bottom.get(), bounds.size.get());
        }
        Self { fake_stack }
    }

    /// On a stack that was never left.
    pub(super) fn nothing() -> Self {
        Self {
            fake_stack: ptr::null_mut(),
        }
    }

    /// Whoever resumed another stack runs again.
    #[inline(always)]
    pub(super) fn came_back(self) {
        // SAFETY: a switch has just ended, on the stack that was left with this.
        unsafe {
            __sanitizer_finish_switch_fiber(self.fake_stack, ptr::null_mut(), ptr::null_mut());
        }
    }

    /// A stack that was resumed, or handed over to, runs.
    #[inline(always)]
    pub(super) fn arrived_from(self, caller: &Bounds) {
        let (mut bottom, mut size) = (ptr::null(), 0);
        // SAFETY: as above.
        unsafe { __sanitizer_finish_switch_fiber(self.fake_stack, &mut bottom, &mut size) };
        // Else the caller has waited since before, and this is another stack that came in between.
        if caller.bottom.get().is_null() {
            caller.bottom.set(bottom);
            caller.size.set(size);
        }
    }
}
