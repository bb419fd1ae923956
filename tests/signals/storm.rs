//! Signals for every thread of the process, as often as they can be handled.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

/// How often, from the kernel's timer and from a thread that sends one to each of the others.
const EVERY: Duration = Duration::from_micros(200);
/// How many threads register themselves at most.
pub(crate) const MOST: usize = 8;

/// How many signals were handled.
pub(crate) static HANDLED: AtomicUsize = AtomicUsize::new(0);
/// How often a handler found the locals of another thread than the one on whose stack it ran.
pub(crate) static WRONG: AtomicUsize = AtomicUsize::new(0);
/// How often it found those of a registered thread on that thread's stack.
pub(crate) static FOUND: AtomicUsize = AtomicUsize::new(0);
/// Signals that a handler raised, and those that came of it.
pub(crate) static RAISED: AtomicUsize = AtomicUsize::new(0);
pub(crate) static HANDLED_IN_HANDLER: AtomicUsize = AtomicUsize::new(0);

/// Where the stacks of registered threads are, by number.
static STACKS: [AtomicUsize; MOST] = [const { AtomicUsize::new(0) }; MOST];
/// Handlers look for registered threads, and raise signals of their own.
static LOOKS: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// One more than the number of a registered thread.
    static ME: Cell<usize> = const { Cell::new(0) };
}

/// A thread that handlers can tell from others.
pub(crate) struct Here(usize);

impl Here {
    #[inline(never)]
    pub(crate) fn register(number: usize) -> Self {
        let mark = 0_u8;
        ME.set(number + 1);
        STACKS[number].store(ptr::from_ref(&mark).addr(), SeqCst);
        Self(number)
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        STACKS[self.0].store(0, SeqCst);
        ME.set(0);
    }
}

extern "C" fn on_alarm(_: i32) {
    // SAFETY: the address is the running thread's.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let before = unsafe { errno.read() };
    HANDLED.fetch_add(1, SeqCst);
    if LOOKS.load(SeqCst) {
        look();
    }
    if has_room() {
        use_stack();
    }
    // SAFETY: as above: a handler does not move.
    unsafe {
        errno.write(libc::EADDRINUSE);
        errno.write(before);
    }
}

extern "C" fn on_raised(_: i32) {
    HANDLED_IN_HANDLER.fetch_add(1, SeqCst);
}

/// Whether the locals are those of the thread on whose stack this runs.
#[inline(never)]
fn look() {
    let mark = 0_u8;
    let here = ptr::from_ref(&mark).addr();
    let me = ME.get();
    // Registered threads use little of their stacks, and those are further apart.
    let owner = STACKS.iter().position(|stack| {
        let stack = stack.load(SeqCst);
        stack != 0 && stack.abs_diff(here) < (48 << 10)
    });
    if let Some(owner) = owner
        && me != 0
    {
        match me == owner + 1 {
            true => FOUND.fetch_add(1, SeqCst),
            false => WRONG.fetch_add(1, SeqCst),
        };
    } else if me != 0 && is_on_alternate_stack() {
        FOUND.fetch_add(1, SeqCst);
    }
    RAISED.fetch_add(1, SeqCst);
    // SAFETY: it has a handler, and may be called from one.
    unsafe { libc::raise(libc::SIGUSR1) };
}

fn alternate_stack() -> libc::stack_t {
    let mut stack = MaybeUninit::<libc::stack_t>::zeroed();
    // SAFETY: it writes the present one; zeros are a value for the case that it does not.
    unsafe {
        libc::sigaltstack(ptr::null(), stack.as_mut_ptr());
        stack.assume_init()
    }
}

fn is_on_alternate_stack() -> bool {
    alternate_stack().ss_flags & libc::SS_ONSTACK != 0
}

/// The alternate stacks that std makes have only a few pages.
fn has_room() -> bool {
    let stack = alternate_stack();
    stack.ss_flags & libc::SS_ONSTACK == 0 || stack.ss_size >= 64 << 10
}

/// Uses 16 KiB, and does little with it: handlers have to be faster than signals come.
#[inline(never)]
fn use_stack() {
    let mut frame = [1_u8; 16 << 10];
    let frame = std::hint::black_box(&mut frame);
    if frame[0] != 1 || frame[frame.len() - 1] != 1 {
        // SAFETY: it may be called from a handler.
        unsafe { libc::_exit(99) };
    }
}

/// `sigaction`'s flags by their names.
pub(crate) fn flags_of(names: &str) -> i32 {
    let flag = |name| match name {
        "none" => 0,
        "SA_RESTART" => libc::SA_RESTART,
        "SA_ONSTACK" => libc::SA_ONSTACK,
        other => panic!("no flag {other}"),
    };
    names.split(' ').map(flag).sum()
}

pub(crate) fn handle(signal: i32, handler: extern "C" fn(i32), flags: i32) {
    set_action(signal, handler as *const () as usize, flags);
}

pub(crate) fn handle_with_info(
    signal: i32,
    handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void),
    flags: i32,
) {
    set_action(
        signal,
        handler as *const () as usize,
        flags | libc::SA_SIGINFO,
    );
}

fn set_action(signal: i32, handler: usize, flags: i32) {
    // SAFETY: zeros are a valid action, with an empty mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: the action is valid, and the handlers here do what handlers may.
    let result = unsafe { libc::sigaction(signal, &action, ptr::null_mut()) };
    assert_eq!(result, 0, "every signal here can be handled");
}

/// A page that may not be read.
pub(crate) fn forbidden_page() -> usize {
    // SAFETY: a new mapping, of nobody else.
    let page = unsafe {
        libc::mmap(
            ptr::null_mut(),
            4096,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(page, libc::MAP_FAILED);
    page as usize
}

/// Goes on until it is ended.
pub(crate) struct Storm {
    is_over: Arc<AtomicBool>,
    sender: std::thread::JoinHandle<()>,
}

impl Storm {
    pub(crate) fn begin(flags: &str, looks: bool) -> Self {
        LOOKS.store(looks, SeqCst);
        handle(libc::SIGUSR1, on_raised, flags_of(flags));
        Self::with_handler(on_alarm, flags_of(flags))
    }

    pub(crate) fn with_handler(handler: extern "C" fn(i32), flags: i32) -> Self {
        handle(libc::SIGALRM, handler, flags);
        set_timer(EVERY);
        let is_over = Arc::new(AtomicBool::new(false));
        let sees = is_over.clone();
        let sender = std::thread::spawn(move || {
            block_alarms();
            while !sees.load(SeqCst) {
                send_to_all();
                std::thread::sleep(EVERY);
            }
        });
        Self { is_over, sender }
    }

    /// How many signals were handled.
    pub(crate) fn end(self) -> usize {
        self.is_over.store(true, SeqCst);
        set_timer(Duration::ZERO);
        assert!(self.sender.join().is_ok(), "it has no reason to panic");
        HANDLED.load(SeqCst)
    }
}

fn set_timer(every: Duration) {
    let every = libc::timeval {
        tv_sec: 0,
        tv_usec: every.as_micros() as libc::suseconds_t,
    };
    let timer = libc::itimerval {
        it_interval: every,
        it_value: every,
    };
    // SAFETY: the timer is valid.
    let result = unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, ptr::null_mut()) };
    assert_eq!(result, 0, "the timer is valid");
}

fn block_alarms() {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the first call makes the set.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGALRM);
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
    }
}

/// The kernel prefers the main thread for a timer's signals; this reaches the others.
fn send_to_all() {
    // SAFETY: the calls have no preconditions.
    let (process, me) = unsafe { (libc::getpid(), libc::syscall(libc::SYS_gettid)) };
    for task in std::fs::read_dir("/proc/self/task").expect("/proc is mounted") {
        let Ok(task) = task else { continue };
        let thread: i64 = task
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
            .expect("a number");
        if thread != me {
            // SAFETY: the signal has a handler. It fails if the thread has ended.
            unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGALRM) };
        }
    }
}
