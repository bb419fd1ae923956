//! What `sync` promises.

use super::shapes;

pub mod condvar;
pub mod mpsc;
pub mod mpsc_sync;
pub mod mutex;
pub mod once;
pub mod rwlock;
