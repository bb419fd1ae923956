//! The modules with static thread-local storage: where it lies in a block and
//! how it looks on a new thread.

use std::ffi::{c_int, c_void};

use super::facts::expect;
use crate::coroutine::Unsupported;

/// How one module's static storage looks on a new thread: the template, then
/// zeros up to `len`.
pub(super) struct Image {
    pub(super) offset: isize,
    pub(super) template: Box<[u8]>,
    pub(super) len: usize,
}

/// What all static storage but libc's looks like at the beginning of a thread that does not begin with a fresh block.
pub(crate) struct Primed(pub(super) Vec<Image>);

/// One entry of a thread's table of modules (`dtv`).
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct ModuleEntry {
    pub(super) address: usize,
    /// What to free with the thread; null for static storage.
    pub(super) to_free: *mut c_void,
}

/// Where `tcbhead_t` has the table of modules: part of the x86-64 ABI for
/// thread-local storage.
pub(super) const MODULES: usize = 8;

/// The images of all modules with static storage but libc's, and the number
/// of the first module that may lie elsewhere.
///
/// libc's storage holds the allocator's caches, which serve the next thread
/// as well; `exit` resets what must not be inherited.
pub(super) fn static_images(own: usize, below: usize) -> Result<(Vec<Image>, usize), Unsupported> {
    // SAFETY: the function has no preconditions.
    let libc_own = unsafe { libc::__errno_location() } as usize;
    let mut modules: Vec<Module> = Vec::new();
    // SAFETY: the callback gets the vector that it expects, and does not
    // unwind but for a failed allocation, which aborts.
    unsafe { libc::dl_iterate_phdr(Some(collect), (&raw mut modules).cast()) };
    let is_static =
        |module: &Module| module.storage >= own - below && module.storage + module.len <= own;
    modules.retain(is_static);
    expect(
        modules
            .iter()
            .any(|module| (module.storage..module.storage + module.len).contains(&libc_own)),
        || "libc's thread-locals are in no module's static storage".to_owned(),
    )?;
    // SAFETY: the word at this place of the running thread is its table.
    let table = unsafe { ((own + MODULES) as *const *const ModuleEntry).read() };
    for module in &modules {
        // SAFETY: the table has an entry for each module that is loaded.
        let entry = unsafe { table.add(module.number).read() };
        expect(
            entry.address == module.storage && entry.to_free.is_null(),
            || {
                format!(
                    "the table of modules disagrees about number {}",
                    module.number
                )
            },
        )?;
    }
    let first_dynamic = 1 + modules
        .iter()
        .map(|module| module.number)
        .max()
        .unwrap_or(0);
    let images = modules
        .into_iter()
        .filter(|module| !(module.storage..module.storage + module.len).contains(&libc_own))
        .map(|module| Image {
            offset: module.storage as isize - own as isize,
            template: module.template,
            len: module.len,
        })
        .collect();
    Ok((images, first_dynamic))
}

/// A loaded module with thread-local storage on the calling thread.
struct Module {
    number: usize,
    storage: usize,
    template: Box<[u8]>,
    len: usize,
}

unsafe extern "C" fn collect(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    modules: *mut c_void,
) -> c_int {
    // SAFETY: the callback's contract: a valid record, and the vector that
    // `static_images` passed.
    let (info, modules) = unsafe { (&*info, &mut *modules.cast::<Vec<Module>>()) };
    if info.dlpi_tls_data.is_null() {
        return 0;
    }
    // SAFETY: the record's list of program headers.
    let headers =
        unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    for header in headers.iter().filter(|h| h.p_type == libc::PT_TLS) {
        let start = (info.dlpi_addr as usize).wrapping_add(header.p_vaddr as usize);
        // SAFETY: a loaded module's segment of this type is its initial
        // image, of this many bytes in the file.
        let template =
            unsafe { std::slice::from_raw_parts(start as *const u8, header.p_filesz as usize) };
        modules.push(Module {
            number: info.dlpi_tls_modid,
            storage: info.dlpi_tls_data as usize,
            template: template.into(),
            len: header.p_memsz as usize,
        });
    }
    0
}
