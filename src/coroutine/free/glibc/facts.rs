//! Everything that is known about this process's glibc, each item looked up
//! and, where a second source exists, compared with it.

use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::images::{Image, MODULES, static_images};
use super::switch::thread_pointer;
use super::symbols::{Field, Library};
use crate::coroutine::Unsupported;
use crate::coroutine::memory::page_size;

type Allocate = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
type Action = unsafe extern "C" fn();

/// Offsets are in bytes from the thread pointer; `isize` where they point
/// into the static storage below it.
pub(super) struct Facts {
    pub(super) allocate_tls: Allocate,
    pub(super) call_tls_dtors: Action,
    pub(super) ctype_init: Action,
    /// `__pthread_keys`.
    pub(super) keys: *const KeyRecord,
    /// The size of `struct pthread`, which is what lies above the thread
    /// pointer.
    pub(super) above: usize,
    /// The size of the static storage below it, spare room included.
    pub(super) below: usize,
    pub(super) align: usize,
    /// Where the field `tid` is.
    pub(super) tid: usize,
    /// Where the links in glibc's list of threads are.
    pub(super) list: usize,
    /// Where the pointers to key data are.
    pub(super) specific: usize,
    /// Where the list of robust mutexes starts.
    pub(super) robust: usize,
    /// Where the pointer to the resolver's state is, and that state.
    pub(super) resolver_pointer: isize,
    pub(super) resolver_state: usize,
    /// Where the restartable-sequences area is, if glibc has one.
    pub(super) rseq: Option<isize>,
    /// The initial images of static storage, libc's own excepted.
    pub(super) images: Vec<Image>,
    /// Modules from this number on may have storage that was allocated for
    /// the thread.
    pub(super) first_dynamic: usize,
}

// SAFETY: the pointers lead to functions and to tables of libc, which are
// never unloaded and made for use by all threads.
unsafe impl Send for Facts {}
// SAFETY: as above.
unsafe impl Sync for Facts {}

/// glibc's record of a key: odd sequence numbers mean that it is in use.
#[repr(C)]
pub(super) struct KeyRecord {
    pub(super) sequence: usize,
    pub(super) destructor: Option<unsafe extern "C" fn(*mut c_void)>,
}

/// A thread's value for a key.
#[repr(C)]
pub(super) struct KeyValue {
    pub(super) sequence: usize,
    pub(super) value: *mut c_void,
}

/// Keys in each of the tables of the first level, and how many tables.
pub(super) const KEYS_PER_TABLE: usize = 32;
pub(super) const KEY_TABLES: usize = 32;
static FACTS: AtomicPtr<Facts> = AtomicPtr::new(ptr::null_mut());

/// What `probe` found.
#[inline(always)]
pub(super) fn facts() -> &'static Facts {
    // SAFETY: null, or a value that `probe` leaked.
    let facts = unsafe { FACTS.load(Ordering::Acquire).as_ref() };
    facts.expect("free fibers are used after `support` said yes")
}

/// Whether `probe` found out what it looked for.
pub(super) fn are_known() -> bool {
    !FACTS.load(Ordering::Relaxed).is_null()
}

/// Finds the facts out. Called once, under `support`'s lock.
pub(super) fn probe() -> Result<(), Unsupported> {
    check_processor()?;
    let library = Library::open()?;
    let own = thread_pointer();

    let layout = [
        (c"_thread_db_sizeof_pthread_key_data", size_of::<KeyValue>()),
        (
            c"_thread_db_sizeof_pthread_key_struct",
            size_of::<KeyRecord>(),
        ),
    ];
    for (name, expected) in layout {
        let size = library.size(name)?;
        expect(size == expected, || {
            format!("{} is {size}, not {expected}", name.to_string_lossy())
        })?;
    }
    let word = |offset| Field {
        bits: usize::BITS,
        count: 1,
        offset,
    };
    let fields = [
        (c"_thread_db_pthread_key_data_seq", word(0)),
        (c"_thread_db_pthread_key_data_data", word(8)),
        (c"_thread_db_pthread_key_struct_seq", word(0)),
        (c"_thread_db_pthread_key_struct_destr", word(8)),
        (c"_thread_db_pthread_dtvp", word(MODULES as u32)),
    ];
    for (name, expected) in fields {
        let field = library.field(name)?;
        expect(field == expected, || {
            format!("{} is {field:?}, not {expected:?}", name.to_string_lossy())
        })?;
    }

    let above = library.size(c"_thread_db_sizeof_pthread")?;
    let (below, align) = static_storage(&library, above)?;
    let tid = field_within(&library, c"_thread_db_pthread_tid", 32, above)?;
    // SAFETY: the offset lies within the running thread's structure.
    let recorded = unsafe { ((own + tid) as *const i32).read() };
    // SAFETY: `gettid` has no preconditions.
    let actual = unsafe { libc::syscall(libc::SYS_gettid) };
    expect(i64::from(recorded) == actual, || {
        format!("glibc records the thread id {recorded} where the kernel says {actual}")
    })?;

    let list = field_within(&library, c"_thread_db_pthread_list", 128, above)?;
    let specific = field_within(&library, c"_thread_db_pthread_specific", 2048, above)?;
    let first_table = first_table(specific)
        .ok_or_else(|| Unsupported::new("the tables of thread-specific data have no room"))?;
    // SAFETY: the field lies within the running thread's structure.
    let recorded = unsafe { ((own + specific) as *const usize).read() };
    expect(recorded == own + first_table, || {
        "the first table of thread-specific data is not where it was".to_owned()
    })?;

    let (images, first_dynamic) = static_images(own, below)?;
    let rseq = restartable_sequences(&library, above, below)?;
    // SAFETY: the symbols have had these signatures since glibc 2.2 (2.18 for
    // the second), and `trial` calls them before anybody relies on it.
    let facts = unsafe {
        Facts {
            allocate_tls: transmute::<*mut c_void, Allocate>(
                library.private(c"_dl_allocate_tls")?.as_ptr(),
            ),
            call_tls_dtors: transmute::<*mut c_void, Action>(
                library.private(c"__call_tls_dtors")?.as_ptr(),
            ),
            ctype_init: transmute::<*mut c_void, Action>(
                library.private(c"__ctype_init")?.as_ptr(),
            ),
            keys: library.private(c"__pthread_keys")?.cast().as_ptr(),
            above,
            below,
            align,
            tid,
            list,
            specific,
            robust: robust_list(own, above)?,
            resolver_pointer: resolver_pointer(&library, own, below)?,
            resolver_state: resolver_state(&library, above)?,
            rseq,
            images,
            first_dynamic,
        }
    };
    FACTS.store(Box::into_raw(Box::new(facts)), Ordering::Release);
    Ok(())
}

/// Where the first table of key data lies, given the pointers to the tables:
/// directly before them.
pub(super) fn first_table(specific: usize) -> Option<usize> {
    specific.checked_sub(KEYS_PER_TABLE * size_of::<KeyValue>())
}

pub(super) fn expect(
    condition: bool,
    otherwise: impl FnOnce() -> String,
) -> Result<(), Unsupported> {
    if condition {
        return Ok(());
    }
    Err(Unsupported::new(format!(
        "this glibc is not laid out as expected: {}",
        otherwise()
    )))
}

fn check_processor() -> Result<(), Unsupported> {
    /// `asm/hwcap2.h`: user code may write `fs`.
    const HWCAP2_FSGSBASE: u64 = 1 << 1;
    /// `asm/prctl.h`.
    const ARCH_SHSTK_STATUS: c_int = 0x5005;
    // SAFETY: `getauxval` has no preconditions.
    if unsafe { libc::getauxval(libc::AT_HWCAP2) } & HWCAP2_FSGSBASE == 0 {
        return Err(Unsupported::new(
            "the processor or the kernel lacks FSGSBASE (Linux 5.9 or later on a processor since \
             about 2012)",
        ));
    }
    let mut enabled = 0u64;
    // SAFETY: the call writes one word to the address it is given; kernels
    // that do not know it fail.
    let known = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SHSTK_STATUS, &raw mut enabled) };
    if known == 0 && enabled != 0 {
        return Err(Unsupported::new(
            "the process runs with a shadow stack, which switching stacks would violate; start it \
             without (GLIBC_TUNABLES=glibc.cpu.x86_shstk=off)",
        ));
    }
    Ok(())
}

/// The static storage below the thread pointer, and its alignment.
fn static_storage(library: &Library, above: usize) -> Result<(usize, usize), Unsupported> {
    let symbol = library.private(c"_dl_get_tls_static_info")?;
    // SAFETY: the signature of this function since glibc 2.3.
    let static_info: unsafe extern "C" fn(*mut usize, *mut usize) =
        unsafe { transmute(symbol.as_ptr()) };
    let (mut size, mut align) = (0, 0);
    // SAFETY: it writes to the two words.
    unsafe { static_info(&mut size, &mut align) };
    expect(
        size > above && size < 1 << 30 && align.is_power_of_two(),
        || format!("static storage has {size} bytes aligned to {align}"),
    )?;
    if align > page_size() {
        return Err(Unsupported::new(format!(
            "a thread-local of this program is aligned to {align} bytes, more than a page"
        )));
    }
    Ok((size - above, align.max(64)))
}

/// The offset of a field that lies within `struct pthread`.
fn field_within(
    library: &Library,
    name: &std::ffi::CStr,
    bits: u32,
    size: usize,
) -> Result<usize, Unsupported> {
    let field = library.field(name)?;
    let total = field.bits.saturating_mul(field.count.max(1));
    let offset = field.offset as usize;
    expect(
        total == bits && offset + bits as usize / 8 <= size && offset.is_multiple_of(4),
        || format!("{} is {field:?}", name.to_string_lossy()),
    )?;
    Ok(offset)
}

/// The kernel knows where each thread's list of robust mutexes starts.
fn robust_list(own: usize, above: usize) -> Result<usize, Unsupported> {
    let (mut head, mut len) = (0usize, 0usize);
    // SAFETY: the call writes two words to the addresses it is given.
    let result =
        unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut head, &raw mut len) };
    let offset = head.wrapping_sub(own);
    expect(
        result == 0 && len == 24 && offset >= 8 && offset + len <= above,
        || "the list of robust mutexes is not in the thread's structure".to_owned(),
    )?;
    Ok(offset)
}

/// glibc tells where the area is for code that wants to use it.
fn restartable_sequences(
    library: &Library,
    above: usize,
    below: usize,
) -> Result<Option<isize>, Unsupported> {
    let Some(symbol) = library.public(c"__rseq_offset") else {
        return Ok(None);
    };
    // SAFETY: the symbol is a `ptrdiff_t`, documented since glibc 2.35.
    let offset = unsafe { symbol.cast::<isize>().read() };
    expect(
        offset >= -(below as isize) && offset + 32 <= above as isize,
        || format!("the area for restartable sequences is at {offset}"),
    )?;
    Ok(Some(offset))
}

/// Where the thread-local pointer to the resolver's state is.
fn resolver_pointer(library: &Library, own: usize, below: usize) -> Result<isize, Unsupported> {
    // For a thread-local symbol the lookup gives the calling thread's copy.
    let address = library.private(c"__resp")?.as_ptr() as isize;
    let offset = address - own as isize;
    expect(offset < 0 && offset >= -(below as isize), || {
        "libc's thread-locals are not in static storage".to_owned()
    })?;
    Ok(offset)
}

/// Where `struct pthread` has the resolver's state of a thread. The first
/// thread uses a global, so another one has to look.
fn resolver_state(library: &Library, above: usize) -> Result<usize, Unsupported> {
    type Start = extern "C" fn(*mut c_void) -> *mut c_void;
    type Create = unsafe extern "C" fn(
        *mut libc::pthread_t,
        *const libc::pthread_attr_t,
        Start,
        *mut c_void,
    ) -> c_int;
    type Join = unsafe extern "C" fn(libc::pthread_t, *mut *mut c_void) -> c_int;
    unsafe extern "C" {
        fn __res_state() -> *mut c_void;
    }

    extern "C" fn look(_: *mut c_void) -> *mut c_void {
        // SAFETY: the function has no preconditions.
        let state = unsafe { __res_state() } as usize;
        state.wrapping_sub(thread_pointer()) as *mut c_void
    }

    // libc's own functions: a definition that interposes them might make a
    // thread that needs this very answer.
    let missing = || Unsupported::new("this glibc has no pthread_create");
    let create = library.public(c"pthread_create").ok_or_else(missing)?;
    let join = library.public(c"pthread_join").ok_or_else(missing)?;
    // SAFETY: POSIX's signatures.
    let (create, join) = unsafe {
        (
            transmute::<*mut c_void, Create>(create.as_ptr()),
            transmute::<*mut c_void, Join>(join.as_ptr()),
        )
    };
    let mut thread = 0;
    // SAFETY: the function ignores its argument and touches only its own
    // thread's state.
    let error = unsafe { create(&mut thread, ptr::null(), look, ptr::null_mut()) };
    if error != 0 {
        return Err(Unsupported::for_now(format!(
            "the self-test could not start an OS thread ({})",
            std::io::Error::from_raw_os_error(error)
        )));
    }
    let mut result = ptr::null_mut();
    // SAFETY: the thread was just made and is joined once.
    unsafe { join(thread, &mut result) };
    let offset = result as usize;
    expect(offset.is_multiple_of(8) && offset < above, || {
        "the resolver's state is not in the thread's structure".to_owned()
    })?;
    Ok(offset)
}
