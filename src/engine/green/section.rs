//! Blocking sections: code that keeps its OS thread for long, while the other green threads go on.
//!
//! A free thread stays where it is and gives its processor to another machine. When the section is over, it goes
//! on beside the processors, and comes back to their queues when it next parks or yields: one section after
//! another costs one hand-over. A pinned thread's section runs elsewhere.

use super::machine;
use super::reserve;
use super::task::Task;
use crate::coroutine::Kind;
use crate::engine::elsewhere;
use crate::engine::fork;
use crate::engine::os_context::OsContext;
use crate::engine::permit::Permit;
use standin_core::context::{self, Context};
use std::io;
use std::ptr::NonNull;

/// Runs `section` as the contract says.
pub(super) fn run(task: &Task, section: &mut (dyn FnMut() + Send)) -> io::Result<()> {
    if task.in_section.get() {
        // This OS thread may be blocked.
        section();
        return Ok(());
    }
    let _permit = Permit::acquire();
    match task.scheduler.kind() {
        Kind::Free => here(task, section),
        Kind::Pinned => elsewhere::run(section, reserve::run, || {
            unreachable!("an OS thread of the reserve runs what it is given")
        }),
    }
}

fn here(task: &Task, section: &mut (dyn FnMut() + Send)) -> io::Result<()> {
    give_processor_away(task)?;
    let context = OsContext::new(task.control.clone());
    task.in_section.set(true);
    // A cancellation wakes whatever the thread parks by: in the section, that is the OS thread.
    task.control.bind(context.waker());
    let as_context: NonNull<dyn Context> = NonNull::from(&context as &dyn Context);
    // SAFETY: the context lives until it is replaced, and describes this thread until then.
    let before = unsafe { context::replace(Some(as_context)) };
    section();
    if fork::is_child() {
        // It was not when the section began, or the thread would be in a longer one.
        fork::live_on(&task.control);
        return Ok(());
    }
    // SAFETY: the thread's own context, which was there before.
    unsafe { context::replace(before) };
    task.control.bind(task.waker());
    task.in_section.set(false);
    Ok(())
}

/// Another machine goes on with the processor, unless this one has lost it already: from an earlier section
/// on, a thread runs beside the processors until it parks or yields.
fn give_processor_away(task: &Task) -> io::Result<()> {
    let machine = task.machine();
    if !machine.hold.enter() {
        return Ok(());
    }
    match reserve::claim() {
        Ok(vacancy) => {
            let processor = machine.processor();
            machine.hold.give_up();
            vacancy.run(Box::new(move || machine::run(processor)));
            Ok(())
        }
        Err(error) => {
            machine.hold.leave();
            Err(error)
        }
    }
}
