//! Without a feature the shim is std, type for type: this compiles.

use std::convert::identity as same;

shim::thread_local! {
    static LOCAL: u8 = const { 1 };
}

struct Name;

impl shim::net::ToSocketAddrs for Name {
    type Iter = std::iter::Empty<std::net::SocketAddr>;

    fn to_socket_addrs(&self) -> std::io::Result<Self::Iter> {
        Ok(std::iter::empty())
    }
}

fn main() {
    same::<fn(std::net::TcpStream) -> shim::net::TcpStream>(same);
    same::<fn(std::net::TcpListener) -> shim::net::TcpListener>(same);
    same::<fn(std::net::Incoming<'static>) -> shim::net::Incoming<'static>>(same);
    same::<fn(std::sync::Mutex<u8>) -> shim::sync::Mutex<u8>>(same);
    same::<fn(std::sync::MutexGuard<'static, u8>) -> shim::sync::MutexGuard<'static, u8>>(same);
    same::<fn(std::sync::RwLock<u8>) -> shim::sync::RwLock<u8>>(same);
    same::<fn(std::sync::Condvar) -> shim::sync::Condvar>(same);
    same::<fn(std::sync::Barrier) -> shim::sync::Barrier>(same);
    same::<fn(std::sync::Once) -> shim::sync::Once>(same);
    same::<fn(std::sync::OnceLock<u8>) -> shim::sync::OnceLock<u8>>(same);
    same::<fn(std::sync::LazyLock<u8>) -> shim::sync::LazyLock<u8>>(same);
    same::<fn(std::sync::mpsc::Sender<u8>) -> shim::sync::mpsc::Sender<u8>>(same);
    same::<fn(std::sync::mpsc::SyncSender<u8>) -> shim::sync::mpsc::SyncSender<u8>>(same);
    same::<fn(std::sync::mpsc::Receiver<u8>) -> shim::sync::mpsc::Receiver<u8>>(same);
    same::<fn(std::thread::Builder) -> shim::thread::Builder>(same);
    same::<fn(std::thread::JoinHandle<u8>) -> shim::thread::JoinHandle<u8>>(same);
    same::<fn(std::thread::Thread) -> shim::thread::Thread>(same);
    same::<fn(std::thread::ThreadId) -> shim::thread::ThreadId>(same);
    same::<fn(std::time::Instant) -> shim::time::Instant>(same);
    same::<&'static std::thread::LocalKey<u8>>(&LOCAL);
    fn implements_std<T: std::net::ToSocketAddrs>(_: T) {}
    implements_std(Name);
    println!("same types");
}
