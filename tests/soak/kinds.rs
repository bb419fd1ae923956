//! What a run counts: the operations that were made and the outcomes that were seen, so that a run cannot
//! pass by doing nothing.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

macro_rules! kinds {
    ($($kind:ident $least:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind {
            $($kind,)*
        }

        /// Each with how many there are at least for a thousand users, about a third of what a run on green
        /// threads counted.
        const ALL: &[(Kind, u64)] = &[$((Kind::$kind, $least),)*];
    };
}

kinds! {
    // Users.
    User 1000, Child 1000, Detached 50, Joined 500, Cancel 50, SawItsCancellation 10, Unpark 50,
    // Streams.
    ConnectTcp 300, ConnectUnix 100, ConnectTimeout 50, ConnectAndLeave 20, Serve 300,
    Read 1000, Write 1000, Peek 100, ReadTimedOut 20, WriteTimedOut 5, NonblockingMode 50, NonblockingWouldBlock 20,
    HalfClose 100, AbruptClose 50, WholeConversation 100, SawReset 5, ThroughStd 50, TwoThreads 50,
    // Accepting.
    Accept 300, AcceptTimedOut 10, AcceptCancelled 5, AcceptWouldBlock 10,
    // Datagrams.
    UdpExchange 50, UdpReceived 100, UdpRefused 10, UnixDatagrams 50, UnixDatagramReceived 100,
    // Waiting for memory and time.
    Mutex 100, MutexPoisoned 1, RwLock 100, RwLockPoisoned 1, Condvar 50, CondvarTimedOut 5, Channel 50,
    ChannelTimedOut 5, ChannelLeft 5, Bounded 50, Barrier 10, Once 10, Park 50, ParkTimeout 50, Sleep 200, Yield 100,
    // Threads.
    Scope 20, Panic 50, PanicWithLock 10, PanicInScope 10, PanicInDestructorThatParks 10, PanicCaught 10,
    Locals 50, DestructorThatParks 20, Blocking 20, BlockingPanic 3, UnknownSleep 5, LargeStack 10,
}

static COUNTS: [AtomicU64; ALL.len()] = [const { AtomicU64::new(0) }; ALL.len()];

pub(crate) fn count(kind: Kind) {
    COUNTS[kind as usize].fetch_add(1, Relaxed);
}

/// The name of the kind with this number.
pub(crate) fn name(number: usize) -> String {
    format!("{:?}", ALL[number].0)
}

/// All together: it grows as long as something goes on.
pub(crate) fn total() -> u64 {
    COUNTS.iter().map(|count| count.load(Relaxed)).sum()
}

/// The counts, a line each: `name number`.
pub(crate) fn summary() -> String {
    let mut lines = String::new();
    for (kind, _) in ALL {
        let number = COUNTS[*kind as usize].load(Relaxed);
        let _ = writeln!(lines, "{kind:?} {number}");
    }
    lines
}

/// Each kind happened as often as so many users have to make it.
pub(crate) fn assert_enough(users: usize) {
    for (kind, least) in ALL {
        let number = COUNTS[*kind as usize].load(Relaxed);
        let least = (least * users as u64 / 1000).max(1);
        assert!(
            number >= least,
            "{kind:?} happened {number} times, which should be {least}:\n{}",
            summary()
        );
    }
}
