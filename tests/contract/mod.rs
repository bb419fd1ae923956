//! The cases, one module for each part of the contract, and the macro that makes tests of them.

pub(crate) mod blocking;
pub(crate) mod cancellation;
pub(crate) mod conversions;
pub(crate) mod ending;
pub(crate) mod listeners;
pub(crate) mod parking;
pub(crate) mod pipes;
pub(crate) mod sleeping;
pub(crate) mod streams;
pub(crate) mod support;
pub(crate) mod threads;
pub(crate) mod waiting;

/// Makes a module of tests: every case on one engine. Each is called with `$context` at hand, if there is one; and is
/// skipped where `$skip` says why, if that is there.
macro_rules! contract_suite {
    ($module:ident, $engine:expr $(, in $context:expr)? $(, unless $skip:expr)?) => {
        mod $module {
            #[allow(unused_imports, reason = "the expression for the engine may need them")]
            use super::*;

            fn on(test: &'static str, case: fn(&suite::support::Subject)) {
                $(
                    let skip: Option<&str> = $skip;
                    if let Some(why) = skip {
                        println!("skipped: {why}");
                        return;
                    }
                )?
                $(let _context = $context;)?
                let engine: fn() -> standin::engine::Engine = $engine;
                case(&suite::support::Subject::new(engine(), test));
            }

            contract_cases! {
                threads: results_and_panics, names_and_ids, children_belong_to_the_engine, yielding,
                    a_thousand_at_once, stacks_of_every_size, scoped_threads, from_an_os_thread;
                parking: the_token_stays, wakes_from_everywhere, a_deadline_is_never_early,
                    a_waker_outlives_its_thread, parks_and_unparks;
                blocking: results_and_panics, nested, many_at_once, among_threads_that_are_ready, with_one_processor, borrowing;
                sleeping: never_early, in_any_number, nobody_waits_for_a_sleeper;
                cancellation: the_flag, sleeping, reading, writing, accepting, connecting,
                    nothing_else_ends, a_thread_that_ignores_it, in_a_blocking_section;
                streams: an_exchange, all_of_a_large_write, several_buffers, all_of_a_large_vectored_write,
                    more_buffers_than_the_kernel_takes, peeking, shutting_down, a_shutdown_ends_a_writer,
                    data_with_the_end, a_reset, writing_nothing, urgent_data, refused, signals_are_not_seen;
                waiting: read_timeouts, write_timeouts_are_for_the_whole_write, connect_timeouts,
                    not_at_all, what_the_kernel_has_is_seen_at_once, accepted_streams_have_the_timeouts,
                    clones_share_it;
                listeners: two_acceptors, every_context_at_once, without_descriptors, not_waiting,
                    a_clone_that_went_to_std;
                pipes: with_one_processor, every_context_at_once, cancelling, not_waiting;
                conversions: to_std_and_back, a_listener_to_std_and_back, the_mode_is_kept,
                    a_number_used_again, a_number_of_the_same_socket_used_again;
                ending: destructors_before_the_join, destructors_may_park, a_result_that_nobody_takes,
                    waits_of_the_scope, the_end_of_main;
            }
        }
    };
}

macro_rules! contract_cases {
    ($($module:ident: $($case:ident),*;)*) => {$(
        mod $module {
            $(
                #[test]
                fn $case() {
                    let test = concat!(module_path!(), "::", stringify!($case));
                    super::on(test, crate::suite::$module::$case);
                }
            )*
        }
    )*};
}
