//! The macro that makes one test an engine.
//!
//! The expansion stands in the user's crate, which does not know standin's features; so the macros `__if_*` are
//! defined by them, each as what lets its tokens through or as what drops them.

/// Makes each function a test an engine: `name::green`, `name::threads`. With no engine compiled there is one,
/// `name::std`; an engine that is not compiled gives none.
///
/// ```
/// # // The doctest is no test program, so nothing of this is compiled; examples/testing runs such tests.
/// standin::tests! {
///     fn a_thread_returns() {
///         assert_eq!(standin::thread::spawn(|| 1).join().unwrap(), 1);
///     }
/// }
/// ```
///
/// The functions stay what they were: `#[test]` may stand there or not, `#[should_panic]`, `#[ignore]`, `#[cfg]`
/// and other attributes hold for each of the tests, and a function may return what a test may, such as a
/// `Result` with any error. Each runs in a thread of its engine that has the name of the test.
///
/// # Options
///
/// They come first, in this order:
///
/// - `limit = Duration::from_secs(3600);` is how long each test may take, instead of
///   [`LIMIT`](crate::testing::LIMIT) or what `STANDIN_TESTING_LIMIT` says; see
///   [What hangs](crate::testing#what-hangs).
/// - `pinned = unsafe { standin::engine::accept_pinned() };` adds `name::green_pinned`, `name::async_pinned` and
///   `name::may_pinned`. It is the promise that
///   `accept_pinned` asks for, evaluated before each of these tests. As a test could not say that it was skipped,
///   there is none without. The promise is one of the whole program: once it was made, the other tests of the
///   same program that run on every engine run on pinned threads too.
/// - `moved = unsafe { standin::engine::may::accept_moved() };` stands in its place and adds `name::may`, with the feature
///   `may`. A process has one form of that engine, so `may-pinned` cannot be used in a program that says this.
///
/// # Hangs and failures
///
/// A panic fails the test, with the engine in its message. A test that does not end aborts the process.
#[macro_export]
macro_rules! tests {
    (limit = $limit:expr; pinned = $promise:expr; $($tests:tt)*) => {
        $crate::__tests! { [[$limit] [$promise] []] $($tests)* }
    };
    (limit = $limit:expr; moved = $promise:expr; $($tests:tt)*) => {
        $crate::__tests! { [[$limit] [] [$promise]] $($tests)* }
    };
    (limit = $limit:expr; $($tests:tt)*) => {
        $crate::__tests! { [[$limit] [] []] $($tests)* }
    };
    (pinned = $promise:expr; $($tests:tt)*) => {
        $crate::__tests! { [[] [$promise] []] $($tests)* }
    };
    (moved = $promise:expr; $($tests:tt)*) => {
        $crate::__tests! { [[] [] [$promise]] $($tests)* }
    };
    ($($tests:tt)*) => {
        $crate::__tests! { [[] [] []] $($tests)* }
    };
}

/// Takes the functions apart. `$options` is `[[limit] [promise] [promise of may]]`, each of which may be empty.
#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($options:tt $(
        $(#[$($attribute:tt)*])*
        fn $name:ident() $(-> $result:ty)? $body:block
    )*) => {
        $($crate::__test! {
            $options [$([$($attribute)*])*] [] [] [] fn $name() $(-> $result)? $body
        })*
    };
}

/// Sorts the attributes of a function, one a step, into those that are for both the function and its tests, for
/// the function, and for the tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __test {
    ($o:tt [[test] $($rest:tt)*] $both:tt $function:tt $tests:tt $($fn:tt)*) => {
        $crate::__test! { $o [$($rest)*] $both $function $tests $($fn)* }
    };
    ($o:tt [[cfg $($x:tt)*] $($rest:tt)*] [$($both:tt)*] $function:tt $tests:tt $($fn:tt)*) => {
        $crate::__test! { $o [$($rest)*] [$($both)* #[cfg $($x)*]] $function $tests $($fn)* }
    };
    ($o:tt [[should_panic $($x:tt)*] $($rest:tt)*] $both:tt $function:tt [$($tests:tt)*] $($fn:tt)*) => {
        $crate::__test! { $o [$($rest)*] $both $function [$($tests)* #[should_panic $($x)*]] $($fn)* }
    };
    ($o:tt [[ignore $($x:tt)*] $($rest:tt)*] $both:tt $function:tt [$($tests:tt)*] $($fn:tt)*) => {
        $crate::__test! { $o [$($rest)*] $both $function [$($tests)* #[ignore $($x)*]] $($fn)* }
    };
    ($o:tt [[$($x:tt)*] $($rest:tt)*] $both:tt [$($function:tt)*] $tests:tt $($fn:tt)*) => {
        $crate::__test! { $o [$($rest)*] $both [$($function)* #[$($x)*]] $tests $($fn)* }
    };
    ([$limit:tt $promise:tt $moved:tt] [] [$($both:tt)*] [$($function:tt)*] $tests:tt
        fn $name:ident() $(-> $result:ty)? $body:block
    ) => {
        // A function and a module may have the same name.
        #[cfg(test)]
        $($both)*
        $($function)*
        fn $name() $(-> $result)? $body

        // The options are written for the place where the macro is called, so they are evaluated there.
        #[cfg(test)]
        $($both)*
        const _: () = {
            impl $crate::testing::harness::Options for $name::Options {
                fn limit() -> $crate::__std::option::Option<$crate::__std::time::Duration> {
                    $crate::__option!($limit)
                }

                fn promise() {
                    $crate::__if_pinned! { $crate::__statement! { $promise } }
                }

                fn promise_of_may() {
                    $crate::__if_may! { $crate::__statement! { $moved } }
                }
            }
        };

        #[cfg(test)]
        $($both)*
        mod $name {
            pub(super) struct Options;

            $crate::__if_green! {
                $crate::__test_on! { "green" green $tests $name $(-> $result)? }
                $crate::__test_promised! { "green-pinned" green_pinned $promise $tests $name $(-> $result)? }
            }
            $crate::__if_async! {
                $crate::__test_on! { "async" async_free $tests $name $(-> $result)? }
                $crate::__test_promised! { "async-pinned" async_pinned $promise $tests $name $(-> $result)? }
            }
            $crate::__if_may! {
                $crate::__test_promised! { "may-pinned" may_pinned $promise $tests $name $(-> $result)? }
                $crate::__test_promised! { "may" may $moved $tests $name $(-> $result)? }
            }
            $crate::__if_threads! {
                $crate::__test_on! { "threads" threads $tests $name $(-> $result)? }
            }
            $crate::__if_std! {
                $crate::__test_on! { "std" std $tests $name $(-> $result)? }
            }
        }
    };
}

/// The test on an engine that takes a promise, if there is one.
#[doc(hidden)]
#[macro_export]
macro_rules! __test_promised {
    ($engine:literal $test:ident [] $($rest:tt)*) => {};
    ($engine:literal $test:ident $promise:tt $($rest:tt)*) => {
        $crate::__test_on! { $engine $test $($rest)* }
    };
}

/// One test, in the module that has the name of the function.
#[doc(hidden)]
#[macro_export]
macro_rules! __test_on {
    ($engine:literal $test:ident [$($tests:tt)*] $name:ident) => {
        #[test]
        $($tests)*
        fn $test() {
            const TEST: &str = $crate::__std::concat!(
                $crate::__std::module_path!(),
                "::",
                $crate::__std::stringify!($test),
            );
            $crate::testing::harness::unit::<Options>($engine, TEST, super::$name)
        }
    };
    ($engine:literal $test:ident [$($tests:tt)*] $name:ident -> $result:ty) => {
        #[test]
        $($tests)*
        fn $test() -> $crate::__std::process::ExitCode {
            const TEST: &str = $crate::__std::concat!(
                $crate::__std::module_path!(),
                "::",
                $crate::__std::stringify!($test),
            );
            $crate::testing::harness::result::<Options, _>($engine, TEST, super::$name)
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __option {
    ([]) => {
        $crate::__std::option::Option::None
    };
    ([$value:expr]) => {
        $crate::__std::option::Option::Some($value)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __statement {
    ([]) => {};
    ([$value:expr]) => {
        $value;
    };
}

/// Lets its tokens through, with the feature `green`.
#[cfg(feature = "green")]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_green {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// Drops its tokens, without the feature `green`.
#[cfg(not(feature = "green"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_green {
    ($($tokens:tt)*) => {};
}

/// Lets its tokens through, with the feature `async`.
#[cfg(feature = "async")]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_async {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// Drops its tokens, without the feature `async`.
#[cfg(not(feature = "async"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_async {
    ($($tokens:tt)*) => {};
}

/// Lets its tokens through, with the feature `may`.
#[cfg(feature = "may")]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_may {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// Drops its tokens, without the feature `may`.
#[cfg(not(feature = "may"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_may {
    ($($tokens:tt)*) => {};
}

/// Lets its tokens through, with an engine that can pin threads.
#[cfg(feature = "_pinned")]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_pinned {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// Drops its tokens, without an engine that can pin threads.
#[cfg(not(feature = "_pinned"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_pinned {
    ($($tokens:tt)*) => {};
}

/// Lets its tokens through, with the feature `threads`.
#[cfg(feature = "threads")]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_threads {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// Drops its tokens, without the feature `threads`.
#[cfg(not(feature = "threads"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_threads {
    ($($tokens:tt)*) => {};
}

/// Lets its tokens through, with no engine.
#[cfg(not(feature = "_engine"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_std {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// Drops its tokens, with any engine.
#[cfg(feature = "_engine")]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_std {
    ($($tokens:tt)*) => {};
}
