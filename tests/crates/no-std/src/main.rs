//! A crate without std's prelude, which names `std` itself.

#![no_std]

#[macro_use]
extern crate std;

use std::prelude::rust_2024::*;

#[path = "../../conversations.rs"]
mod conversations;

thread_local! {
    static COUNT: core::cell::Cell<u32> = const { core::cell::Cell::new(0) };
}

fn main() {
    println!("edition: none");
    let counts: Vec<u32> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..100)
            .map(|n| {
                scope.spawn(move || {
                    COUNT.set(n);
                    std::thread::yield_now();
                    COUNT.get()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    println!(
        "counts kept: {}",
        (0..).zip(counts).filter(|(n, count)| n == count).count()
    );
    conversations::run().unwrap();
}
