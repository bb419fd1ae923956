//! The end of a thread on a free fiber, compared with that of an OS thread,
//! and what the next thread on the fiber finds.

use std::cell::{Cell, RefCell};
use std::ffi::{CString, c_void};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use super::{FREE, Job, on_free};

/// Reports its name when it is dropped.
struct Noted(RefCell<Option<(Sender<&'static str>, &'static str)>>, bool);

impl Noted {
    fn arm(&self, log: &Sender<&'static str>, name: &'static str) {
        *self.0.borrow_mut() = Some((log.clone(), name));
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        let Some((log, name)) = self.0.take() else {
            return;
        };
        if self.1 {
            super::stop();
        }
        log.send(name).unwrap();
    }
}

thread_local! {
    static FIRST: Noted = const { Noted(RefCell::new(None), false) };
    static SECOND: Noted = lazily();
    static STOPPING: Noted = const { Noted(RefCell::new(None), true) };
    static TOUCHED_LATE: Noted = const { Noted(RefCell::new(None), false) };
}

/// Makes std initialise the thread-local on first use.
fn lazily() -> Noted {
    std::hint::black_box(Noted(RefCell::new(None), false))
}

/// Touches thread-locals and a key, all with destructors that report.
fn leave_traces(log: Sender<&'static str>) {
    unsafe extern "C" fn key_ends(value: *mut c_void) {
        // SAFETY: what was stored below.
        let log = unsafe { Box::from_raw(value.cast::<Sender<&'static str>>()) };
        log.send("key").unwrap();
        TOUCHED_LATE.with(|noted| noted.arm(&log, "touched by the key"));
    }
    unsafe extern "C" fn cxx_ends(value: *mut c_void) {
        // SAFETY: what was passed below.
        let log = unsafe { Box::from_raw(value.cast::<Sender<&'static str>>()) };
        log.send("c++").unwrap();
    }
    unsafe extern "C" {
        static __dso_handle: u8;
        fn __cxa_thread_atexit_impl(
            destructor: unsafe extern "C" fn(*mut c_void),
            object: *mut c_void,
            library: *const u8,
        ) -> i32;
    }
    FIRST.with(|noted| noted.arm(&log, "first"));
    SECOND.with(|noted| noted.arm(&log, "second"));
    let mut key = 0;
    let boxed = || Box::into_raw(Box::new(log.clone())).cast::<c_void>();
    // SAFETY: the key is new; the destructors take the boxes that go with
    // them.
    unsafe {
        assert_eq!(libc::pthread_key_create(&mut key, Some(key_ends)), 0);
        assert_eq!(libc::pthread_setspecific(key, boxed()), 0);
        let library = &raw const __dso_handle;
        assert_eq!(__cxa_thread_atexit_impl(cxx_ends, boxed(), library), 0);
    }
}

#[test]
fn destructors_run_in_the_order_of_an_os_thread() {
    let (log, lines) = channel();
    let os_log = log.clone();
    thread::spawn(move || leave_traces(os_log)).join().unwrap();
    let expected: Vec<_> = lines.try_iter().collect();
    assert!((4..=5).contains(&expected.len()), "{expected:?}");
    for _ in 0..3 {
        let log = log.clone();
        on_free(move || leave_traces(log));
        let seen: Vec<_> = lines.try_iter().collect();
        assert_eq!(seen[..expected.len()], expected);
        // glibc forgets what destructors of keys register, since the storage
        // goes away with the OS thread; ours does not.
        assert_eq!(seen.last(), Some(&"touched by the key"));
        assert_eq!(
            seen.len() - expected.len(),
            usize::from(expected.len() == 4)
        );
    }
}

#[test]
fn destructors_may_stop_and_move() {
    let (log, lines) = channel();
    let mut job = Job::new(&FREE, move |_| {
        STOPPING.with(|noted| noted.arm(&log, "stopped"));
        FIRST.with(|noted| noted.arm(&log, "first"));
    });
    let mut stops = 0;
    while !thread::scope(|scope| scope.spawn(|| job.resume()).join().unwrap()) {
        stops += 1;
    }
    assert_eq!(stops, 1);
    let mut seen: Vec<_> = lines.try_iter().collect();
    seen.sort_unstable();
    assert_eq!(seen, ["first", "stopped"]);
    FREE.give(job.fiber);
}

#[test]
fn a_key_that_comes_back_is_given_up_after_as_many_rounds() {
    static KEY: AtomicUsize = AtomicUsize::new(usize::MAX);
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    unsafe extern "C" fn again(value: *mut c_void) {
        CALLS.fetch_add(1, Ordering::Relaxed);
        let key = KEY.load(Ordering::Relaxed) as libc::pthread_key_t;
        // SAFETY: the key exists.
        unsafe { libc::pthread_setspecific(key, value) };
    }
    fn set() {
        let key = KEY.load(Ordering::Relaxed) as libc::pthread_key_t;
        // SAFETY: the key exists.
        unsafe {
            assert!(libc::pthread_getspecific(key).is_null());
            let value = (&raw const CALLS).cast();
            assert_eq!(libc::pthread_setspecific(key, value), 0);
        }
    }
    let mut key = 0;
    // SAFETY: a new key.
    let error = unsafe { libc::pthread_key_create(&mut key, Some(again)) };
    assert_eq!(error, 0);
    KEY.store(key as usize, Ordering::Relaxed);
    thread::spawn(set).join().unwrap();
    let expected = CALLS.swap(0, Ordering::Relaxed);
    assert!(expected > 0);
    let reservation = FREE.reserve(None).unwrap();
    let mut fiber = FREE.take(reservation.class());
    for _ in 0..3 {
        fiber = Job::on(fiber, |_| set()).run();
        assert_eq!(CALLS.swap(0, Ordering::Relaxed), expected);
    }
    FREE.give(fiber);
}

#[test]
fn keys_beyond_the_first_table_are_served() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    unsafe extern "C" fn count(_: *mut c_void) {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }
    let keys: Vec<_> = (0..100)
        .map(|_| {
            let mut key = 0;
            // SAFETY: a new key.
            let error = unsafe { libc::pthread_key_create(&mut key, Some(count)) };
            assert_eq!(error, 0);
            key
        })
        .collect();
    let reservation = FREE.reserve(None).unwrap();
    let mut fiber = FREE.take(reservation.class());
    for _ in 0..2 {
        let keys = keys.clone();
        fiber = Job::on(fiber, move |_| {
            for key in keys {
                // SAFETY: the keys exist.
                unsafe {
                    assert!(libc::pthread_getspecific(key).is_null());
                    let value = (&raw const CALLS).cast();
                    assert_eq!(libc::pthread_setspecific(key, value), 0);
                }
            }
        })
        .run();
        assert_eq!(CALLS.swap(0, Ordering::Relaxed), 100);
    }
    FREE.give(fiber);
    for key in keys {
        // SAFETY: the keys exist and are no longer used.
        unsafe { libc::pthread_key_delete(key) };
    }
}

#[test]
fn the_next_thread_finds_everything_fresh() {
    thread_local! {
        static CONST: Cell<u64> = const { Cell::new(0x0123_4567_89ab_cdef) };
        static ZERO: Cell<[u64; 8]> = const { Cell::new([0; 8]) };
        static LAZY: RefCell<Vec<u8>> = RefCell::new(b"lazy".to_vec());
        static COUNTED: Counted = Counted::new();
    }
    static LIVE: AtomicUsize = AtomicUsize::new(0);
    static MADE: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl Counted {
        fn new() -> Counted {
            LIVE.fetch_add(1, Ordering::Relaxed);
            MADE.fetch_add(1, Ordering::Relaxed);
            Counted
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            LIVE.fetch_sub(1, Ordering::Relaxed);
        }
    }
    fn look(ids: &Sender<thread::ThreadId>) {
        assert_eq!(CONST.replace(1), 0x0123_4567_89ab_cdef);
        assert_eq!(ZERO.replace([9; 8]), [0; 8]);
        LAZY.with_borrow_mut(|vector| {
            assert_eq!(vector, b"lazy");
            vector.push(0);
        });
        COUNTED.with(|_| ());
        // SAFETY: the running thread's locale and errno.
        unsafe {
            let global = usize::MAX as libc::locale_t;
            assert_eq!(libc::uselocale(std::ptr::null_mut()), global);
            let name = c"C".as_ptr();
            let own = libc::newlocale(libc::LC_ALL_MASK, name, std::ptr::null_mut());
            libc::uselocale(own);
            assert_eq!(*libc::__errno_location(), 0);
            *libc::__errno_location() = libc::EBADF;
        }
        ids.send(thread::current().id()).unwrap();
    }
    let reservation = FREE.reserve(None).unwrap();
    let mut fiber = FREE.take(reservation.class());
    let (ids, seen) = channel();
    for round in 1..=5 {
        let ids = ids.clone();
        fiber = Job::on(fiber, move |_| look(&ids)).run();
        assert_eq!(LIVE.load(Ordering::Relaxed), 0);
        assert_eq!(MADE.load(Ordering::Relaxed), round);
    }
    FREE.give(fiber);
    let mut seen: Vec<_> = seen.try_iter().map(|id| format!("{id:?}")).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5, "each thread has an id of its own");
}

/// A library that is loaded while the program runs has its thread-locals
/// outside the block. `cc` is there wherever Rust programs are linked.
#[test]
fn thread_locals_of_a_library_loaded_later_are_fresh_as_well() {
    let folder = std::env::temp_dir().join(format!("standin-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, library) = (folder.join("late.c"), folder.join("liblate.so"));
    std::fs::write(
        &source,
        "__thread int big[5000]; __thread int set = 7; int next(void) { big[9]++; return big[9] + set++; }",
    )
    .unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .unwrap();
    assert!(built.success());
    let name = CString::new(library.to_str().unwrap()).unwrap();
    // SAFETY: the library has no initialisers, and the function this type.
    let next: extern "C" fn() -> i32 = unsafe {
        let handle = libc::dlopen(name.as_ptr(), libc::RTLD_NOW);
        assert!(!handle.is_null());
        std::mem::transmute(libc::dlsym(handle, c"next".as_ptr()))
    };
    std::fs::remove_dir_all(&folder).unwrap();

    let reservation = FREE.reserve(None).unwrap();
    let mut fiber = FREE.take(reservation.class());
    for _ in 0..3 {
        let mut job = Job::on(fiber, move |_| {
            assert_eq!(next(), 8);
            super::stop();
            assert_eq!(next(), 10);
        });
        assert!(!job.resume());
        fiber = job.run();
    }
    FREE.give(fiber);
    assert_eq!(next(), 8);
}
