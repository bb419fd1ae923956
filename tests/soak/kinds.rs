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
    User 1000, Child 1600, Detached 48, Joined 30, Cancel 110, SawItsCancellation 20, Unpark 74,
    // Streams.
    ConnectTcp 350, ConnectUnix 170, ConnectTimeout 180, ConnectAndLeave 100, Serve 650,
    Read 27000, Write 5500, Peek 200, ReadTimedOut 510, WriteTimedOut 5, NonblockingMode 260, NonblockingWouldBlock 140,
    HalfClose 820, AbruptClose 210, WholeConversation 860, SawReset 130, ThroughStd 240, TwoThreads 400,
    // Accepting.
    Accept 770, AcceptTimedOut 190, AcceptCancelled 29, AcceptWouldBlock 250,
    // Datagrams.
    UdpExchange 69, UdpReceived 180, UdpRefused 35, UnixDatagrams 62, UnixDatagramReceived 420,
    // Waiting for memory and time.
    Mutex 100, MutexPoisoned 17, RwLock 120, RwLockPoisoned 1, Condvar 76, CondvarTimedOut 0, Channel 53,
    ChannelTimedOut 74, ChannelLeft 0, Bounded 40, Barrier 30, Once 30, Park 55, ParkTimeout 7, Sleep 1700, Yield 1,
    // Threads.
    Scope 46, Panic 46, PanicWithLock 33, PanicInScope 1, PanicInDestructorThatParks 33, PanicCaught 11,
    Locals 1800, DestructorThatParks 29, Blocking 35, BlockingPanic 8, UnknownSleep 13, LargeStack 28,
}

static COUNTS: [AtomicU64; ALL.len()] = [const { AtomicU64::new(0) }; ALL.len()];

pub(crate) fn count(kind: Kind) {
    COUNTS[kind as usize].fetch_add(1, Relaxed);
}

/// The name of the kind with this number.
pub(crate) fn name(number: usize) -> String {
    format!("{:?}", ALL[number].0)
}

/// All together, but for what goes on without users: it grows as long as they do something.
pub(crate) fn total() -> u64 {
    let idle = [Kind::AcceptTimedOut, Kind::AcceptWouldBlock];
    ALL.iter()
        .filter(|(kind, _)| !idle.contains(kind))
        .map(|(kind, _)| COUNTS[*kind as usize].load(Relaxed))
        .sum()
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
        let least = least * users as u64 / 1000;
        assert!(
            number >= least,
            "{kind:?} happened {number} times, which should be {least}:\n{}",
            summary()
        );
    }
}
