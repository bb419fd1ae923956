//! Static thread-local storage as some code leaves it that every thread would run first.
//!
//! The first use of a thread-local that has a destructor registers it with libc, which allocates; on the block of a
//! free fiber that is cold memory in an arena of its own, and costs more than all the rest of a short thread. Where
//! each thread of an engine uses such a thread-local, it is set up once, and copied to every block: without the
//! registration, so the destructor never runs. That is right for a value that owns nothing whenever a thread ends.

use super::exit::{reset, run_destructors};
use super::facts::facts;
use super::images::{Image, Primed};
use super::switch::thread_pointer;

/// Values of this size and up may be addresses: no page below is ever mapped.
const LEAST_ADDRESS: usize = 4096;

impl Primed {
    /// What `prime` makes of a fresh block. `None` if it stores anything that could be an address, which would then be
    /// many threads' at once.
    ///
    /// # Safety
    ///
    /// Called on a free fiber between two threads; `prime` does not suspend. Nothing that `prime` leaves in
    /// thread-locals needs its destructor.
    pub(crate) unsafe fn by(prime: fn()) -> Option<Primed> {
        prime();
        let images: Option<Vec<Image>> = facts().images.iter().map(changed).collect();
        // SAFETY: the end of a thread, on its fiber.
        unsafe {
            run_destructors();
            reset(None);
        }
        images.map(Primed)
    }
}

/// The image of the running block where `image` describes a fresh one.
fn changed(image: &Image) -> Option<Image> {
    let storage = thread_pointer().wrapping_add_signed(image.offset) as *const u8;
    let mut template = vec![0; image.len].into_boxed_slice();
    // SAFETY: `probe` found the image at this place of every block; only the running thread uses it.
    unsafe { storage.copy_to_nonoverlapping(template.as_mut_ptr(), image.len) };
    let before = |index: usize| image.template.get(index).copied().unwrap_or(0);
    let is_plain = (0..image.len).step_by(size_of::<usize>()).all(|start| {
        let end = image.len.min(start + size_of::<usize>());
        let mut word = [0; size_of::<usize>()];
        word[..end - start].copy_from_slice(&template[start..end]);
        let is_same = (start..end).all(|index| template[index] == before(index));
        is_same || usize::from_ne_bytes(word) < LEAST_ADDRESS
    });
    is_plain.then_some(Image {
        offset: image.offset,
        template,
        len: image.len,
    })
}
