//! Programs whose result depends on the schedule, and what they may do all the same.

pub mod generate;
pub mod history;
pub mod honesty;
pub mod linearize;
pub mod model;
pub mod program;
pub mod regressions;
pub mod spec;
pub mod suite;
pub mod tally;
