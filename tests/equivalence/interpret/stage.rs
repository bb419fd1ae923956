//! Where two threads play together: they cue each other, and one hands the other what both use.

use super::world::{Receiving, Sending, channel, some, take};
use crate::plan::Role;
use crate::program::{Receive, Via};
use std::any::Any;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex as Notes};

/// What the two find there.
pub struct Stage {
    ends: [Notes<Option<End>>; 2],
}

/// One player's end.
pub struct End {
    /// It came first in the act.
    pub is_first: bool,
    to: Sending,
    from: Receiving,
    post: Arc<Notes<Option<Box<dyn Any + Send>>>>,
}

impl Default for Stage {
    fn default() -> Self {
        let (to_second, at_second) = channel(Via::Unbounded);
        let (to_first, at_first) = channel(Via::Unbounded);
        let post = Arc::default();
        let first = End {
            is_first: true,
            to: to_second,
            from: at_first,
            post: Arc::clone(&post),
        };
        let second = End {
            is_first: false,
            to: to_first,
            from: at_second,
            post,
        };
        Self {
            ends: [some(first), some(second)],
        }
    }
}

impl Stage {
    pub fn enter(&self, role: Role) -> End {
        take(&self.ends[usize::from(role != Role::First)])
    }
}

impl End {
    pub fn say(&self) {
        self.to.send(0).expect("the other hears it");
    }

    pub fn hear(&self) {
        self.from
            .receive(Receive::Plain)
            .expect("the other says it");
    }

    /// Both come here before either goes on.
    pub fn meet(&self) {
        self.say();
        self.hear();
    }

    /// The first makes something, and both get it.
    pub fn share<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        if self.is_first {
            let made = Arc::new(make());
            let parcel: Box<dyn Any + Send> = Box::new(Arc::clone(&made));
            *self.post.lock().expect("nobody panics with it") = Some(parcel);
            self.say();
            return made;
        }
        self.hear();
        let parcel = take(&self.post);
        *parcel.downcast().expect("both play the same")
    }
}

/// A free name for a Unix socket, until this is dropped.
pub struct Name(pub PathBuf);

impl Name {
    pub fn new() -> Self {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        // Each family has its own count.
        let family = module_path!().replace("::", "-");
        let (process, number) = (std::process::id(), NAMES.fetch_add(1, Relaxed));
        let name = format!("{family}-{process}-{number}");
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// How an operation failed.
pub fn failure<T>(result: io::Result<T>) -> String {
    match result {
        Ok(_) => "it went well".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}
