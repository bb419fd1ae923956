//! Generates programs.

use super::program::{
    Act, Board, Duet, End, Hold, Join, Park, Program, Receive, Solo, Talk, Thread, Timer, Via, Wait,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Programs of up to seven threads.
pub fn programs() -> impl Strategy<Value = Program> {
    (vec(threads(), 1..=7), vec(acts(), 1..80))
        .prop_map(|(threads, acts)| Program::new(threads, acts))
}

fn index() -> impl Strategy<Value = usize> {
    0..12_usize
}

fn threads() -> impl Strategy<Value = Thread> {
    let names = select(vec![
        None,
        Some("worker"),
        Some(""),
        Some("größer als fünfzehn Bytes"),
    ]);
    let join = select(vec![Join::Early, Join::Late]);
    let end = prop_oneof![
        6 => (0..1000_u32).prop_map(End::Return),
        2 => select(vec!["one", "two"]).prop_map(End::Panic),
        1 => index().prop_map(End::PanicLocked),
    ];
    (index(), names, join, end).prop_map(|(parent, name, join, end)| Thread {
        parent,
        name,
        join,
        end,
    })
}

fn timers() -> impl Strategy<Value = Timer> {
    prop_oneof![3 => via().prop_map(Timer::Receive), 1 => Just(Timer::Wait), 1 => Just(Timer::Park)]
}

fn via() -> impl Strategy<Value = Via> {
    select(vec![
        Via::Unbounded,
        Via::Bounded(1),
        Via::Bounded(3),
        Via::Rendezvous,
    ])
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => alone(),
        3 => on_mutexes(),
        6 => messages(),
        4 => signals(),
        2 => conversations(),
        2 => solos(),
        4 => duets(),
    ]
}

fn solos() -> impl Strategy<Value = Act> {
    (index(), select(Solo::ALL.to_vec()), 0..5_usize).prop_map(|(thread, what, size)| Act::Alone {
        thread,
        what,
        size,
    })
}

fn duets() -> impl Strategy<Value = Act> {
    (index(), index(), select(Duet::ALL.to_vec()), 0..5_usize).prop_map(
        |(one, other, what, size)| Act::Pair {
            one,
            other,
            what,
            size,
        },
    )
}

fn alone() -> impl Strategy<Value = Act> {
    prop_oneof![
        index().prop_map(|thread| Act::Yield { thread }),
        (index(), 0..400_u64).prop_map(|(thread, micros)| Act::Sleep { thread, micros }),
        (index(), index(), 1..9_u64).prop_map(|(thread, key, add)| Act::Local { thread, key, add }),
        (index(), index(), 1..9_u64).prop_map(|(thread, key, add)| Act::Local { thread, key, add }),
        index().prop_map(|thread| Act::Name { thread }),
        (index(), timers()).prop_map(|(thread, on)| Act::TimeOut { thread, on }),
        (index(), 0..4_usize, any::<bool>()).prop_map(|(thread, width, panics)| Act::Scope {
            thread,
            width,
            panics
        }),
    ]
}

fn on_mutexes() -> impl Strategy<Value = Act> {
    let hold = select(vec![Hold::Briefly, Hold::Yielding, Hold::Sleeping]);
    prop_oneof![
        6 => (index(), index(), 1..100_u64, hold)
            .prop_map(|(thread, mutex, add, hold)| Act::Add { thread, mutex, add, hold }),
        1 => (index(), index()).prop_map(|(thread, mutex)| Act::Poison { thread, mutex }),
        1 => (index(), index()).prop_map(|(thread, mutex)| Act::ClearPoison { thread, mutex }),
        1 => (index(), index()).prop_map(|(holder, other)| Act::Contend { holder, other }),
    ]
}

fn messages() -> impl Strategy<Value = Act> {
    let receive = select(vec![
        Receive::Plain,
        Receive::Plain,
        Receive::Polling,
        Receive::Timed,
        Receive::Patient,
    ]);
    prop_oneof![
        8 => (index(), index(), via(), 0..1000_u32, receive)
            .prop_map(|(from, to, via, value, receive)| Act::Send { from, to, via, value, receive }),
        1 => (index(), index(), via()).prop_map(|(from, to, via)| Act::HangUp { from, to, via }),
        1 => (index(), index(), via(), 0..1000_u32)
            .prop_map(|(from, to, via, value)| Act::Refuse { from, to, via, value }),
        2 => (index(), index(), index(), via(), 1..10_u32)
            .prop_map(|(first, second, to, via, each)| Act::Gather { from: [first, second], to, via, each }),
    ]
}

fn signals() -> impl Strategy<Value = Act> {
    let park = select(vec![Park::Plain, Park::Plain, Park::Timed, Park::Token]);
    let board = select(vec![Board::Shared(0), Board::Shared(1), Board::Own]);
    let wait = select(vec![Wait::Plain, Wait::While, Wait::Timed, Wait::Patient]);
    prop_oneof![
        (index(), index(), park).prop_map(|(from, to, park)| Act::Unpark { from, to, park }),
        (index(), index(), board, wait).prop_map(|(from, to, board, wait)| Act::Notify {
            from,
            to,
            board,
            wait
        }),
    ]
}

fn conversations() -> impl Strategy<Value = Act> {
    let bytes = prop_oneof![0..20_usize, 0..5_000_usize, Just(300_000)];
    let talk = prop_oneof![
        4 => (bytes, 1..5_usize).prop_map(|(bytes, parts)| Talk::Exchange { bytes, chunk: bytes / parts + 1 }),
        1 => Just(Talk::Silence),
        1 => Just(Talk::Reset),
    ];
    (index(), index(), talk).prop_map(|(client, server, talk)| Act::Converse {
        client,
        server,
        talk,
    })
}
