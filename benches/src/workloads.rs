//! The list of workloads: how large each is, what is reported, and on which core it runs.

use crate::meter::Sample;
use crate::workload::{Kind, Set, Workload};

pub(crate) fn named(name: &str) -> Option<&'static Workload> {
    ALL.iter().find(|workload| workload.name == name)
}

pub(crate) const ALL: &[Workload] = &[
    sleep("w1", Set::Usual, 10_000),
    sleep_warm("w1warm", Set::Usual, 10_000),
    park("park", Set::Usual, 10_000),
    Workload {
        set: Set::Usual,
        name: "w2",
        group: "w2",
        chart: "threads",
        what: "threads as in w1, with the sleep that blocks",
        unit: "µs a thread",
        kind: Kind::BlockingSleep,
        core: None,
        sizes: [10_000, 10_000, 20],
        value: microseconds,
    },
    Workload {
        set: Set::Usual,
        name: "w3spawn",
        group: "w3spawn",
        chart: "switches",
        what: "empty threads, spawned before the first is joined; one core",
        unit: "ns a thread",
        kind: Kind::Spawn,
        core: Some(0),
        sizes: [100_000, 10_000, 100],
        value: nanoseconds,
    },
    Workload {
        set: Set::Usual,
        name: "w3batch",
        group: "w3batch",
        chart: "switches",
        what: "empty threads, joined after each 1,000; one core",
        unit: "ns a thread",
        kind: Kind::SpawnBatches,
        core: Some(0),
        sizes: [50_000, 10_000, 100],
        value: nanoseconds,
    },
    Workload {
        set: Set::Usual,
        name: "w3yield",
        group: "w3yield",
        chart: "switches",
        what: "yields between two threads; one core",
        unit: "ns a yield",
        kind: Kind::Yield,
        core: Some(0),
        sizes: [600_000, 200_000, 1_000],
        value: nanoseconds,
    },
    Workload {
        set: Set::Usual,
        name: "w3chan",
        group: "w3chan",
        chart: "switches",
        what: "messages between two threads, channels of capacity 1; one core",
        unit: "ns a message",
        kind: Kind::Channel,
        core: Some(0),
        sizes: [200_000, 50_000, 1_000],
        value: nanoseconds,
    },
    echo("echo100", Set::Usual, [100, 100, 10]),
    echo("echo1000", Set::Usual, [1_000, 1_000, 20]),
    Workload {
        set: Set::Usual,
        name: "w6",
        group: "w6",
        chart: "fetch",
        what: "pages fetched at once, each answered after 50 ms; client core 0, server core 1",
        unit: "ms in all",
        kind: Kind::Fetch,
        core: Some(0),
        sizes: [1_000, 1_000, 20],
        value: |sample| sample.seconds * 1e3,
    },
    sleep("w1-100k", Set::Large, 100_000),
    sleep("w1-1m", Set::Large, 1_000_000),
    sleep_warm("w1warm-100k", Set::Large, 100_000),
    park("park-100k", Set::Large, 100_000),
    park("park-1m", Set::Large, 1_000_000),
    echo("echo5000", Set::Large, [5_000, 5_000, 20]),
    scaling(
        "compute",
        "threads that compute for some 200 µs, spawned before the first is joined",
        "µs a thread",
        Kind::Compute,
        [3_000, 1_000, 50],
    ),
    scaling(
        "spawner",
        "empty threads, spawned by one thread, joined after each 1,000",
        "ns a thread",
        Kind::SpawnBatches,
        [400_000, 100_000, 200],
    ),
    scaling(
        "spawners",
        "empty threads, spawned by 4 threads at once, joined by each after 100",
        "ns a thread",
        Kind::SpawnFromMany,
        [400_000, 100_000, 800],
    ),
    scaling(
        "pair",
        "messages between two threads, channels of capacity 1",
        "ns a message",
        Kind::Channel,
        [1_000_000, 200_000, 1_000],
    ),
    scaling(
        "pairs",
        "messages within 64 pairs of threads, channels of capacity 1",
        "ns a message",
        Kind::Channels,
        [1_280_000, 256_000, 1_280],
    ),
    scaling(
        "senders",
        "messages from 8 threads to one, a channel of capacity 100",
        "ns a message",
        Kind::SendToOne,
        [1_600_000, 400_000, 800],
    ),
    scaling(
        "echo-shared",
        "connections with one message of 64 bytes in flight on each; server and client share the cores",
        "µs a request",
        Kind::Echo,
        [100, 100, 10],
    ),
];

const fn sleep(name: &'static str, set: Set, n: u64) -> Workload {
    Workload {
        set,
        name,
        group: "w1",
        chart: "threads",
        what: "threads that sleep 10 ms once, all joined; fresh process",
        unit: "µs a thread",
        kind: Kind::Sleep,
        core: None,
        sizes: [n, n, 50],
        value: microseconds,
    }
}

const fn sleep_warm(name: &'static str, set: Set, n: u64) -> Workload {
    Workload {
        group: "w1warm",
        what: "threads as in w1, the third time in one process",
        kind: Kind::SleepWarm,
        ..sleep(name, set, n)
    }
}

const fn park(name: &'static str, set: Set, n: u64) -> Workload {
    Workload {
        group: "park",
        chart: "memory",
        what: "threads that all sleep at once: memory of one, page tables counted",
        unit: "KiB a thread",
        kind: Kind::Park,
        value: |sample| sample.memory_kib as f64 / sample.count as f64,
        ..sleep(name, set, n)
    }
}

const fn echo(name: &'static str, set: Set, sizes: [u64; 3]) -> Workload {
    Workload {
        set,
        name,
        group: "echo",
        chart: "echo",
        what: "connections with one message of 64 bytes in flight on each; server core 0, client core 1",
        unit: "µs of the server's CPU a request",
        kind: Kind::Echo,
        core: Some(0),
        sizes,
        value: |sample| sample.cpu / sample.count as f64 * 1e6,
    }
}

/// On as many cores as there are. The unit begins with that of the time.
const fn scaling(
    name: &'static str,
    what: &'static str,
    unit: &'static str,
    kind: Kind,
    sizes: [u64; 3],
) -> Workload {
    let is_long = matches!(kind, Kind::Compute | Kind::Echo);
    Workload {
        set: Set::Scaling,
        name,
        group: name,
        chart: "workers",
        what,
        unit,
        kind,
        core: None,
        sizes,
        value: if is_long { microseconds } else { nanoseconds },
    }
}

fn microseconds(sample: &Sample) -> f64 {
    sample.each() * 1e6
}

fn nanoseconds(sample: &Sample) -> f64 {
    sample.each() * 1e9
}
