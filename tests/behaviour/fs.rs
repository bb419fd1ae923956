//! What files promise.

use super::shapes::{fs, os, sync, thread};
use fs::{DirBuilder, File, OpenOptions, TryLockError};
use os::unix::fs::{
    FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink,
};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};
use sync::mpsc::channel;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("fs_write_and_read", fs_write_and_read),
    ("fs_position", fs_position),
    ("fs_append", fs_append),
    ("fs_vectored", fs_vectored),
    ("fs_read_nothing", fs_read_nothing),
    ("fs_at_places", fs_at_places),
    ("fs_large", fs_large),
    ("fs_at_odd_places", fs_at_odd_places),
    ("fs_not_text", fs_not_text),
    ("fs_open_errors", fs_open_errors),
    ("fs_option_errors", fs_option_errors),
    ("fs_options_that_go_together", fs_options_that_go_together),
    ("fs_wrong_mode", fs_wrong_mode),
    ("fs_lengths", fs_lengths),
    ("fs_clone", fs_clone),
    ("fs_clones_and_lengths", fs_clones_and_lengths),
    ("fs_conversions", fs_conversions),
    ("fs_text", fs_text),
    ("fs_metadata", fs_metadata),
    ("fs_times", fs_times),
    ("fs_locks", fs_locks),
    ("fs_lock_waits", fs_lock_waits),
    ("fs_lock_ends_with_the_file", fs_lock_ends_with_the_file),
    ("fs_links", fs_links),
    ("fs_copy_and_rename", fs_copy_and_rename),
    ("fs_fifo", fs_fifo),
    ("fs_many_at_once", fs_many_at_once),
];

/// A folder of its own, which goes with this.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("standin-fs-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn read_write() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    options
}

fn fs_write_and_read() {
    let folder = Folder::new();
    let path = folder.at("text");
    assert!(!fs::exists(&path).unwrap());
    fs::write(&path, "one").unwrap();
    assert!(fs::exists(&path).unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert_eq!(fs::read_to_string(&path).unwrap(), "one");
    fs::write(&path, b"2").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "2");
    fs::remove_file(&path).unwrap();
    let gone = fs::read(&path).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    assert_eq!(
        fs::remove_file(&path).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

fn fs_position() {
    let folder = Folder::new();
    let mut file = read_write().open(folder.at("file")).unwrap();
    file.write_all(b"0123456789").unwrap();
    assert_eq!(file.stream_position().unwrap(), 10);
    assert_eq!(file.seek(SeekFrom::Start(2)).unwrap(), 2);
    let mut two = [0; 2];
    file.read_exact(&mut two).unwrap();
    assert_eq!(&two, b"23");
    assert_eq!(file.seek(SeekFrom::Current(3)).unwrap(), 7);
    file.write_all(b"ab").unwrap();
    assert_eq!(file.seek(SeekFrom::End(-4)).unwrap(), 6);
    let mut rest = String::new();
    file.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "6ab9");
    assert_eq!(file.read(&mut two).unwrap(), 0);
    let before = file.seek(SeekFrom::Current(-20)).unwrap_err();
    assert_eq!(before.kind(), ErrorKind::InvalidInput);
    file.rewind().unwrap();
    // A reference is as good.
    (&file).read_exact(&mut two).unwrap();
    assert_eq!(&two, b"01");
    assert_eq!((&file).stream_position().unwrap(), 2);
}

fn fs_append() {
    let folder = Folder::new();
    let path = folder.at("log");
    fs::write(&path, "a").unwrap();
    let mut one = OpenOptions::new().append(true).open(&path).unwrap();
    let mut other = OpenOptions::new().append(true).open(&path).unwrap();
    one.write_all(b"b").unwrap();
    other.write_all(b"c").unwrap();
    one.write_all(b"d").unwrap();
    one.flush().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "abcd");
}

fn fs_vectored() {
    let folder = Folder::new();
    let mut file = read_write().open(folder.at("file")).unwrap();
    let parts = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
    assert_eq!(file.write_vectored(&parts).unwrap(), 5);
    file.rewind().unwrap();
    let (mut first, mut second) = ([0; 3], [0; 4]);
    let mut parts = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(file.read_vectored(&mut parts).unwrap(), 5);
    assert_eq!((&first, &second), (b"abc", b"de\0\0"));
    // More than one call of the kernel takes.
    let many: Vec<_> = (0..5000).map(|_| IoSlice::new(b"x")).collect();
    assert!(file.write_vectored(&many).unwrap() >= 1);
}

fn fs_read_nothing() {
    let folder = Folder::new();
    let mut file = read_write().open(folder.at("file")).unwrap();
    assert_eq!(file.write(b"").unwrap(), 0);
    assert_eq!(file.read(&mut []).unwrap(), 0);
    assert_eq!(file.read(&mut [0; 9]).unwrap(), 0);
    assert_eq!(file.read_to_end(&mut Vec::new()).unwrap(), 0);
}

fn fs_at_places() {
    let folder = Folder::new();
    let mut file = read_write().open(folder.at("file")).unwrap();
    file.write_all(b"0123456789").unwrap();
    let mut three = [0; 3];
    assert_eq!(file.read_at(&mut three, 4).unwrap(), 3);
    assert_eq!(&three, b"456");
    assert_eq!(file.read_at(&mut three, 8).unwrap(), 2);
    assert_eq!(file.read_at(&mut three, 100).unwrap(), 0);
    let short = file.read_exact_at(&mut three, 8).unwrap_err();
    assert_eq!(short.kind(), ErrorKind::UnexpectedEof);
    file.write_all_at(b"ab", 1).unwrap();
    // The position is where it was.
    assert_eq!(file.stream_position().unwrap(), 10);
    for offset in [u64::MAX, u64::MAX - 1, i64::MAX as u64 + 1] {
        let error = file.read_at(&mut three, offset).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{offset}");
        let error = file.write_at(b"x", offset).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{offset}");
    }
    assert_eq!(fs::read(folder.at("file")).unwrap(), b"0ab3456789");
}

fn fs_at_odd_places() {
    let folder = Folder::new();
    let mut file = read_write().open(folder.at("file")).unwrap();
    file.write_all(b"start").unwrap();
    // Across the edges of pages, and behind the end.
    let bytes: Vec<u8> = (0..10_001).map(|n| (n % 251) as u8).collect();
    for offset in [3, 4095, 4097, 20_011] {
        file.write_all_at(&bytes, offset).unwrap();
        let mut read = vec![0; bytes.len()];
        file.read_exact_at(&mut read, offset).unwrap();
        assert!(read == bytes, "{offset}");
        assert_eq!(file.stream_position().unwrap(), 5);
    }
    assert_eq!(file.metadata().unwrap().len(), 20_011 + 10_001);
    // What nobody wrote.
    let mut hole = [1; 7];
    file.read_exact_at(&mut hole, 15_001).unwrap();
    assert_eq!(hole, [0; 7]);
    // The position is the clone's as well.
    let mut clone = file.try_clone().unwrap();
    clone.read_exact_at(&mut hole, 1).unwrap();
    assert_eq!(&hole[..2], b"ta");
    assert_eq!(clone.stream_position().unwrap(), 5);
}

fn fs_large() {
    let folder = Folder::new();
    let bytes: Vec<u8> = (0..3 << 20).map(|n| (n % 251) as u8).collect();
    let mut file = File::create_new(folder.at("file")).unwrap();
    file.write_all(&bytes).unwrap();
    file.sync_all().unwrap();
    file.sync_data().unwrap();
    let mut read = vec![7];
    let mut file = File::open(folder.at("file")).unwrap();
    assert_eq!(file.read_to_end(&mut read).unwrap(), bytes.len());
    assert!(read[0] == 7 && read[1..] == bytes[..]);
    // By and by.
    file.rewind().unwrap();
    let mut block = vec![0; 64 << 10];
    let mut place = 0;
    loop {
        let got = file.read(&mut block).unwrap();
        if got == 0 {
            break;
        }
        assert!(block[..got] == bytes[place..place + got]);
        place += got;
    }
    assert_eq!(place, bytes.len());
}

fn fs_not_text() {
    let folder = Folder::new();
    let path = folder.at("bytes");
    fs::write(&path, b"a\xff").unwrap();
    let error = fs::read_to_string(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let mut text = String::from("before");
    let error = File::open(&path)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(text, "before");
}

fn fs_open_errors() {
    let folder = Folder::new();
    let path = folder.at("file");
    let kind = |result: std::io::Result<File>| result.err().map(|error| error.kind());
    assert_eq!(kind(File::open(&path)), Some(ErrorKind::NotFound));
    assert_eq!(kind(File::create_new(&path)), None);
    assert_eq!(
        kind(File::create_new(&path)),
        Some(ErrorKind::AlreadyExists)
    );
    assert_eq!(
        kind(File::open(path.join("below"))),
        Some(ErrorKind::NotADirectory)
    );
    assert_eq!(kind(File::create(&folder.0)), Some(ErrorKind::IsADirectory));
    // Neither to read nor to write; to truncate what is appended to.
    assert_eq!(
        kind(OpenOptions::new().open(&path)),
        Some(ErrorKind::InvalidInput)
    );
    #[allow(clippy::nonsensical_open_options, reason = "what comes of it")]
    let both = File::options().append(true).truncate(true).open(&path);
    assert_eq!(kind(both), Some(ErrorKind::InvalidInput));
    assert_eq!(kind(File::open("a\0b")), Some(ErrorKind::InvalidInput));
    let mut directory = File::open(&folder.0).unwrap();
    let error = directory.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IsADirectory);
}

#[allow(clippy::nonsensical_open_options, reason = "what comes of them")]
#[allow(clippy::suspicious_open_options, reason = "as above")]
fn fs_option_errors() {
    let folder = Folder::new();
    let path = folder.at("file");
    fs::write(&path, "text").unwrap();
    let options = OpenOptions::new;
    // Nothing is made or emptied without writing, and what is appended to is not emptied.
    for refused in [
        options().create(true),
        options().truncate(true),
        options().read(true).create(true),
        options().read(true).truncate(true),
        options().read(true).create_new(true),
        options().append(true).truncate(true),
        options().write(true).append(true).truncate(true),
    ] {
        let error = refused.open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{refused:?}");
        let error = refused.open(folder.at("other")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{refused:?}");
    }
    for (refused, path, kind) in [
        (options().write(true), "other", ErrorKind::NotFound),
        (options().append(true), "other", ErrorKind::NotFound),
        (
            options().write(true).create_new(true),
            "file",
            ErrorKind::AlreadyExists,
        ),
        (
            options().append(true).create_new(true),
            "file",
            ErrorKind::AlreadyExists,
        ),
        (
            options().read(true).custom_flags(libc::O_DIRECTORY),
            "file",
            ErrorKind::NotADirectory,
        ),
    ] {
        let error = refused.open(folder.at(path)).unwrap_err();
        assert_eq!(error.kind(), kind, "{refused:?}");
    }
    assert!(!fs::exists(folder.at("other")).unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), "text");
}

fn fs_options_that_go_together() {
    let folder = Folder::new();
    let path = folder.at("file");
    fs::write(&path, "text").unwrap();
    let mut options = OpenOptions::new();
    // It stands at the beginning, and what is there stays.
    let mut file = options.read(true).write(true).open(&path).unwrap();
    file.write_all(b"T").unwrap();
    assert_eq!(file.stream_position().unwrap(), 1);
    // Appended is at the end, wherever the file stands or one asks for.
    let mut options = OpenOptions::new();
    let mut file = options.read(true).append(true).open(&path).unwrap();
    file.rewind().unwrap();
    file.write_all(b"12").unwrap();
    assert_eq!(file.stream_position().unwrap(), 6);
    file.rewind().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "Text12");
    // With `create_new` the others mean nothing.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).truncate(true);
    options.open(folder.at("new")).unwrap();
    let mut options = OpenOptions::new();
    options.write(true).truncate(true).open(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
}

fn fs_wrong_mode() {
    let folder = Folder::new();
    let path = folder.at("file");
    let mut written = File::create(&path).unwrap();
    const BAD_DESCRIPTOR: Option<i32> = Some(9);
    let error = written.read(&mut [0]).unwrap_err();
    assert_eq!(error.raw_os_error(), BAD_DESCRIPTOR);
    let mut read = File::open(&path).unwrap();
    let error = read.write(b"x").unwrap_err();
    assert_eq!(error.raw_os_error(), BAD_DESCRIPTOR);
}

fn fs_lengths() {
    let folder = Folder::new();
    let mut file = read_write().open(folder.at("file")).unwrap();
    file.set_len(5).unwrap();
    let mut all = Vec::new();
    file.read_to_end(&mut all).unwrap();
    assert_eq!(all, [0; 5]);
    file.set_len(2).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 2);
    assert_eq!(
        file.set_len(u64::MAX).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

fn fs_clone() {
    let folder = Folder::new();
    let mut file = read_write().open(folder.at("file")).unwrap();
    let mut clone = file.try_clone().unwrap();
    file.write_all(b"abc").unwrap();
    assert_eq!(clone.stream_position().unwrap(), 3);
    clone.rewind().unwrap();
    let mut one = [0];
    file.read_exact(&mut one).unwrap();
    assert_eq!(&one, b"a");
    drop(file);
    clone.read_exact(&mut one).unwrap();
    assert_eq!(&one, b"b");
}

fn fs_clones_and_lengths() {
    let folder = Folder::new();
    let mut file = read_write().open(folder.at("file")).unwrap();
    let mut clone = file.try_clone().unwrap();
    file.write_all(b"abc").unwrap();
    clone.write_all(b"def").unwrap();
    assert_eq!(clone.seek(SeekFrom::Current(-4)).unwrap(), 2);
    let mut two = [0; 2];
    file.read_exact(&mut two).unwrap();
    assert_eq!(&two, b"cd");
    // A new length leaves the position where it is, also behind the end.
    clone.set_len(1).unwrap();
    assert_eq!(file.stream_position().unwrap(), 4);
    assert_eq!(file.read(&mut two).unwrap(), 0);
    file.write_all(b"E").unwrap();
    assert_eq!(clone.seek(SeekFrom::End(0)).unwrap(), 5);
    assert_eq!(fs::read(folder.at("file")).unwrap(), b"a\0\0\0E");
    // A file that is opened again stands for itself.
    let mut other = File::open(folder.at("file")).unwrap();
    assert_eq!(other.stream_position().unwrap(), 0);
    other.read_exact(&mut two).unwrap();
    assert_eq!(file.stream_position().unwrap(), 5);
}

#[allow(clippy::useless_conversion, reason = "with std's own modules")]
fn fs_conversions() {
    let folder = Folder::new();
    let file = read_write().open(folder.at("file")).unwrap();
    let number = file.as_raw_fd();
    assert_eq!(file.as_fd().as_raw_fd(), number);
    let owned = OwnedFd::from(file);
    assert_eq!(owned.as_raw_fd(), number);
    let file = File::from(owned);
    let number = file.into_raw_fd();
    // SAFETY: it was given up just now.
    let mut file = unsafe { File::from_raw_fd(number) };
    file.write_all(b"x").unwrap();
    let std = std::fs::File::from(file);
    assert_eq!(std.metadata().unwrap().len(), 1);
    let file = File::from(std);
    assert_eq!(file.as_raw_fd(), number);
}

fn fs_text() {
    let folder = Folder::new();
    let path = folder.at("file");
    let file = File::create(&path).unwrap();
    let fd = file.as_raw_fd();
    assert_eq!(
        format!("{file:?}"),
        format!("File {{ fd: {fd}, path: {path:?}, read: false, write: true }}")
    );
    assert_eq!(
        format!("{:?}", fs::read_dir(&folder.0).unwrap()),
        format!("ReadDir({:?})", folder.0)
    );
    let entry = fs::read_dir(&folder.0).unwrap().next().unwrap().unwrap();
    assert_eq!(format!("{entry:?}"), format!("DirEntry({path:?})"));
    let options = OpenOptions::new().append(true).mode(0o600).clone();
    assert!(
        format!("{options:?}").starts_with("OpenOptions("),
        "{options:?}"
    );
    assert!(format!("{:?}", DirBuilder::new()).starts_with("DirBuilder"));
}

fn fs_metadata() {
    let folder = Folder::new();
    let path = folder.at("file");
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    let file = options.open(&path).unwrap();
    let metadata = file.metadata().unwrap();
    assert!(metadata.is_file() && metadata.len() == 0);
    assert_eq!(metadata.mode() & 0o777, 0o600);
    assert_eq!(metadata.ino(), fs::metadata(&path).unwrap().ino());
    let mut permissions = metadata.permissions();
    permissions.set_readonly(true);
    file.set_permissions(permissions).unwrap();
    assert!(fs::metadata(&path).unwrap().permissions().readonly());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(&folder.0).unwrap().is_dir());
    assert_eq!(
        fs::metadata(folder.at("no")).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let owner = fs::metadata(&path).unwrap().uid();
    os::unix::fs::chown(&path, Some(owner), None).unwrap();
    os::unix::fs::lchown(&path, Some(owner), None).unwrap();
    os::unix::fs::fchown(&file, None, None).unwrap();
}

fn fs_times() {
    let folder = Folder::new();
    let file = File::create(folder.at("file")).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    file.set_modified(time).unwrap();
    assert_eq!(file.metadata().unwrap().modified().unwrap(), time);
    let later = time + Duration::from_millis(1500);
    let times = fs::FileTimes::new().set_accessed(later).set_modified(later);
    file.set_times(times).unwrap();
    let metadata = file.metadata().unwrap();
    assert_eq!(metadata.modified().unwrap(), later);
    assert_eq!(metadata.accessed().unwrap(), later);
}

fn fs_locks() {
    let folder = Folder::new();
    let open = || read_write().open(folder.at("file")).unwrap();
    let (one, other) = (open(), open());
    one.lock_shared().unwrap();
    other.lock_shared().unwrap();
    assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
    one.unlock().unwrap();
    other.try_lock().unwrap();
    assert!(matches!(
        one.try_lock_shared(),
        Err(TryLockError::WouldBlock)
    ));
    other.unlock().unwrap();
    one.try_lock_shared().unwrap();
}

fn fs_lock_waits() {
    let folder = Folder::new();
    let open = || read_write().open(folder.at("file")).unwrap();
    for shared in [false, true] {
        let first = open();
        first.lock().unwrap();
        let (sender, receiver) = channel();
        let waiters: Vec<_> = (0..3)
            .map(|n| {
                let (file, sender) = (open(), sender.clone());
                thread::spawn(move || {
                    match shared {
                        true => file.lock_shared().unwrap(),
                        false => file.lock().unwrap(),
                    }
                    sender.send(n).unwrap();
                })
            })
            .collect();
        assert!(receiver.try_recv().is_err());
        // The others run, and can talk to each other.
        let other = thread::spawn(|| 5);
        assert_eq!(other.join().unwrap(), 5);
        assert!(receiver.try_recv().is_err());
        first.unlock().unwrap();
        let came: BTreeSet<i32> = receiver.iter().take(3).collect();
        assert_eq!(came, BTreeSet::from([0, 1, 2]));
        waiters
            .into_iter()
            .for_each(|waiter| waiter.join().unwrap());
    }
}

fn fs_lock_ends_with_the_file() {
    let folder = Folder::new();
    let open = || read_write().open(folder.at("file")).unwrap();
    let first = open();
    first.lock().unwrap();
    let waiter = {
        let file = open();
        thread::spawn(move || file.lock().unwrap())
    };
    drop(first);
    waiter.join().unwrap();
}

fn fs_links() {
    let folder = Folder::new();
    let file = folder.at("file");
    fs::write(&file, "x").unwrap();
    symlink("file", folder.at("soft")).unwrap();
    fs::hard_link(&file, folder.at("hard")).unwrap();
    assert_eq!(
        fs::read_link(folder.at("soft")).unwrap(),
        PathBuf::from("file")
    );
    assert_eq!(
        fs::read_link(&file).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    let real = fs::canonicalize(&folder.0).unwrap().join("file");
    assert_eq!(fs::canonicalize(folder.at("soft")).unwrap(), real);
    assert_eq!(fs::metadata(&file).unwrap().nlink(), 2);
    assert!(
        fs::symlink_metadata(folder.at("soft"))
            .unwrap()
            .is_symlink()
    );
    let again = symlink("file", folder.at("soft")).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
}

fn fs_copy_and_rename() {
    let folder = Folder::new();
    let (one, two) = (folder.at("one"), folder.at("two"));
    fs::write(&one, "text").unwrap();
    fs::set_permissions(&one, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(fs::copy(&one, &two).unwrap(), 4);
    assert_eq!(fs::metadata(&two).unwrap().mode() & 0o777, 0o640);
    fs::write(&two, "other").unwrap();
    fs::rename(&two, &one).unwrap();
    assert_eq!(fs::read_to_string(&one).unwrap(), "other");
    assert_eq!(
        fs::rename(&two, &one).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        fs::copy(&two, &one).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

/// Opening one end waits for the other end, and reading for what is written: neither stops the thread that does it.
fn fs_fifo() {
    let folder = Folder::new();
    let path = folder.at("fifo");
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the name is a string of C's.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let (sender, receiver) = channel();
    let reader = {
        let path = path.clone();
        thread::spawn(move || {
            let mut file = File::open(path).unwrap();
            let mut two = [0; 2];
            file.read_exact(&mut two).unwrap();
            sender.send(two).unwrap();
            let mut rest = String::new();
            file.read_to_string(&mut rest).unwrap();
            rest
        })
    };
    let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
    writer.write_all(b"ab").unwrap();
    assert_eq!(&receiver.recv().unwrap(), b"ab");
    writer.write_all(b"cd").unwrap();
    drop(writer);
    assert_eq!(reader.join().unwrap(), "cd");
}

fn fs_many_at_once() {
    let folder = Folder::new();
    thread::scope(|scope| {
        for n in 0..100u32 {
            let path = folder.at(&n.to_string());
            scope.spawn(move || {
                let text = n.to_string().repeat(1000);
                fs::write(&path, &text).unwrap();
                let mut file = File::open(&path).unwrap();
                for digits in text.as_bytes().chunks(100) {
                    let mut read = vec![0; digits.len()];
                    file.read_exact(&mut read).unwrap();
                    assert_eq!(read, digits);
                    thread::yield_now();
                }
                fs::remove_file(&path).unwrap();
            });
        }
    });
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
}
