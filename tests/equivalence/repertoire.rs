//! What one thread does alone and what two do together, beyond the acts that have parameters of their own.
//!
//! Each is a little play with a known end: its threads give each other cues wherever the schedule could
//! decide what they see. `interpret/solo.rs` and `interpret/duet/` play them, and note all that they see.

use super::trace::Kind;

macro_rules! repertoire {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $play:ident,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$what])* $play,)*
        }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$play),*];

            /// How it is counted.
            pub fn kind(self) -> Kind {
                match self {
                    $($name::$play => Kind::$play),*
                }
            }
        }
    };
}

repertoire! {
    /// What a thread does alone.
    Solo {
        /// A lock for readers and a writer: what each guard keeps out.
        SharedLock,
        /// A writer's panic poisons such a lock, a reader's does not.
        PoisonedShared,
        /// An initialiser that panics: what `Once`, `OnceLock` and `LazyLock` make of it.
        PoisonedOnce,
        /// `try_send` into a channel until it is full, and after its receiver went.
        FullChannel,
        /// Scopes within scopes.
        NestedScopes,
        /// `is_finished` before and after the end of a thread.
        Finished,
        /// A destructor of one thread-local value makes another.
        LateLocal,
        /// Sockets that nothing comes to: non-blocking mode and read timeouts.
        IdleSockets,
        /// Connections to nobody, and ends that are shut.
        ShutEnds,
        /// A thread is cancelled in a read. std's threads cannot be: what it should see is stated.
        Cancelled,
    }
}

repertoire! {
    /// What two threads do together.
    Duet {
        /// Both read at once, and no writer comes in.
        Readers,
        /// One writes, and the other has to wait.
        Writer,
        /// A writer becomes a reader.
        Downgrade,
        /// Both call one `Once`.
        OneTime,
        /// Both initialise one `OnceLock`.
        OneValue,
        /// Both force one `LazyLock`.
        LateValue,
        /// Both meet at a barrier, again and again.
        Rounds,
        /// A wait on a condition variable times out, and the next one does not.
        SlowNotice,
        /// A full channel, and a receiver that makes room.
        Backpressure,
        /// UDP: datagrams to and fro, peeked at and cut off.
        Datagrams,
        /// A Unix stream: as much back as came, and half-closed.
        UnixExchange,
        /// Unix datagrams between two names.
        UnixDatagrams,
        /// TCP: bytes read in parts, peeked at, and late ones after a read timeout.
        PartialReads,
        /// TCP: writing to a peer that went.
        BrokenPipe,
        /// A TCP stream in non-blocking mode.
        NonBlocking,
        /// A TCP listener in non-blocking mode.
        PollingAccept,
    }
}
