//! Looking up what glibc exports under `GLIBC_PRIVATE`, and the descriptors
//! of its structures that it exports for debuggers (`_thread_db_*`).

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

use crate::coroutine::Unsupported;

/// The C library that this process runs on. Symbols are looked up in it, not
/// in the program, so that definitions that interpose libc's are not found.
pub(super) struct Library(NonNull<c_void>);

/// Where a field lies in one of glibc's structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Field {
    /// The size of one element, in bits.
    pub(super) bits: u32,
    /// How many elements; 0 for an array of unknown length.
    pub(super) count: u32,
    /// From the start of the structure, in bytes.
    pub(super) offset: u32,
}

impl Library {
    pub(super) fn open() -> Result<Library, Unsupported> {
        // SAFETY: the name is a C string; with RTLD_NOLOAD nothing is loaded
        // and no initialiser runs.
        let handle =
            unsafe { libc::dlopen(c"libc.so.6".as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        // The handle is never closed: libc stays.
        NonNull::new(handle).map(Library).ok_or_else(|| {
            Unsupported::new("libc.so.6 is not loaded (a static program, or not glibc)")
        })
    }

    /// The address of a symbol with this version.
    pub(super) fn find(&self, name: &CStr, version: &CStr) -> Result<NonNull<c_void>, Unsupported> {
        // SAFETY: the handle is open, the strings are C strings.
        let address = unsafe { libc::dlvsym(self.0.as_ptr(), name.as_ptr(), version.as_ptr()) };
        NonNull::new(address).ok_or_else(|| {
            Unsupported::new(format!(
                "this glibc exports no symbol {} with version {}",
                name.to_string_lossy(),
                version.to_string_lossy()
            ))
        })
    }

    pub(super) fn private(&self, name: &CStr) -> Result<NonNull<c_void>, Unsupported> {
        self.find(name, c"GLIBC_PRIVATE")
    }

    /// The address of a public symbol in its default version, if there is one.
    pub(super) fn public(&self, name: &CStr) -> Option<NonNull<c_void>> {
        // SAFETY: as in `find`.
        NonNull::new(unsafe { libc::dlsym(self.0.as_ptr(), name.as_ptr()) })
    }

    /// The descriptor of a field.
    pub(super) fn field(&self, name: &CStr) -> Result<Field, Unsupported> {
        let descriptor = self.private(name)?.cast::<Field>();
        // SAFETY: symbols of this family are arrays of three `uint32_t`,
        // glibc's interface to `libthread_db` since 2003.
        Ok(unsafe { descriptor.read() })
    }

    /// The size of a structure, in bytes.
    pub(super) fn size(&self, name: &CStr) -> Result<usize, Unsupported> {
        let size = self.private(name)?.cast::<u32>();
        // SAFETY: symbols of this family are one `uint32_t`.
        Ok(unsafe { size.read() } as usize)
    }
}
