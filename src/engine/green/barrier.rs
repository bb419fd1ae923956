//! The monitor's side of a barrier that machines do not pay for: see `hold.rs`.

use super::hold::Barrier;
use std::sync::OnceLock;
use std::sync::atomic::{Ordering::SeqCst, fence};

/// Which kind this process uses. Where the system has none, or refuses it (in a sandbox), every switch pays for
/// a barrier of its own, and nothing else changes.
pub(super) fn kind() -> Barrier {
    static KIND: OnceLock<Barrier> = OnceLock::new();
    *KIND.get_or_init(|| {
        if register() {
            Barrier::Asymmetric
        } else {
            Barrier::Symmetric
        }
    })
}

/// Passes a full barrier, and with an asymmetric one every OS thread of the process does.
pub(super) fn pass(kind: Barrier) {
    match kind {
        Barrier::Asymmetric => everywhere(),
        Barrier::Symmetric => fence(SeqCst),
    }
}

#[cfg(target_os = "linux")]
fn register() -> bool {
    use rustix::thread::{MembarrierCommand, membarrier};
    membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok()
}

#[cfg(target_os = "linux")]
fn everywhere() {
    use rustix::thread::{MembarrierCommand, membarrier};
    membarrier(MembarrierCommand::PrivateExpedited)
        .expect("a process that registered for the barrier can pass it");
}

#[cfg(not(target_os = "linux"))]
fn register() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn everywhere() {
    fence(SeqCst);
}
