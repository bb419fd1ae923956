//! `standin::aio`: a library in async style that takes `&dyn aio::Runtime` runs on every engine, whoever polls it.

#![cfg(all(
    feature = "green",
    feature = "async",
    feature = "threads",
    target_os = "linux"
))]

mod aio;
mod common;

use aio::{Shared, engines, everywhere};
use common::isolated::isolated;
use common::wait::until;
use futures_util::future::{Either, join_all, select};
use futures_util::{FutureExt as _, poll};
use standin::aio::{Runtime, Socket as _, SpawnExt as _, Stream, TaskError};
use standin::engine::{self, Control, GREEN_PINNED};
use standin::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use standin::os::unix::net::{UnixListener, UnixStream};
use std::future::{Future, pending};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);
/// For what never comes.
const SHORT: Duration = Duration::from_millis(2);

/// The output of `future`, or `TimedOut`.
async fn timeout<T>(
    runtime: &dyn Runtime,
    limit: Duration,
    future: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let future = pin!(future);
    match select(future, runtime.sleep(limit)).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn pair(runtime: &dyn Runtime) -> (TcpStream, TcpStream) {
    let (listener, address) = listener();
    let connected = runtime.connect(address).await.unwrap();
    let (accepted, from) = runtime.accept(&listener).await.unwrap();
    assert_eq!(from, connected.local_addr().unwrap());
    (connected, accepted)
}

/// The library: a server that echoes, for so many connections.
async fn serve(runtime: Shared, listener: TcpListener, connections: usize) -> io::Result<usize> {
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let (stream, _) = timeout(&*runtime, LONG, runtime.accept(&listener)).await?;
        let own = runtime.clone();
        tasks.push(runtime.spawn_task(async move {
            let (mut buffer, mut echoed) = ([0; 64], 0);
            loop {
                match timeout(&*own, LONG, own.receive(&stream, &mut buffer)).await? {
                    0 => return io::Result::Ok(echoed),
                    got => {
                        own.send_all(&stream, &buffer[..got]).await?;
                        echoed += got;
                    }
                }
            }
        })?);
    }
    let mut echoed = 0;
    for task in tasks {
        echoed += task.await??;
    }
    Ok(echoed)
}

/// The library: a client.
async fn ask(runtime: Shared, server: SocketAddr, questions: u8) -> io::Result<()> {
    let stream = runtime.connect(server).await?;
    for n in 0..questions {
        let question = [n; 16];
        runtime.send_all(&stream, &question).await?;
        let (mut answer, mut have) = ([0; 16], 0);
        while have < answer.len() {
            let rest = runtime.receive(&stream, &mut answer[have..]);
            have += timeout(&*runtime, LONG, rest).await?;
        }
        assert_eq!(answer, question);
    }
    runtime.shutdown(&stream, Shutdown::Write)?;
    assert_eq!(runtime.receive(&stream, &mut [0]).await?, 0);
    Ok(())
}

#[test]
fn a_server_and_its_clients() {
    everywhere(async |runtime| {
        let (clients, questions) = (20, 20);
        let (listener, address) = listener();
        let server = serve(runtime.clone(), listener, clients);
        let server = runtime.spawn_task(server).unwrap();
        let clients: Vec<_> = (0..clients)
            .map(|_| {
                let client = ask(runtime.clone(), address, questions);
                runtime.spawn_task(client).unwrap()
            })
            .collect();
        let asked = clients.len();
        for client in join_all(clients).await {
            client.unwrap().unwrap();
        }
        let echoed = server.await.unwrap().unwrap();
        assert_eq!(echoed, 16 * asked * usize::from(questions));
    });
}

#[test]
fn what_a_dropped_receive_would_have_got_stays() {
    everywhere(async |runtime| {
        let (one, other) = pair(&*runtime).await;
        let mut buffer = [0; 8];
        let late = timeout(&*runtime, SHORT, runtime.receive(&one, &mut buffer)).await;
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
        runtime.send_all(&other, b"hello").await.unwrap();
        assert_eq!(runtime.peek(&one, &mut buffer).await.unwrap(), 5);
        assert_eq!(runtime.receive(&one, &mut buffer).await.unwrap(), 5);
        assert_eq!(&buffer[..5], b"hello");
    });
}

/// A receive is dropped wherever it may be: before it waits, while it waits, after it was woken.
#[test]
fn dropped_receives_race_the_sender() {
    everywhere(async |runtime| {
        let (one, other) = pair(&*runtime).await;
        let own = runtime.clone();
        let sender = runtime.spawn_task(async move {
            for n in 0..500_u16 {
                own.send_all(&other, &n.to_le_bytes()).await.unwrap();
                if n % 16 == 0 {
                    own.sleep(Duration::from_micros(50)).await;
                }
            }
        });
        let (mut got, mut buffer, mut turn) = (Vec::new(), [0; 7], 0_u32);
        loop {
            turn += 1;
            let done = {
                let mut receive = pin!(runtime.receive(&one, &mut buffer));
                let mut done = poll!(receive.as_mut());
                if done.is_pending() && turn % 3 != 0 {
                    runtime.sleep(Duration::from_micros(turn.into())).await;
                    done = poll!(receive.as_mut());
                }
                if done.is_pending() && turn % 3 == 2 {
                    done = std::task::Poll::Ready(receive.await);
                }
                done
            };
            match done {
                std::task::Poll::Pending => {}
                std::task::Poll::Ready(Ok(0)) => break,
                std::task::Poll::Ready(Ok(some)) => got.extend_from_slice(&buffer[..some]),
                std::task::Poll::Ready(Err(error)) => panic!("{error}"),
            }
        }
        sender.unwrap().await.unwrap();
        let sent: Vec<u8> = (0..500_u16).flat_map(u16::to_le_bytes).collect();
        assert_eq!(got, sent);
    });
}

#[test]
fn messages_and_who_sent_them() {
    everywhere(async |runtime| {
        let one = UdpSocket::bind("127.0.0.1:0").unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (from, to) = (one.local_addr().unwrap(), other.local_addr().unwrap());
        let mut buffer = [0; 16];
        let late = timeout(&*runtime, SHORT, runtime.receive_from(&other, &mut buffer)).await;
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let receive = runtime.receive_from(&other, &mut buffer);
        let send = runtime.send_to(&one, b"question", to);
        let (sent, got) = futures_util::future::join(send, receive).await;
        assert_eq!(sent.unwrap(), 8);
        assert_eq!(got.unwrap(), (8, from));
        assert_eq!(&buffer[..8], b"question");
        one.connect(to).unwrap();
        other.connect(from).unwrap();
        // An empty message is one.
        assert_eq!(runtime.send(&other, b"").await.unwrap(), 0);
        assert_eq!(runtime.receive(&one, &mut buffer).await.unwrap(), 0);
    });
}

#[test]
fn failures_are_those_of_std() {
    everywhere(async |runtime| {
        // Nobody has that port, and no other test is given it.
        let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
        let refused = runtime.connect(nobody).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let (one, other) = pair(&*runtime).await;
        runtime.shutdown(&one, Shutdown::Write).unwrap();
        let broken = runtime.send(&one, b"x").await.unwrap_err();
        assert_eq!(broken.kind(), io::ErrorKind::BrokenPipe);
        drop(one);
        assert_eq!(runtime.receive(&other, &mut [0]).await.unwrap(), 0);
    });
}

/// Both ways at the same time, more than the kernel holds, by one task.
async fn both_ways<S>(stream: S, peer: S)
where
    S: futures_util::AsyncRead + futures_util::AsyncWrite + Unpin,
{
    use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
    let data: Vec<u8> = (0..1_000_003_u32).map(|n| (n % 251) as u8).collect();
    let ((mut read, mut write), (mut peer_read, mut peer_write)) = (stream.split(), peer.split());
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let send = async {
        write.write_all(&data).await.unwrap();
        write.close().await.unwrap();
    };
    let echo = async {
        futures_util::io::copy(&mut peer_read, &mut peer_write)
            .await
            .unwrap();
        peer_write.close().await.unwrap();
    };
    let receive = async {
        let mut parts = [[0; 100], [0; 100]];
        let [first, second] = &mut parts;
        let buffers = &mut [io::IoSliceMut::new(first), io::IoSliceMut::new(second)];
        let got = read.read_vectored(buffers).await.unwrap();
        back.extend_from_slice(&parts.concat()[..got]);
        read.read_to_end(&mut there).await.unwrap();
    };
    futures_util::join!(send, echo, receive);
    back.append(&mut there);
    assert!(back == data, "{} bytes came back", back.len());
}

#[test]
fn streams_for_futures() {
    everywhere(async |runtime| {
        let (one, other) = pair(&*runtime).await;
        both_ways(Stream::new(&*runtime, one), Stream::new(&*runtime, other)).await;
        let (one, other) = UnixStream::pair().unwrap();
        both_ways(Stream::new(&*runtime, one), Stream::new(&*runtime, other)).await;
    });
}

#[test]
fn streams_for_tokio() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    everywhere(async |runtime| {
        let (one, other) = pair(&*runtime).await;
        let own = runtime.clone();
        let echo = runtime.spawn_task(async move {
            let (mut read, mut write) = tokio::io::split(Stream::new(&*own, other));
            tokio::io::copy(&mut read, &mut write).await.unwrap();
            write.shutdown().await.unwrap();
        });
        let mut stream = Stream::new(&*runtime, one);
        for n in 0..100 {
            stream.write_all(&[n; 33]).await.unwrap();
            let mut back = [0; 33];
            stream.read_exact(&mut back).await.unwrap();
            assert_eq!(back, [n; 33]);
        }
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        echo.unwrap().await.unwrap();
        // The socket is one for threads, too.
        assert_eq!(stream.into_inner().read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn unix_sockets() {
    everywhere(async |runtime| {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "standin-aio-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, SeqCst)
        );
        let address = <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        let connect = runtime.connect_unix(&address);
        let (connected, accepted) = futures_util::join!(connect, runtime.accept_unix(&listener));
        let (one, (other, _)) = (connected.unwrap(), accepted.unwrap());
        runtime.send_all(&one, b"hello").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(runtime.receive(&other, &mut buffer).await.unwrap(), 5);
        // To who waits for room the kernel does not say that the peer reads no more.
        let fill = async {
            loop {
                if let Err(error) = runtime.send(&one, &[0; 65_536]).await {
                    break error;
                }
            }
        };
        let mut fill = pin!(fill);
        assert!(poll!(fill.as_mut()).is_pending());
        runtime.shutdown(&other, Shutdown::Read).unwrap();
        assert_eq!(fill.await.kind(), io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn threads_and_futures_share_a_listener() {
    for engine in engines() {
        let (listener, address) = listener();
        let listener = Arc::new(listener);
        let own = listener.clone();
        let thread = engine.spawn(move || own.accept().unwrap().0).unwrap();
        let own = listener.clone();
        let task = engine.spawn_task(async move { engine.accept(&own).await.unwrap().0 });
        let clients: Vec<_> = (0..2)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        let by_task = standin::block_on(task.unwrap()).unwrap();
        for mut stream in [thread.join().unwrap(), by_task] {
            stream.write_all(b"x").unwrap();
        }
        for mut client in clients {
            assert_eq!(client.read(&mut [0]).unwrap(), 1);
        }
    }
}

/// A listener that was waited for in a runtime that is gone.
#[test]
fn a_socket_outlives_the_runtime_that_polled_it() {
    use futures_util::AsyncReadExt as _;
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    for engine in engines() {
        let (listener, address) = listener();
        for _ in 0..3 {
            runtime().block_on(async {
                assert!(engine.accept(&listener).now_or_never().is_none());
                let accept = engine.accept(&listener);
                let (accepted, connected) = futures_util::join!(accept, engine.connect(address));
                let (accepted, connected) = (accepted.unwrap().0, connected.unwrap());
                let mut stream = Stream::new(&engine, accepted);
                assert!(stream.read(&mut [0]).now_or_never().is_none());
                engine.send_all(&connected, b"x").await.unwrap();
                assert_eq!(stream.read(&mut [0]).await.unwrap(), 1);
            });
        }
        let stream = runtime().block_on(async {
            let accept = engine.accept(&listener);
            let (accepted, connected) = futures_util::join!(accept, engine.connect(address));
            let mut stream = Stream::new(&engine, accepted.unwrap().0);
            assert!(stream.read(&mut [0]).now_or_never().is_none());
            (stream, connected.unwrap())
        });
        let (mut stream, connected) = stream;
        runtime().block_on(async {
            let write = engine.send_all(&connected, b"x");
            let mut buffer = [0];
            let (read, written) = futures_util::join!(stream.read(&mut buffer), write);
            written.unwrap();
            assert_eq!(read.unwrap(), 1);
        });
    }
}

#[test]
fn sleeps_are_never_early() {
    everywhere(async |runtime| {
        let sleeps = (0..200_u64).map(|n| {
            let runtime = runtime.clone();
            async move {
                let duration = Duration::from_micros(n % 10 * 300);
                let begin = runtime.now();
                runtime.sleep(duration).await;
                assert!(runtime.now().saturating_since(begin) >= duration);
                // A later deadline beside an earlier one that is dropped.
                let deadline = runtime.now().checked_add(duration).unwrap();
                let sleep = runtime.sleep_until(deadline);
                match select(sleep, runtime.sleep(LONG)).await {
                    Either::Left(_) => assert!(runtime.now() >= deadline),
                    Either::Right(_) => panic!("ten minutes passed"),
                }
            }
        });
        join_all(sleeps).await;
        // However often it is polled.
        let deadline = runtime.now().checked_add(2 * SHORT).unwrap();
        let mut sleep = pin!(runtime.sleep_until(deadline));
        while poll!(sleep.as_mut()).is_pending() {
            runtime.sleep(SHORT / 20).await;
        }
        assert!(runtime.now() >= deadline);
        assert!(runtime.sleep(Duration::MAX).now_or_never().is_none());
    });
}

/// Says when it is dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn tasks_end_in_every_way() {
    std::panic::set_hook(Box::new(|_| ()));
    everywhere(async |runtime| {
        let task = runtime.spawn_task(async { 42 }).unwrap();
        assert_eq!(task.await.unwrap(), 42);

        let task = runtime
            .spawn_task(async { panic!("deliberately") })
            .unwrap();
        let error: TaskError = task.await.unwrap_err();
        assert!(!error.is_cancelled());
        assert!(error.to_string().contains("deliberately"), "{error}");
        let panic = error.try_into_panic().unwrap();
        assert_eq!(panic.downcast_ref(), Some(&"deliberately"));

        let dropped = Arc::new(AtomicBool::new(false));
        let guard = Dropped(dropped.clone());
        let task = runtime
            .spawn_task(async {
                let _guard = guard;
                pending::<()>().await;
            })
            .unwrap();
        assert!(!task.is_finished());
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(dropped.load(SeqCst));

        // Nobody waits for it.
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let own = runtime.clone();
        drop(runtime.spawn_task(async move {
            own.sleep(SHORT).await;
            sender.send(7).unwrap();
        }));
        assert_eq!(receiver.await.unwrap(), 7);
    });
}

#[test]
fn blocking_sections() {
    everywhere(async |runtime| {
        let engine = runtime.engine();
        let section = runtime.blocking(move || {
            std::thread::sleep(SHORT);
            engine
        });
        assert_eq!(section.await.unwrap(), engine);
        let panicking = std::panic::AssertUnwindSafe(runtime.blocking(|| panic!("deliberately")));
        let panic = panicking.catch_unwind().await.map(|_| ()).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"deliberately"));
    });
}

#[test]
fn a_dropped_section_is_cancelled() {
    for engine in engines() {
        if engine.contract().shares_locals() {
            // A section of a pinned thread runs on an OS thread that is not the thread's.
            continue;
        }
        let (began, ended) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let (begin, end) = (began.clone(), ended.clone());
        let section = engine.blocking(move || {
            begin.store(true, SeqCst);
            until(Control::cancellation);
            end.store(true, SeqCst);
        });
        standin::block_on(async {
            let mut section = pin!(section);
            assert!(poll!(section.as_mut()).is_pending());
            until(|| began.load(SeqCst));
            assert!(poll!(section.as_mut()).is_pending());
        });
        until(|| ended.load(SeqCst));
    }
}

#[test]
fn a_cancelled_thread_gets_its_error() {
    for engine in engines() {
        let (listener, _) = listener();
        let thread = engine
            .spawn(move || {
                let accept = engine.accept(&listener);
                standin::try_block_on(accept).and_then(|accepted| accepted)
            })
            .unwrap();
        thread.thread().cancel();
        let error = thread.join().unwrap().map(|_| ()).unwrap_err();
        assert!(engine::is_cancelled(&error), "{error}");
    }
}

/// Nobody of the engine is there to see that the future can go on, but its monitor.
#[test]
fn a_future_is_woken_while_the_only_processor_computes() {
    isolated(&[("STANDIN_WORKERS", "1"), ("STANDIN_TEST", "")], || {
        // SAFETY: the thread uses no thread-local, and no lock of std's.
        unsafe { engine::green::accept_pinned() };
        let (near, far) = UnixStream::pair().unwrap();
        let was_woken = Arc::new(AtomicBool::new(false));
        let is_over = was_woken.clone();
        let computing = standin::block_on(async {
            let mut byte = [0];
            let mut received = pin!(GREEN_PINNED.receive(&near, &mut byte));
            assert!(poll!(&mut received).is_pending());
            let computing = GREEN_PINNED.spawn(move || {
                (&far).write_all(b"x").unwrap();
                while !is_over.load(SeqCst) {
                    std::hint::spin_loop();
                }
            });
            assert_eq!(received.await.unwrap(), 1);
            was_woken.store(true, SeqCst);
            computing
        });
        computing.unwrap().join().unwrap();
    })
    .succeeds();
}
