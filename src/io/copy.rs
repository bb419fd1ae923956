//! Copying from a reader to a writer. From file to file the kernel moves the bytes, as it does for std's files.

use crate::fs::{File, aside};
use std::any::TypeId;
use std::io::{self, Read, Write};
use std::marker::PhantomData;

/// Copies everything to the end of `reader`; returns the number of bytes. This corresponds to [`std::io::copy`].
///
/// From a [`File`] to a [`File`], or references to them, the kernel copies in one blocking section
/// (`copy_file_range`). Everything else goes through a buffer: std's further short cuts are for its own types alone.
///
/// # Errors
///
/// As std's.
pub fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: ?Sized + Read,
    W: ?Sized + Write,
{
    match (as_file(reader), as_file(writer)) {
        (Some(from), Some(to)) => aside(|| io::copy(&mut from.std(), &mut to.std())),
        _ => io::copy(reader, writer),
    }
}

/// The file that a reader or writer is, or is a reference to.
fn as_file<T: ?Sized>(value: &T) -> Option<&File> {
    let place: *const T = value;
    let id = id_of::<T>();
    if id == TypeId::of::<File>() {
        // SAFETY: `T` is `File`, which has no lifetime in it.
        return Some(unsafe { &*place.cast::<File>() });
    }
    if id == TypeId::of::<&File>() {
        // SAFETY: `T` is a reference to a `File`, which lives at least as long as the borrow of `value`.
        return Some(unsafe { *place.cast::<&File>() });
    }
    if id == TypeId::of::<&mut File>() {
        // SAFETY: as above; it is borrowed through `value`.
        return Some(unsafe { &**place.cast::<&mut File>() });
    }
    None
}

/// That of the type with all its lifetimes `'static`, as its own id is said for no other.
fn id_of<T: ?Sized>() -> TypeId {
    trait Identified {
        fn id(&self) -> TypeId
        where
            Self: 'static;
    }

    impl<T: ?Sized> Identified for PhantomData<T> {
        fn id(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }

    let type_alone: PhantomData<T> = PhantomData;
    let identified: &dyn Identified = &type_alone;
    // SAFETY: only the lifetime changes. There is no value of `T` that could be too short-lived, and code is the same
    // for all lifetimes.
    let identified: &(dyn Identified + 'static) = unsafe { std::mem::transmute(identified) };
    identified.id()
}
