//! Copying from a reader to a writer, by the kernel where it can.
//!
//! std's copy knows std's own types by specialisation, which only std may use. Here the types are compared by their
//! ids, as the crates `castaway` and `typeid` do it.

use super::{PipeReader, PipeWriter};
use crate::engine::{Control, is_forked};
use crate::fs::{File, aside};
use crate::net::TcpStream;
use crate::os::unix::net::UnixStream;
use crate::process::{ChildStderr, ChildStdin, ChildStdout};
use std::any::TypeId;
use std::fs::File as StdFile;
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd};

/// Copies everything up to the end of `reader`. This corresponds to [`std::io::copy`].
///
/// As std's it lets the kernel move the bytes where it can, also for what std does not know. The types have to be
/// these, or references to them:
///
/// | from and to | how |
/// |---|---|
/// | two [`File`]s | as std's (`copy_file_range`, `sendfile`), as a whole in a blocking section |
/// | a pipe to a file or a pipe, a stream to a pipe, on a plain OS thread | as std's (`splice`), where no other handle shares the pipe |
/// | the same on a thread of an engine | through a buffer of 8 KiB |
/// | a pipe to a stream | through a buffer of 8 KiB: the kernel's way may raise `SIGPIPE` |
/// | a file to a stream or a pipe, a stream to a file or a stream | through a buffer of 8 KiB, as std's |
/// | std's own types | std's own copy, which blocks the OS thread |
/// | anything else | through a buffer, as std's |
///
/// The kernel would also send a file to a stream. Std stopped that (rust-lang/rust#108283): what is written to the file
/// after the copy could still reach who receives it.
///
/// # Errors
///
/// As std's. In a cancelled thread, those of the reader and the writer; a copy between two files goes on.
#[expect(clippy::multiple_bound_locations, reason = "as std's signature")]
pub fn copy<R: ?Sized, W: ?Sized>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: Read,
    W: Write,
{
    if let (Some(from), Some(to)) = (view::<File, R>(reader), view::<File, W>(writer)) {
        let (from, to) = (from.as_fd(), to.as_fd());
        return aside(|| by_std(from, to));
    }
    if may_block()
        && let Some((from, to)) = around_a_pipe(reader, writer)
    {
        return by_std(from, to);
    }
    io::copy(reader, writer)
}

/// Whether the caller is a plain OS thread: nobody cancels it, and nobody else runs on it.
fn may_block() -> bool {
    is_forked() || Control::current(|control| control.is_none())
}

/// std's copy looks at what the descriptors are, not at what their types say.
fn by_std(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<u64> {
    let [from, to] = [from, to].map(|fd| {
        // SAFETY: the descriptor is open as long as it is borrowed, and this file is never dropped, so it does not
        // close it.
        ManuallyDrop::new(unsafe { StdFile::from_raw_fd(fd.as_raw_fd()) })
    });
    io::copy(&mut &*from, &mut &*to)
}

/// The descriptors, if one is the end of a pipe and the kernel may move the bytes: elsewhere std's copy knows no call
/// for it.
///
/// Never with a stream as the writer. std's copy goes back to `write`, as for a file, where `splice` is refused, and
/// `splice` itself sends as `write` does: if the peer is gone, both raise `SIGPIPE`, which ends a process that does not
/// ignore it. A send of a stream does not.
fn around_a_pipe<'a, R: ?Sized, W: ?Sized>(
    reader: &'a R,
    writer: &'a W,
) -> Option<(BorrowedFd<'a>, BorrowedFd<'a>)> {
    if let Some(to) = pipe_of_writer(writer) {
        let from = pipe_of_reader(reader)
            .or_else(|| view::<File, R>(reader).map(AsFd::as_fd))
            .or_else(|| view::<TcpStream, R>(reader).map(AsFd::as_fd))
            .or_else(|| view::<UnixStream, R>(reader).map(AsFd::as_fd));
        return Some((from?, to));
    }
    let to = view::<File, W>(writer)?.as_fd();
    Some((pipe_of_reader(reader)?, to))
}

fn pipe_of_reader<R: ?Sized>(reader: &R) -> Option<BorrowedFd<'_>> {
    None.or_else(|| alone::<PipeReader, R>(reader))
        .or_else(|| alone::<ChildStdout, R>(reader))
        .or_else(|| alone::<ChildStderr, R>(reader))
}

fn pipe_of_writer<W: ?Sized>(writer: &W) -> Option<BorrowedFd<'_>> {
    None.or_else(|| alone::<PipeWriter, W>(writer))
        .or_else(|| alone::<ChildStdin, W>(writer))
}

/// The end of a pipe, which an engine may have to make non-blocking while another thread uses it: not here, if there
/// is no other.
pub(crate) trait End: AsFd {
    /// Whether the descriptor is a blocking one and has no clones.
    fn is_alone(&self) -> bool;
}

fn alone<Own: LifetimeFree + End, T: ?Sized>(value: &T) -> Option<BorrowedFd<'_>> {
    // Behind a shared reference, others may use it too.
    if id_of::<T>() == TypeId::of::<&Own>() {
        return None;
    }
    let end = view::<Own, T>(value)?;
    end.is_alone().then(|| end.as_fd())
}

/// A type that can be known by its id alone.
///
/// # Safety
///
/// The type has no lifetime parameter, in none of its parts. So no other type has the same id: an id does not tell
/// lifetimes apart, and nothing else is left out of it.
unsafe trait LifetimeFree: 'static {}

macro_rules! lifetime_free {
    ($($type:ty),*) => {$(
        // SAFETY: the type is a tuple struct without parameters, around one of std's without parameters.
        unsafe impl LifetimeFree for $type {}
    )*};
}

lifetime_free!(
    File,
    TcpStream,
    UnixStream,
    PipeReader,
    PipeWriter,
    ChildStdin,
    ChildStdout,
    ChildStderr
);

/// `value` as the `Own` that it is, or that it refers to.
fn view<Own: LifetimeFree, T: ?Sized>(value: &T) -> Option<&Own> {
    let id = id_of::<T>();
    let pointer = std::ptr::from_ref(value);
    if id == TypeId::of::<Own>() {
        // SAFETY: `Own` is lifetime-free, so what has its id is `Own` itself, borrowed as long as `value` is.
        return Some(unsafe { &*pointer.cast::<Own>() });
    }
    if id == TypeId::of::<&Own>() || id == TypeId::of::<&mut Own>() {
        // SAFETY: `T` is a reference to `Own`, which is lifetime-free, so only the reference's own lifetime is unknown.
        // It outlives the borrow of `value`, and what is made of it lives no longer than that. A unique reference
        // behind a shared one may be used as a shared one for so long.
        return Some(unsafe { &**pointer.cast::<&Own>() });
    }
    None
}

/// The id of a type, its lifetimes taken as `'static`.
fn id_of<T: ?Sized>() -> TypeId {
    trait Typed {
        fn id(&self) -> TypeId
        where
            Self: 'static;
    }
    impl<T: ?Sized> Typed for PhantomData<T> {
        fn id(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }
    let typed: &dyn Typed = &PhantomData::<T>;
    // SAFETY: the two types differ in a lifetime alone, which is not there any more when the program runs. The method
    // that it makes callable reads nothing of a `T`, and returns nothing that has its lifetimes.
    let typed = unsafe { std::mem::transmute::<&dyn Typed, &(dyn Typed + 'static)>(typed) };
    typed.id()
}

#[cfg(test)]
mod tests {
    use super::{File, id_of, view};
    use std::any::TypeId;
    use std::io::Read;

    #[repr(transparent)]
    struct Wrapper(File);

    fn is_file<T: ?Sized>(value: &T, file: &File) -> bool {
        let view = view::<File, T>(value);
        view.inspect(|view| assert!(std::ptr::eq(*view, file)))
            .is_some()
    }

    #[test]
    fn only_the_type_itself_and_references_to_it() {
        let mut file = File::open("/dev/null").expect("it is there");
        let same: *const File = &file;
        // SAFETY: the file is there until the end of the test.
        let same = unsafe { &*same };
        assert!(is_file(&file, same));
        assert!(is_file(&&file, same));
        assert!(is_file(&&mut file, same));
        assert!(!is_file(&&&file, same));
        assert!(!is_file(
            &same.try_clone().map(Wrapper).expect("room"),
            same
        ));
        let boxed: Box<dyn Read> = Box::new(same.try_clone().expect("room"));
        assert!(!is_file(&*boxed, same));
        assert!(!is_file(&boxed, same));
        assert!(!is_file(&(), same));
        assert!(!is_file("text", same));
    }

    #[test]
    fn an_id_does_not_tell_lifetimes_apart() {
        fn of_a_reference<'a>(_: &'a str) -> TypeId {
            id_of::<&'a str>()
        }
        assert_eq!(
            of_a_reference(&String::from("text")),
            TypeId::of::<&'static str>()
        );
        assert_eq!(id_of::<str>(), TypeId::of::<str>());
        assert_ne!(id_of::<File>(), TypeId::of::<std::fs::File>());
    }
}
