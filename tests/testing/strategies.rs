//! The strategies: that they generate what they say, and shrink to what is plain.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use standin::testing::{Delay, prop_equivalent, strategy};
use std::cell::Cell;

const BYTES: &[u8] = b"some bytes, to be cut";

fn runner() -> TestRunner {
    TestRunner::new(Config {
        failure_persistence: None,
        ..Config::default()
    })
}

/// What a strategy gives when everything that is generated fails.
fn simplest<S: Strategy>(strategy: S) -> S::Value {
    let result = runner().run(&strategy, |_| Err(TestCaseError::fail("as it should")));
    match result {
        Err(TestError::Fail(_, value)) => value,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn chunkings_are_the_bytes(pieces in strategy::chunkings(BYTES)) {
        prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
        prop_assert_eq!(pieces.concat(), BYTES);
    }

    #[test]
    fn interleavings_have_every_turn(order in strategy::interleavings(&[2, 0, 5])) {
        let turns = |actor| order.iter().filter(|turn| **turn == actor).count();
        prop_assert_eq!([turns(0), turns(1), turns(2)], [2, 0, 5]);
        prop_assert_eq!(order.len(), 7);
    }

    #[test]
    fn shakes_move_something(shakes in strategy::shakes()) {
        prop_assert!(shakes.len() <= 8);
        prop_assert!(shakes.iter().all(|shake| (1..=16).contains(&shake.at_most)));
    }

    #[test]
    fn delays_are_for_each_thread(delays in strategy::delays(3, 4), threads in strategy::threads(5)) {
        prop_assert_eq!(delays.len(), 3);
        prop_assert!(delays.iter().all(|points| points.len() == 4));
        prop_assert!((1..=5).contains(&threads));
    }
}

#[test]
fn nothing_to_cut_is_no_piece() {
    assert_eq!(simplest(strategy::chunkings([])), [[]; 0]);
}

#[test]
fn all_shrink_to_what_is_plain() {
    assert_eq!(simplest(strategy::chunkings(BYTES)), [BYTES]);
    assert_eq!(simplest(strategy::interleavings(&[2, 3])), [0, 0, 1, 1, 1]);
    assert_eq!(
        simplest(strategy::delays(2, 1)),
        [[Delay::None], [Delay::None]]
    );
    assert_eq!(simplest(strategy::shakes()), []);
    assert_eq!(simplest(strategy::threads(9)), 1);
}

/// Values that are never generated would make all of the above hold.
#[test]
fn what_is_generated_varies() {
    let mut runner = runner();
    let mut orders: Vec<Vec<usize>> = Vec::new();
    let mut delays = [false; 3];
    for _ in 0..300 {
        let mut value =
            |strategy: BoxedStrategy<Vec<usize>>| strategy.new_tree(&mut runner).unwrap().current();
        orders.push(value(strategy::interleavings(&[2, 2]).boxed()));
        match strategy::delay().new_tree(&mut runner).unwrap().current() {
            Delay::None => delays[0] = true,
            Delay::Yields(_) => delays[1] = true,
            Delay::Sleeps(_) => delays[2] = true,
        }
    }
    orders.sort();
    orders.dedup();
    // Each of the 6 is missing with a probability of 10 to the -23.
    assert_eq!(orders.len(), 6);
    assert_eq!(delays, [true; 3]);
}

#[test]
fn a_property_that_fails_is_an_error() {
    let calls = Cell::new(0);
    let result = runner().run(&(0..1_000_u32), |input| {
        calls.set(calls.get() + 1);
        let value = prop_equivalent(&input, |input| *input)?;
        prop_assert_eq!(value, input);
        prop_equivalent(&input, |input| assert!(*input < 10, "too much"))
    });
    let Err(TestError::Fail(reason, input)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(input, 10, "shrunk");
    super::says(&reason.to_string(), "too much");
    assert!(calls.get() > 1);
}

#[test]
#[cfg(feature = "_engine")]
fn a_difference_is_an_error() {
    use standin::engine::Control;
    let engine = || Control::current(|control| control?.engine());
    let error = prop_equivalent(&"this input", |_| engine()).unwrap_err();
    super::says(&error.to_string(), "with \"this input\":\n");
    super::says(&error.to_string(), "returned None");
}
