//! Two thousand threads that print, to both streams at once.

use std::thread;

const THREADS: usize = 2_000;
const LINES: usize = 5;

fn main() {
    // Of each line, so that no line is whole in one piece by luck alone.
    let filler = "abcdefghijklmnopqrstuvwxyz0123456789".repeat(2);
    thread::scope(|scope| {
        for n in 0..THREADS {
            let filler = &filler;
            scope.spawn(move || {
                for number in 0..LINES {
                    println!("line {n} {number} {filler} {}", "end");
                    eprintln!("line {n} {number} {filler} {}", "end");
                }
            });
        }
    });
}
