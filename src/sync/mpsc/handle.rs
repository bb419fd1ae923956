//! The two sides of a channel as owned handles: the last sender and the receiver tell the channel when
//! they go. Shared by all kinds of channels.

use std::ops::Deref;
use std::process;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};

/// What a channel does when one of its sides goes. Each is called once, by the last handle of that side.
pub(super) trait Sides {
    /// No message will come any more: lets the receiver know.
    fn senders_gone(&self);

    /// No message will be taken any more: lets the senders know, and drops what is left.
    fn receiver_gone(&self);
}

/// Both sides of a new channel.
pub(super) fn pair<C: Sides>(channel: C) -> (SenderHandle<C>, ReceiverHandle<C>) {
    let shared = Arc::new(Shared {
        channel,
        senders: AtomicUsize::new(1),
    });
    (SenderHandle(Arc::clone(&shared)), ReceiverHandle(shared))
}

struct Shared<C> {
    channel: C,
    senders: AtomicUsize,
}

/// One of the senders.
pub(super) struct SenderHandle<C: Sides>(Arc<Shared<C>>);

/// The receiver.
pub(super) struct ReceiverHandle<C: Sides>(Arc<Shared<C>>);

impl<C: Sides> Clone for SenderHandle<C> {
    fn clone(&self) -> Self {
        // As with `Arc`, handles that were leaked in such numbers leave nothing sensible to do.
        if self.0.senders.fetch_add(1, Relaxed) > isize::MAX as usize {
            process::abort();
        }
        Self(Arc::clone(&self.0))
    }
}

impl<C: Sides> Drop for SenderHandle<C> {
    fn drop(&mut self) {
        if self.0.senders.fetch_sub(1, AcqRel) == 1 {
            self.0.channel.senders_gone();
        }
    }
}

impl<C: Sides> Drop for ReceiverHandle<C> {
    fn drop(&mut self) {
        self.0.channel.receiver_gone();
    }
}

impl<C: Sides> Deref for SenderHandle<C> {
    type Target = C;

    #[inline]
    fn deref(&self) -> &C {
        &self.0.channel
    }
}

impl<C: Sides> Deref for ReceiverHandle<C> {
    type Target = C;

    #[inline]
    fn deref(&self) -> &C {
        &self.0.channel
    }
}
