//! [`std::prelude`], which the compiler imports into every module of a renamed crate: with standin's
//! [`thread_local!`](crate::thread_local) and print macros, which otherwise would come from std's prelude.

macro_rules! preludes {
    ($($(#[$attribute:meta])* $name:ident),*) => {$(
        $(#[$attribute])*
        pub mod $name {
            pub use ::std::prelude::$name::*;
            pub use standin::{dbg, eprint, eprintln, print, println, thread_local};
        }
    )*};
}

preludes! {
    /// What every edition has.
    v1,
    /// The prelude of edition 2015.
    rust_2015,
    /// The prelude of edition 2018.
    rust_2018,
    /// The prelude of edition 2021.
    rust_2021,
    /// The prelude of edition 2024.
    rust_2024
}
