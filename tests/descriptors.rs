//! What descriptors do that an engine has to know, one test for each rule: pipes that block though they were
//! ready, queues that are full without an event to say when they are not, numbers and edges that come once.
//!
//! `contract/` has the rules of TCP that go with an operation (two acceptors, the end of a stream with its last
//! bytes, writes of any size, numbers of connections used again, conversions, modes that clones share).

#![cfg(all(
    feature = "green",
    feature = "async",
    feature = "threads",
    target_os = "linux"
))]

#[path = "descriptors/backlog.rs"]
mod backlog;
mod common;
#[path = "descriptors/edges.rs"]
mod edges;
#[path = "descriptors/moving.rs"]
mod moving;
#[path = "descriptors/numbers.rs"]
mod numbers;
#[path = "descriptors/pipes.rs"]
mod pipes;
#[path = "descriptors/room.rs"]
mod room;
#[allow(dead_code, reason = "the contract uses all of it")]
#[path = "contract/support.rs"]
mod support;
#[path = "descriptors/usage.rs"]
mod usage;

use standin::engine::{ASYNC, ASYNC_PINNED, Engine, GREEN, GREEN_PINNED, THREADS};

/// An engine of pinned threads, after the promise that it asks for.
fn promised(engine: Engine) -> Engine {
    // SAFETY: between two parking calls no test keeps a pointer through a thread-local or a lock that standin
    // does not know, and none parks while it unwinds.
    unsafe { standin::engine::green::accept_pinned() };
    engine
}

/// Makes tests of cases: each on some engines, with the engine before the name, and with a context at hand.
macro_rules! cases {
    ($($engine:ident = $get:expr, in $context:expr => { $($module:ident: $($case:ident),*;)* })*) => {$(
        mod $engine {$(
            mod $module {$(
                #[test]
                fn $case() {
                    let test = concat!(module_path!(), "::", stringify!($case));
                    #[allow(unused_imports, reason = "what is there by its full path needs none")]
                    use crate::*;
                    let _context = $context;
                    let engine: standin::engine::Engine = $get;
                    crate::$module::$case(&crate::support::Subject::new(engine, test));
                }
            )*}
        )*}
    )*};
}

/// The cases for every engine, and more for some.
macro_rules! cases_on {
    ($($engine:ident = $get:expr, in $context:expr $(, $more:ident)*;)*) => {
        cases! {$(
            $engine = $get, in $context => {
                backlog: connects_wait_for_room_in_a_queue, connects_that_wait_use_no_time,
                    a_connect_to_a_full_queue_is_cancelled, accepts_without_descriptors;
                edges: one_edge_for_five_connections, one_edge_for_five_datagrams,
                    a_short_datagram_leaves_others, a_peek_leaves_what_it_sees,
                    a_peek_leaves_the_datagram, reads_under_a_low_water_mark,
                    an_error_of_a_datagram_wakes_its_receiver, the_end_of_datagrams_wakes_receivers;
                moving: a_stream_that_moves_for_ever, a_unix_stream_that_moves_for_ever,
                    datagrams_that_move_for_ever, unix_datagrams_that_move_for_ever;
                numbers: a_number_of_another_kind, a_number_while_a_datagram_is_on_its_way;
                pipes: a_large_write_in_a_section, a_section_for_each_end $(, $more)*;
                room: an_unconnected_send_waits_for_room, a_send_that_waits_uses_no_time,
                    a_connected_send_waits_for_room, a_send_to_a_full_queue_is_cancelled,
                    many_senders_to_one_queue;
            }
        )*}
    };
}

// Where a thread blocks its OS thread and does not say so, only an engine that watches its OS threads, or that gives
// each thread one, lets the others go on. Pinned threads cannot leave it, as the documentation of `accept_pinned` says;
// and on `async` the thread holds a worker of its runtime, as a task that blocks would: where that is the only one, the
// reader of a pipe would wait for its writer for ever.
cases_on! {
    free = GREEN, in (), a_large_write_outside_of_a_section, a_read_outside_of_a_section;
    pinned = promised(GREEN_PINNED), in ();
    async_free = ASYNC, in ();
    async_current = ASYNC, in common::current::enter();
    async_pinned = promised(ASYNC_PINNED), in ();
    threads = THREADS, in (), a_large_write_outside_of_a_section, a_read_outside_of_a_section;
}
#[cfg(feature = "may")]
cases_on! {
    may_pinned = promised(standin::engine::MAY_PINNED), in ();
}
