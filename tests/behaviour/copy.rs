//! What `io::copy` promises, whichever way the bytes go.

use super::net::kind_at_last;
use super::shapes::{fs, io, net, os, process, thread};
use fs::{File, OpenOptions};
use net::{TcpListener, TcpStream};
use os::unix::net::UnixStream;
use std::io::{BufReader, Cursor, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("copy_between_files", copy_between_files),
    ("copy_by_reference", copy_by_reference),
    ("copy_appends", copy_appends),
    ("copy_errors", copy_errors),
    ("copy_what_has_no_length", copy_what_has_no_length),
    ("copy_through_wrappers", copy_through_wrappers),
    ("copy_without_types", copy_without_types),
    ("copy_file_to_stream", copy_file_to_stream),
    ("copy_stream_to_file", copy_stream_to_file),
    ("copy_pipes", copy_pipes),
    ("copy_child", copy_child),
];

/// More than a pipe, or a socket, has room for.
const LARGE: usize = 3_000_000;

fn large() -> Vec<u8> {
    (0..LARGE).map(|n| (n % 251) as u8).collect()
}

/// Open files that have no names any more.
fn file(contents: &[u8]) -> File {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("standin-copy-{}-{number}", std::process::id());
    let path: PathBuf = std::env::temp_dir().join(name);
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap();
    fs::remove_file(&path).unwrap();
    file.write_all(contents).unwrap();
    file.rewind().unwrap();
    file
}

fn contents(mut file: &File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

pub fn copy_between_files() {
    let (mut from, mut to) = (file(&large()), file(b"beginning"));
    assert_eq!(from.seek(SeekFrom::Start(7)).unwrap(), 7);
    to.seek(SeekFrom::End(0)).unwrap();
    assert_eq!(io::copy(&mut from, &mut to).unwrap(), LARGE as u64 - 7);
    // Both stand behind what was copied.
    assert_eq!(from.stream_position().unwrap(), LARGE as u64);
    assert_eq!(to.stream_position().unwrap(), LARGE as u64 + 2);
    assert_eq!(contents(&to), [b"beginning", &large()[7..]].concat());
    assert_eq!(io::copy(&mut from, &mut to).unwrap(), 0);
}

pub fn copy_by_reference() {
    let (mut from, mut to) = (file(b"text"), file(b""));
    assert_eq!(io::copy(&mut &from, &mut &to).unwrap(), 4);
    from.rewind().unwrap();
    assert_eq!(io::copy(&mut &mut from, &mut &mut to).unwrap(), 4);
    from.rewind().unwrap();
    assert_eq!(io::copy(&mut from, &mut &to).unwrap(), 4);
    assert_eq!(contents(&to), b"texttexttext");
}

pub fn copy_appends() {
    let name = format!("standin-copy-append-{:?}", thread::current().id());
    let name: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
    fs::write(&path, "one ").unwrap();
    let mut options = OpenOptions::new();
    let mut to = options.append(true).open(&path).unwrap();
    assert_eq!(io::copy(&mut file(b"two "), &mut to).unwrap(), 4);
    assert_eq!(io::copy(&mut file(b"three"), &mut to).unwrap(), 5);
    assert_eq!(fs::read_to_string(&path).unwrap(), "one two three");
    fs::remove_file(&path).unwrap();
}

pub fn copy_errors() {
    let path = "/dev/null";
    let mut only_read = File::open(path).unwrap();
    let mut only_written = OpenOptions::new().write(true).open(path).unwrap();
    let error = io::copy(&mut file(b"text"), &mut only_read).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    let error = io::copy(&mut only_written, &mut file(b"")).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    let (near, far) = UnixStream::pair().unwrap();
    drop(far);
    let copies = || io::copy(&mut file(b"text"), &mut &near);
    assert_eq!(kind_at_last(copies), ErrorKind::BrokenPipe);
}

pub fn copy_what_has_no_length() {
    // The kernel says of such files that they are empty.
    let mut from = File::open("/proc/self/status").unwrap();
    let to = file(b"");
    assert!(io::copy(&mut from, &mut &to).unwrap() > 100);
    let text = String::from_utf8(contents(&to)).unwrap();
    assert!(text.starts_with("Name:"), "{text}");
    let mut endless = File::open("/dev/zero").unwrap().take(100_000);
    assert_eq!(io::copy(&mut endless, &mut &to).unwrap(), 100_000);
}

/// As large as a file, at the same place, and something else.
#[repr(transparent)]
struct Upper(File);

impl Read for Upper {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.0.read(buffer)?;
        buffer[..got].make_ascii_uppercase();
        Ok(got)
    }
}

impl Write for Upper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(&bytes.to_ascii_uppercase())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

pub fn copy_through_wrappers() {
    let to = file(b"");
    assert_eq!(io::copy(&mut Upper(file(b"one")), &mut &to).unwrap(), 3);
    assert_eq!(contents(&to), b"ONE");
    let mut upper = Upper(file(b""));
    assert_eq!(io::copy(&mut file(b"two"), &mut upper).unwrap(), 3);
    assert_eq!(contents(&upper.0), b"TWO");
    // What was read ahead belongs to the reader.
    let mut reader = BufReader::new(file(b"a line\nand more"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
    let rest = file(b"");
    assert_eq!(io::copy(&mut reader, &mut &rest).unwrap(), 8);
    assert_eq!(contents(&rest), b"and more");
}

pub fn copy_without_types() {
    let to = file(b"");
    let mut from: Box<dyn Read> = Box::new(file(b"one"));
    assert_eq!(io::copy(&mut *from, &mut &to).unwrap(), 3);
    let sink: &mut dyn Write = &mut &to;
    assert_eq!(io::copy(&mut Cursor::new("two"), sink).unwrap(), 3);
    assert_eq!(contents(&to), b"onetwo");
    let mut bytes = Vec::new();
    assert_eq!(io::copy(&mut &b"three"[..], &mut bytes).unwrap(), 5);
    assert_eq!(bytes, b"three");
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

pub fn copy_file_to_stream() {
    let (mut near, mut far) = pair();
    thread::scope(|scope| {
        scope.spawn(move || {
            assert_eq!(
                io::copy(&mut file(&large()), &mut near).unwrap(),
                LARGE as u64
            );
        });
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).unwrap();
        assert!(bytes == large());
    });
}

pub fn copy_stream_to_file() {
    let (near, mut far) = UnixStream::pair().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || (&near).write_all(&large()).unwrap());
        let to = file(b"");
        assert_eq!(io::copy(&mut far, &mut &to).unwrap(), LARGE as u64);
        assert!(contents(&to) == large());
    });
}

pub fn copy_pipes() {
    // By way of two pipes and a connection, each of which is full now and then.
    let (mut first, mut into_first) = io::pipe().unwrap();
    let (mut last, mut into_last) = io::pipe().unwrap();
    let (mut near, mut far) = pair();
    thread::scope(|scope| {
        scope.spawn(move || io::copy(&mut file(&large()), &mut into_first).unwrap());
        scope.spawn(move || io::copy(&mut first, &mut near).unwrap());
        scope.spawn(move || io::copy(&mut far, &mut into_last).unwrap());
        let to = file(b"");
        assert_eq!(io::copy(&mut last, &mut &to).unwrap(), LARGE as u64);
        assert!(contents(&to) == large());
    });
}

pub fn copy_child() {
    let mut cat = process::Command::new("cat");
    cat.stdin(process::Stdio::piped())
        .stdout(process::Stdio::piped());
    let mut cat = cat.spawn().unwrap();
    let (mut stdin, mut stdout) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
    thread::scope(|scope| {
        scope.spawn(move || io::copy(&mut file(&large()), &mut stdin).unwrap());
        let to = file(b"");
        assert_eq!(io::copy(&mut stdout, &mut &to).unwrap(), LARGE as u64);
        assert!(contents(&to) == large());
    });
    assert!(cat.wait().unwrap().success());
}
