//! What must not compile, each beside the nearest thing that does: a test that fails for another reason than
//! the one that is meant would pass unnoticed.
//!
//! # What is not `Send` stays in its thread
//!
//! ```
//! let value = std::sync::Arc::new(1);
//! standin::thread::spawn(move || println!("{value}"));
//! ```
//!
//! ```compile_fail,E0277
//! let value = std::rc::Rc::new(1);
//! standin::thread::spawn(move || println!("{value}"));
//! ```
//!
//! ```compile_fail,E0277
//! // Nor as a result.
//! standin::thread::spawn(|| std::rc::Rc::new(1));
//! ```
//!
//! ```compile_fail,E0277
//! // Nor on an engine that the caller says, in a scope, or in a blocking section.
//! let value = std::rc::Rc::new(1);
//! standin::engine::default().unwrap().spawn(move || println!("{value}"));
//! ```
//!
//! ```compile_fail,E0277
//! let value = std::rc::Rc::new(1);
//! standin::engine::default().unwrap().run(|| println!("{value}"));
//! ```
//!
//! ```
//! let value = std::sync::Arc::new(1);
//! standin::engine::default().unwrap().run(|| println!("{value}"));
//! standin::thread::scope(|scope| {
//!     scope.spawn(|| println!("{value}"));
//! });
//! standin::engine::blocking(|| println!("{value}")).unwrap();
//! ```
//!
//! ```compile_fail,E0277
//! let value = std::rc::Rc::new(1);
//! standin::thread::scope(|scope| {
//!     scope.spawn(|| println!("{value}"));
//! });
//! ```
//!
//! ```compile_fail,E0277
//! let value = std::rc::Rc::new(1);
//! standin::engine::blocking(|| println!("{value}")).unwrap();
//! ```
//!
//! # A lock is released by the thread that took it
//!
//! ```
//! let mutex = standin::sync::Mutex::new(1);
//! let guard = mutex.lock().unwrap();
//! standin::thread::scope(|scope| {
//!     // A reference to the guard is one to the value.
//!     scope.spawn(|| println!("{}", *guard));
//! });
//! ```
//!
//! ```compile_fail,E0277
//! let mutex = standin::sync::Mutex::new(1);
//! let guard = mutex.lock().unwrap();
//! standin::thread::scope(|scope| {
//!     scope.spawn(move || println!("{}", *guard));
//! });
//! ```
//!
//! # What is borrowed outlives its borrower
//!
//! ```
//! let text = String::from("outlived");
//! standin::thread::spawn(move || println!("{text}")).join().unwrap();
//! ```
//!
//! ```compile_fail,E0373
//! let text = String::from("not outlived");
//! standin::thread::spawn(|| println!("{text}"));
//! ```
//!
//! ```compile_fail,E0597
//! let text = String::from("not outlived");
//! let text = &text;
//! let local = String::from("not outlived");
//! let handle = standin::thread::spawn({
//!     let local: &'static str = &local;
//!     move || println!("{local}")
//! });
//! ```
//!
//! ```
//! let mut values = vec![1];
//! standin::thread::scope(|scope| {
//!     scope.spawn(|| values.push(2));
//! });
//! assert_eq!(values, [1, 2]);
//! ```
//!
//! ```compile_fail,E0373
//! // What lies inside of the scope's closure is gone before its threads are.
//! standin::thread::scope(|scope| {
//!     let mut values = vec![1];
//!     scope.spawn(|| values.push(2));
//! });
//! ```
//!
//! ```compile_fail,E0521
//! // A scope does not get out of itself.
//! let mut escaped = None;
//! standin::thread::scope(|scope| escaped = Some(scope));
//! ```
//!
//! ```compile_fail,E0521
//! // Nor does a handle of one of its threads, whose result may borrow.
//! let mut escaped = None;
//! standin::thread::scope(|scope| escaped = Some(scope.spawn(|| 1)));
//! ```
//!
//! ```compile_fail,E0499
//! // Two threads do not have one value.
//! let mut values = vec![1];
//! standin::thread::scope(|scope| {
//!     scope.spawn(|| values.push(2));
//!     scope.spawn(|| values.push(3));
//! });
//! ```
//!
//! # A thread-local does not get out of its thread
//!
//! ```
//! use std::cell::Cell;
//! standin::thread_local!(static KEY: Cell<u32> = const { Cell::new(1) });
//! let value: u32 = KEY.with(|value| value.get());
//! ```
//!
//! ```compile_fail
//! use std::cell::Cell;
//! standin::thread_local!(static KEY: Cell<u32> = const { Cell::new(1) });
//! let value: &Cell<u32> = KEY.with(|value| value);
//! ```
//!
//! # Pinned threads take a promise
//!
//! ```
//! # #[cfg(feature = "green")]
//! // SAFETY: this program keeps nothing of its OS thread's across a call that parks.
//! unsafe { standin::engine::green::accept_pinned() };
//! ```
//!
//! ```compile_fail,E0133
//! standin::engine::green::accept_pinned();
//! ```
