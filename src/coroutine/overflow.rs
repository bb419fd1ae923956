//! Stack overflow: a message and an end, as std does it.
//!
//! A signal handler looks the faulting address up in the slabs. In a guard it
//! prints the thread's name and aborts; all other faults go to whoever
//! handled the signal before. The handler may interrupt code on any fiber and
//! on any thread-local block, so it uses no thread-local, takes no lock and
//! allocates nothing.

use std::cell::UnsafeCell;
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;

use super::memory::{self, Range, page_size};
use super::{fiber, slab};

/// The two signals of a fault: Linux sends the first for a guard, macOS the
/// second.
const SIGNALS: [libc::c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];
/// The least size of an alternate stack, in bytes: room for a chained handler
/// that symbolizes a backtrace.
const ALTERNATE_STACK: usize = 64 << 10;

/// What handled the signals before. Written before the handler is installed,
/// read by the handler.
static PREVIOUS: [Previous; 2] = [Previous::new(), Previous::new()];

struct Previous(UnsafeCell<MaybeUninit<libc::sigaction>>);

// SAFETY: written once, under `install`'s `OnceLock`, before `sigaction`
// makes the handler, the only reader, reachable.
unsafe impl Sync for Previous {}

impl Previous {
    const fn new() -> Previous {
        Previous(UnsafeCell::new(MaybeUninit::uninit()))
    }
}

/// Installs the handler, once for the process.
///
/// # Errors
///
/// The system refuses a handler for these signals.
pub(super) fn install() -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), i32>> = OnceLock::new();
    INSTALLED
        .get_or_init(|| {
            for (signal, previous) in SIGNALS.iter().zip(&PREVIOUS) {
                install_for(*signal, previous)
                    .map_err(|error| error.raw_os_error().unwrap_or(libc::EINVAL))?;
            }
            Ok(())
        })
        .map_err(io::Error::from_raw_os_error)
}

fn install_for(signal: libc::c_int, previous: &Previous) -> io::Result<()> {
    // SAFETY: `sigaction` is plain data, for which zeros are a valid value.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handle as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: a null new action only reads the old one into the cell, which
    // nobody else uses yet.
    let read = unsafe { libc::sigaction(signal, ptr::null(), (*previous.0.get()).as_mut_ptr()) };
    if read != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the handler is async-signal-safe, and what it reads is in place.
    if unsafe { libc::sigaction(signal, &action, ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

unsafe extern "C" fn handle(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the kernel hands a valid record to a handler with SA_SIGINFO.
    let (address, code) = unsafe { ((*info).si_addr() as usize, (*info).si_code) };
    // Codes up to 0 mean that a process sent the signal: no address in it.
    if code > 0
        && let Some(header) = slab::header_above_guard(address)
    {
        // SAFETY: the header is a slot's, and this ends the process.
        report(unsafe { fiber::owner_name(header) });
    }
    // SAFETY: the arguments are the kernel's own.
    unsafe { chain(signal, info, context) };
}

/// Prints what std prints and aborts.
fn report(name: Option<&[u8]>) -> ! {
    write_error(b"\nthread '");
    write_error(name.unwrap_or(b"<unknown>"));
    write_error(b"' has overflowed its stack\nfatal runtime error: stack overflow, aborting\n");
    // SAFETY: `abort` may be called from a signal handler.
    unsafe { libc::abort() }
}

fn write_error(mut message: &[u8]) {
    while !message.is_empty() {
        // SAFETY: the buffer is valid for its length.
        let written = unsafe { libc::write(2, message.as_ptr().cast(), message.len()) };
        match usize::try_from(written) {
            Ok(written) if written > 0 => message = &message[written..],
            _ => return,
        }
    }
}

/// Hands the signal to the action that was there before, as the kernel would
/// have done.
///
/// # Safety
///
/// Called by the handler, with its arguments.
unsafe fn chain(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let index = usize::from(signal != SIGNALS[0]);
    // SAFETY: `install_for` filled the cell before the handler was reachable,
    // and nobody writes to it since.
    let previous = unsafe { (*PREVIOUS[index].0.get()).assume_init_ref() };
    // SAFETY: the kernel's record.
    let sent = unsafe { (*info).si_code } <= 0;
    match previous.sa_sigaction {
        // The kernel ignores a signal that somebody sent, but not a fault.
        libc::SIG_IGN if sent => {}
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: zeros are a valid action: the default one.
            let default: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
            // A fault happens again when the handler returns, and then ends
            // the process; a signal that was sent has to be sent again.
            // SAFETY: the action is valid; both calls are signal-safe.
            unsafe {
                libc::sigaction(signal, &default, ptr::null_mut());
                if sent {
                    libc::raise(signal);
                }
            }
        }
        // SAFETY: it is the address of a handler that expects these arguments.
        handler => unsafe { call(handler, previous, signal, info, context) },
    }
}

/// Calls a handler under the mask that it asked for.
///
/// # Safety
///
/// `handler` is the function in `action`, the rest the kernel's arguments.
unsafe fn call(
    handler: usize,
    action: &libc::sigaction,
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let mut before = MaybeUninit::uninit();
    // SAFETY: both sets are valid or written to; the call is signal-safe.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &action.sa_mask, before.as_mut_ptr()) };
    if action.sa_flags & libc::SA_NODEFER != 0 {
        let mut only = MaybeUninit::uninit();
        // SAFETY: `sigemptyset` initialises the set; the calls are
        // signal-safe.
        unsafe {
            libc::sigemptyset(only.as_mut_ptr());
            libc::sigaddset(only.as_mut_ptr(), signal);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, only.as_ptr(), ptr::null_mut());
        }
    }
    if action.sa_flags & libc::SA_SIGINFO != 0 {
        type Handler = unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
        // SAFETY: with SA_SIGINFO the address is a function of three
        // arguments.
        unsafe { std::mem::transmute::<usize, Handler>(handler)(signal, info, context) };
    } else {
        type Handler = unsafe extern "C" fn(libc::c_int);
        // SAFETY: without it, of one.
        unsafe { std::mem::transmute::<usize, Handler>(handler)(signal) };
    }
    // SAFETY: the set was written by the first call.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
}

/// The alternate signal stack of an OS thread that runs fibers: a handler
/// cannot run on a stack that has just overflowed. Dropping it, on the same
/// thread, puts the previous one back.
#[derive(Debug)]
pub(crate) struct AltStack {
    memory: Range,
    previous: libc::stack_t,
    /// Belongs to the thread that made it.
    _not_send: PhantomData<*mut ()>,
}

/// Gives the calling OS thread an alternate signal stack of at least 64 KiB,
/// with a guard. Each thread that resumes fibers needs one.
///
/// # Errors
///
/// The system grants no memory for it, or the thread is on its alternate
/// stack right now.
pub(crate) fn prepare_os_thread() -> io::Result<AltStack> {
    let page = page_size();
    let least = memory::least_signal_stack().next_multiple_of(page) + 2 * page;
    let size = ALTERNATE_STACK.max(least);
    let len = size + page;
    let start = memory::map(len)?;
    let memory = Range { start, len };
    let guard = Range { start, len: page };
    // SAFETY: the mapping is new and nobody else knows it.
    let guarded = unsafe { memory::guard(&[guard], false) };
    let stack = libc::stack_t {
        ss_sp: (start + page) as *mut libc::c_void,
        ss_flags: 0,
        ss_size: size,
    };
    let mut previous = MaybeUninit::uninit();
    let installed = match guarded {
        Err(error) => Err(error.source),
        // SAFETY: the stack stays mapped until the value is dropped, which
        // takes it out of use first.
        Ok(()) => match unsafe { libc::sigaltstack(&stack, previous.as_mut_ptr()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        },
    };
    match installed {
        Ok(()) => Ok(AltStack {
            memory,
            // SAFETY: the successful call wrote it.
            previous: unsafe { previous.assume_init() },
            _not_send: PhantomData,
        }),
        Err(error) => {
            // SAFETY: the mapping is not in use.
            unsafe { memory::unmap(memory) };
            Err(error)
        }
    }
}

impl Drop for AltStack {
    fn drop(&mut self) {
        // SAFETY: the previous stack was in place when this one was made, and
        // its owner keeps it until the thread ends.
        if unsafe { libc::sigaltstack(&self.previous, ptr::null_mut()) } == 0 {
            // SAFETY: the thread no longer uses it.
            unsafe { memory::unmap(self.memory) };
        }
    }
}
