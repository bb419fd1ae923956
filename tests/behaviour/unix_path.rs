//! Addresses of Unix sockets: a folder for paths, and names without a file. Bodies about addresses alone.

use super::net::kind;
use super::shapes::os;
use os::linux::net::SocketAddrExt as _;
use os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("unix_address_of_path", unix_address_of_path),
    ("unix_address_of_name", unix_address_of_name),
    ("unix_path_too_long", unix_path_too_long),
    ("unix_path_longest", unix_path_longest),
    ("unix_path_with_null", unix_path_with_null),
    ("unix_path_empty", unix_path_empty),
    ("unix_bind_fails", unix_bind_fails),
    ("unix_bind_over_the_rest", unix_bind_over_the_rest),
    ("unix_name_is_free_again", unix_name_is_free_again),
];

/// A folder of its own, removed with all that is in it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let process = std::process::id();
        for n in 0.. {
            let folder = std::env::temp_dir().join(format!("standin-{process}-{n}"));
            match fs::create_dir(&folder) {
                Ok(()) => return Self(folder),
                Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}"),
            }
        }
        unreachable!("some number is not used")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What a failed removal leaves behind is no reason for a second panic.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An abstract name that nobody has: the kernel chooses it, and it stays taken as long as the socket lives.
pub fn chosen_name(socket: &UnixDatagram) -> Vec<u8> {
    let address = socket.local_addr().unwrap();
    address.as_abstract_name().expect("a name").to_vec()
}

/// An abstract address made of one that is taken, so that no other test has it.
pub fn abstract_address(word: &str) -> (SocketAddr, UnixDatagram) {
    let holder = UnixDatagram::bind("").unwrap();
    let name = [word.as_bytes(), b" ", &chosen_name(&holder)].concat();
    (SocketAddr::from_abstract_name(name).unwrap(), holder)
}

pub fn unix_address_of_path() {
    let address = SocketAddr::from_pathname("/tmp/some where").unwrap();
    assert_eq!(address.as_pathname(), Some(Path::new("/tmp/some where")));
    assert_eq!(address.as_abstract_name(), None);
    assert!(!address.is_unnamed());
    assert_eq!(format!("{address:?}"), "\"/tmp/some where\" (pathname)");
    assert_eq!(
        address.clone().as_pathname(),
        Some(Path::new("/tmp/some where"))
    );
    let error = SocketAddr::from_pathname("a\0b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let (one, _other) = UnixStream::pair().unwrap();
    let address = one.local_addr().unwrap();
    assert!(address.is_unnamed());
    assert_eq!(address.as_pathname(), None);
    assert_eq!(format!("{address:?}"), "(unnamed)");
}

pub fn unix_address_of_name() {
    let address = SocketAddr::from_abstract_name(b"a\0name").unwrap();
    assert_eq!(address.as_abstract_name(), Some(&b"a\0name"[..]));
    assert_eq!(address.as_pathname(), None);
    assert!(!address.is_unnamed());
    assert_eq!(format!("{address:?}"), "\"a\\0name\" (abstract)");
    assert!(SocketAddr::from_abstract_name([1; 107]).is_ok());
    assert_eq!(
        kind(SocketAddr::from_abstract_name([1; 108])),
        ErrorKind::InvalidInput
    );
}

/// All that takes a path, with the same one.
fn with_every_call(path: &Path) -> Vec<std::io::Error> {
    let socket = UnixDatagram::unbound().unwrap();
    vec![
        UnixStream::connect(path).unwrap_err(),
        UnixListener::bind(path).unwrap_err(),
        UnixDatagram::bind(path).unwrap_err(),
        socket.connect(path).unwrap_err(),
        socket.send_to(b"x", path).unwrap_err(),
        SocketAddr::from_pathname(path).unwrap_err(),
    ]
}

pub fn unix_path_too_long() {
    let folder = Folder::new();
    for error in with_every_call(&folder.path(&"x".repeat(108))) {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "path must be shorter than SUN_LEN");
    }
}

pub fn unix_path_with_null() {
    let folder = Folder::new();
    for error in with_every_call(&folder.path("x\0y")) {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(
            error.to_string(),
            "paths must not contain interior null bytes"
        );
    }
}

pub fn unix_path_longest() {
    let folder = Folder::new();
    let room = 107 - folder.path("").as_os_str().as_bytes().len();
    let path = folder.path(&"x".repeat(room));
    let listener = UnixListener::bind(&path).unwrap();
    assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
    let client = UnixStream::connect(&path).unwrap();
    assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
}

/// To bind to no path makes the kernel choose a name; to connect to none fails.
pub fn unix_path_empty() {
    let listener = UnixListener::bind("").unwrap();
    let address = listener.local_addr().unwrap();
    assert!(address.as_abstract_name().is_some());
    assert!(UnixStream::connect_addr(&address).is_ok());
    assert_eq!(kind(UnixStream::connect("")), ErrorKind::InvalidInput);
    let socket = UnixDatagram::bind("").unwrap();
    assert!(!chosen_name(&socket).is_empty());
    assert_eq!(kind(socket.connect("")), ErrorKind::InvalidInput);
}

pub fn unix_bind_fails() {
    let folder = Folder::new();
    let (taken, file) = (folder.path("taken"), folder.path("file"));
    let _listener = UnixListener::bind(&taken).unwrap();
    fs::write(&file, "no socket").unwrap();
    let nowhere = folder.path("no folder").join("socket");
    for (path, expected) in [
        (&taken, ErrorKind::AddrInUse),
        (&file, ErrorKind::AddrInUse),
        (&nowhere, ErrorKind::NotFound),
    ] {
        assert_eq!(kind(UnixListener::bind(path)), expected);
        assert_eq!(kind(UnixDatagram::bind(path)), expected);
    }
    let beneath = file.join("socket");
    assert_eq!(kind(UnixListener::bind(beneath)), ErrorKind::NotADirectory);
}

/// The file of a socket outlives it, and keeps its place.
pub fn unix_bind_over_the_rest() {
    let folder = Folder::new();
    let path = folder.path("socket");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert_eq!(kind(UnixListener::bind(&path)), ErrorKind::AddrInUse);
    fs::remove_file(&path).unwrap();
    assert!(UnixListener::bind(&path).is_ok());
}

/// A name without a file ends with its socket.
pub fn unix_name_is_free_again() {
    let (address, _holder) = abstract_address("free again");
    for _ in 0..3 {
        let listener = UnixListener::bind_addr(&address).unwrap();
        assert_eq!(
            kind(UnixListener::bind_addr(&address)),
            ErrorKind::AddrInUse
        );
        let found = listener.local_addr().unwrap();
        assert_eq!(found.as_abstract_name(), address.as_abstract_name());
        drop(listener);
        assert_eq!(
            kind(UnixStream::connect_addr(&address)),
            ErrorKind::ConnectionRefused
        );
    }
    for _ in 0..3 {
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        assert_eq!(
            kind(UnixDatagram::bind_addr(&address)),
            ErrorKind::AddrInUse
        );
        drop(socket);
    }
}
