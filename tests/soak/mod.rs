//! The parts of a run.

mod conversation;
mod datagrams;
pub(crate) mod echo;
mod kinds;
mod random;
mod resources;
pub(crate) mod rounds;
pub(crate) mod run;
mod servers;
mod stream;
mod threads;
mod waits;
mod world;
