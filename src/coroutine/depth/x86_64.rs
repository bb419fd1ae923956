//! The register itself, for the price of one move.

use std::arch::asm;

#[inline(always)]
pub(in crate::coroutine) fn stack_pointer() -> usize {
    let pointer;
    // SAFETY: reading the register has no effect.
    unsafe { asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}
