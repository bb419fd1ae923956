//! Running your own code on every engine, and comparing what comes of it: for the tests of a program that is
//! to move from OS threads to green ones, and of a library that is to work on all of them.
//!
//! It stands on `standin::thread` alone and is there with every set of features. With no engine compiled
//! there is one place to run, std, so the same tests compile and run there too.
//!
//! ```
//! use standin::{testing, thread};
//!
//! fn sum() -> u32 {
//!     let threads = (1..=4).map(|n| thread::spawn(move || n * n));
//!     threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).sum()
//! }
//!
//! testing::on_every_engine(|| assert_eq!(sum(), 30));
//! assert_eq!(testing::assert_equivalent(sum), 30);
//! ```
//!
//! | to | use |
//! |---|---|
//! | make one `#[test]` an engine, with the engine in its name | [`tests!`](crate::tests) |
//! | run a body on each engine within one test | [`on_every_engine`] |
//! | ask that each engine gives the same result | [`assert_equivalent`]; [`Equivalence`] for how often, where, how long |
//! | fix the order of what threads do | [`Turns`] |
//! | cut a stream into pieces | [`Shaken`] |
//! | make schedules vary | [`noise`], [`Equivalence::times`] |
//! | generate all of that by proptest | `testing::strategy` and `testing::prop_equivalent`, with the feature `proptest` |
//!
//! # What equal results prove
//!
//! That for this input, and in the schedules that happened to run, the engines made no difference that the
//! result shows. So put into the result whatever must not differ: what was answered, in which order, each
//! error's kind. Not what may: times, thread ids, the order in which independent threads finish.
//!
//! They do not prove that the code is right (all may be wrong alike: assert the value too), nor that no other
//! schedule gives another result. A race that shows once in a million runs passes a test that runs three
//! times. Run it often ([`Equivalence::times`]), with [`noise`] where threads meet, or say the order by
//! [`Turns`] and let proptest look for a bad one. That standin's own modules behave as std's is checked, over
//! generated programs, by standin's own suite `tests/equivalence`; it need not be repeated for your program.
//!
//! # What hangs
//!
//! A lost wake-up shows as a thread that never ends, so every run has a limit: [`LIMIT`], ten minutes, unless
//! the test or the environment says otherwise. `STANDIN_TESTING_LIMIT` is the default for the whole process,
//! in seconds, or `none`; a limit that a test sets itself holds whatever it says. No test should come near
//! its limit on the slowest machine: a limit is there to end what would not end, not to measure.
//!
//! What hangs is written to standard error (the test, the engine, where it was called), and then the process is
//! **aborted**. It is not a panic, because a thread that hangs cannot be ended and goes on using what it borrowed,
//! and because `#[should_panic]` would take it for the panic that it expects.
//!
//! # What is not run
//!
//! An engine that is compiled and cannot start a thread here fails the test. Pinned green threads take a
//! promise of the program (`engine::accept_pinned`), and are skipped without; so are engines that are not
//! compiled. What was skipped, and why, is in the [`Report`], in each failure, and on standard error (which a
//! test harness shows with `--nocapture`). Nothing that was skipped counts as run, and a test that ran nowhere
//! fails.
//!
//! # Output
//!
//! A panic is caught on its engine's thread and raised again on the test's own, with the engine's name. Where
//! it came from is what the panic hook wrote when it happened; on green threads it goes to standard error itself,
//! which harnesses do not capture. The thread of a body has the name of its test if
//! [`tests!`](crate::tests) made it, or else that of the thread that started it, which harnesses name after the test.

#[doc(hidden)]
pub mod harness;

mod diff;
mod difference;
mod equivalence;
mod every;
mod macros;
mod outcome;
#[cfg(feature = "_engine")]
#[path = "place/engines.rs"]
mod place;
#[cfg(not(feature = "_engine"))]
#[path = "place/std_alone.rs"]
mod place;
mod report;
mod run;
mod shaken;
#[cfg(feature = "proptest")]
pub mod strategy;
mod turns;
mod watchdog;

pub use difference::Difference;
pub use equivalence::{Agreement, Equivalence, Error, assert_equivalent};
pub use every::{on_every_engine, on_every_engine_within};
pub use outcome::{Outcome, Panicked};
pub use place::Place;
pub use report::{Report, Skipped};
pub use shaken::{Delay, Shake, Shaken, noise};
#[cfg(feature = "proptest")]
pub use strategy::prop_equivalent;
pub use turns::Turns;
pub use watchdog::LIMIT;
