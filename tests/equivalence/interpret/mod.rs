//! Runs a program on whatever `super::shapes` is, and notes what every thread observes.
//!
//! Compiled once for std, once for standin and once for the faulty family. Locks of std's own are used only
//! for the notes, and never across a call that parks.

mod acts;
mod conversation;
mod duet;
mod locals;
mod signals;
mod solo;
mod stage;
mod world;

use super::{shapes, shapes::threads_of};
use crate::plan::{Plan, Step};
use crate::program::End;
use crate::trace::{Counts, Event, Kind, Trace};
use shapes::thread::{self, Builder, JoinHandle};
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use world::{Receiving, Sending, World};

/// Runs a program in threads that the caller's own kind of thread spawns; or, if they are mixed, in threads
/// of every engine by turns.
pub fn run(plan: &Arc<Plan>, counts: &Arc<Counts>, is_mixed: bool) -> Trace {
    let world = Arc::new(World::new(plan.clone(), counts.clone(), is_mixed));
    let main = spawn(&world, 0);
    let result = main.join().map_err(|panic| message(&*panic));
    let mut trace = world.trace();
    trace.result = Some(result);
    trace.sort();
    trace
}

/// The state of one thread of the program.
struct Running {
    world: Arc<World>,
    index: usize,
    children: HashMap<usize, JoinHandle<u32>>,
    /// The ends of channels that the thread has used so far.
    senders: HashMap<usize, Sending>,
    receivers: HashMap<usize, Receiving>,
}

fn spawn(world: &Arc<World>, index: usize) -> JoinHandle<u32> {
    let mut builder = Builder::new();
    if let Some(name) = world.plan.program.threads[index].name {
        builder = builder.name(name.to_owned());
    }
    let own = Arc::clone(world);
    let engine = world.is_mixed.then_some(index);
    let handle = threads_of::spawn(builder, engine, move || begin(own, index))
        .expect("the thread can be started");
    let _ = world.handles[index].set(handle.thread().clone());
    handle
}

fn begin(world: Arc<World>, index: usize) -> u32 {
    let current = thread::current();
    let _ = world.handles[index].set(current.clone());
    let _ = world.identities[index].set(format!("{:?}", current.id()));
    world.note(
        index,
        Event::Began {
            name: current.name().map(String::from),
            main: index == 0,
        },
    );
    let end = world.plan.program.threads[index].end;
    let mut running = Running {
        world,
        index,
        children: HashMap::new(),
        senders: HashMap::new(),
        receivers: HashMap::new(),
    };
    running.all();
    match end {
        End::Return(value) => value,
        End::Panic(message) => {
            running.world.count(Kind::Panic);
            panic!("{message}, on purpose");
        }
        End::PanicLocked(mutex) => {
            running.world.count(Kind::Panic);
            let _guard = running.world.mutexes[mutex]
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            panic!("with mutex {mutex}, on purpose");
        }
    }
}

impl Running {
    fn all(&mut self) {
        let plan = Arc::clone(&self.world.plan);
        for step in &plan.scripts[self.index] {
            let event = match *step {
                Step::Spawn(child) => {
                    self.children.insert(child, spawn(&self.world, child));
                    self.world.count(Kind::Spawn);
                    Event::Spawned { child }
                }
                Step::Join(child) => self.join(child),
                Step::Act(act, role) => self.act(act, role),
            };
            self.world.note(self.index, event);
        }
    }

    fn join(&mut self, child: usize) -> Event {
        let handle = self
            .children
            .remove(&child)
            .expect("the plan spawns before it joins");
        let id = format!("{:?}", handle.thread().id());
        let result = handle.join().map_err(|panic| message(&*panic));
        // Right now: what is destroyed later comes too late.
        let destroyed = self.world.destroyed(child);
        let is_same = self.world.identities[child].get() == Some(&id);
        self.world.count(Kind::Join);
        Event::Joined {
            child,
            result,
            destroyed,
            is_same,
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
