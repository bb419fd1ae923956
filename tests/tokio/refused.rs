//! Where to wait would stop a runtime's other tasks: it panics, and says what to do. Where it would not, it works.

use crate::common::watch::watch;
use crate::support::{KINDS, Kind, message};
use standin::{aio, block_on, block_on_local, try_block_on};
use std::panic::catch_unwind;
use tokio::task::{self, LocalSet};

/// Calls each of the three, which all have to refuse.
#[track_caller]
fn refuses() {
    let waits: [(&str, fn()); 3] = [
        ("block_on", || block_on(async {})),
        ("block_on_local", || block_on_local(async {})),
        ("try_block_on", || drop(try_block_on(async {}))),
    ];
    for (name, wait) in waits {
        let panic = catch_unwind(wait).expect_err("a task may not block");
        let text = message(&*panic);
        for word in [&*format!("standin::{name} "), ".await", "unblock"] {
            assert!(text.contains(word), "{word:?} is not in: {text}");
        }
    }
}

#[track_caller]
fn works() {
    assert_eq!(block_on(async { 1 }), 1);
    assert_eq!(block_on_local(async { 2 }), 2);
    assert_eq!(try_block_on(async { 3 }).ok(), Some(3));
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let sends = std::thread::spawn(move || sender.send(4));
    assert_eq!(block_on(receiver), Ok(4));
    assert_eq!(sends.join().expect("no panic"), Ok(()));
}

#[test]
fn by_tasks() {
    let _watch = watch("by_tasks");
    for kind in KINDS {
        let runtime = kind.runtime();
        runtime.block_on(async {
            refuses();
            tokio::spawn(async { refuses() })
                .await
                .expect("as expected");
            // Also after it waited, and again.
            task::yield_now().await;
            refuses();
        });
        runtime.block_on(LocalSet::new().run_until(async {
            refuses();
            task::spawn_local(async { refuses() })
                .await
                .expect("as expected");
        }));
    }
}

/// In what a task calls, however deep.
#[test]
fn within_synchronous_code() {
    let _watch = watch("within_synchronous_code");
    for kind in KINDS {
        kind.runtime().block_on(async {
            let handles = (0..3).map(|_| tokio::spawn(async { std::thread::scope(|_| refuses()) }));
            for handle in handles.collect::<Vec<_>>() {
                handle.await.expect("as expected");
            }
        });
    }
}

#[test]
fn not_where_blocking_is_allowed() {
    let _watch = watch("not_where_blocking_is_allowed");
    for kind in KINDS {
        let runtime = kind.runtime();
        runtime.block_on(async {
            task::spawn_blocking(works).await.expect("it may block");
            if kind == Kind::MultiThread {
                tokio::spawn(async { task::block_in_place(works) })
                    .await
                    .expect("it may block");
                task::block_in_place(works);
                // And only there; tokio does not say so before the task is polled again.
                task::yield_now().await;
                refuses();
            }
            assert_eq!(aio::unblock(|| works()).await, ());
        });
        // In a runtime's context, but polled by nobody.
        let entered = runtime.enter();
        works();
        drop(entered);
        works();
    }
}
