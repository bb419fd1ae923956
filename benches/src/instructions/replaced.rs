//! A function of libc that valgrind replaces by this program's, as its name says to it. Without
//! valgrind nobody calls it.

use std::ffi::c_int;

/// `epoll_pwait2`, a system call that valgrind up to 3.19 answers with `ENOSYS`; standin's reactor
/// needs it. In milliseconds, as counting takes no interest in how late a timer is.
///
/// # Safety
///
/// As of `epoll_pwait2`.
#[unsafe(no_mangle)]
#[allow(non_snake_case)]
unsafe extern "C" fn _vgr00000ZU_libcZdsoZa_epoll_pwait2(
    epoll: c_int,
    events: *mut libc::epoll_event,
    most: c_int,
    timeout: *const libc::timespec,
    signals: *const libc::sigset_t,
) -> c_int {
    // SAFETY: the caller's promise: null, or a time.
    let milliseconds = unsafe { timeout.as_ref() }.map_or(-1, |timeout| {
        let seconds = timeout.tv_sec.saturating_mul(1_000);
        let rest = (timeout.tv_nsec as u64).div_ceil(1_000_000) as i64;
        c_int::try_from(seconds.saturating_add(rest)).unwrap_or(c_int::MAX)
    });
    // SAFETY: the caller's promise.
    unsafe { libc::epoll_pwait(epoll, events, most, milliseconds, signals) }
}

/// Nobody names the function, and what nobody names is left out of a program.
#[used]
static NAMED: unsafe extern "C" fn(
    c_int,
    *mut libc::epoll_event,
    c_int,
    *const libc::timespec,
    *const libc::sigset_t,
) -> c_int = _vgr00000ZU_libcZdsoZa_epoll_pwait2;
