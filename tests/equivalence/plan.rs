//! What each thread of a program does, and which of its observations the program determines.
//!
//! A mutex is used by threads in an order that the schedule decides, unless the program does. So the plan
//! keeps vector clocks over what the program's acts order (Mattern 1989): an access to a mutex may be
//! compared if every other access that matters for it comes before or after it in every run.

use super::program::{Act, End, Join, MUTEXES, Program, Talk, Via};
use std::collections::HashMap;

/// A program with everything that an interpreter has to know.
pub struct Plan {
    pub program: Program,
    /// What each thread does.
    pub scripts: Vec<Vec<Step>>,
    /// For each act on a mutex, what of it is determined.
    pub known: Vec<Known>,
    /// For each mutex, whether it is determined that it is poisoned in the end.
    pub poison_known: Vec<bool>,
    /// The channels, and which of them each act uses.
    pub channels: Vec<Via>,
    pub channel_of: HashMap<usize, usize>,
}

/// One thing that a thread does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    Spawn(usize),
    Join(usize),
    Act(usize, Role),
}

/// Whose part of an act.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    Only,
    /// The sender, the notifier, the client, the holder.
    First,
    /// The receiver, the waiter, the server, the other. In a `Gather`, the other sender.
    Second,
    /// The receiver of a `Gather`.
    Third,
}

/// What a thread may observe of a mutex.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Known {
    pub value: bool,
    pub poison: bool,
}

impl Plan {
    pub fn new(program: Program) -> Self {
        let mut planner = Planner::new(&program);
        planner.run();
        let (known, poison_known) = planner.determined();
        let scripts = planner.scripts;
        let (channels, channel_of) = channels(&program.acts);
        Self {
            scripts,
            known,
            poison_known,
            channels,
            channel_of,
            program,
        }
    }
}

/// Who takes part in an act.
fn parts(act: &Act) -> Vec<(usize, Role)> {
    use Act::*;
    match *act {
        Yield { thread }
        | Sleep { thread, .. }
        | Local { thread, .. }
        | Name { thread }
        | Add { thread, .. }
        | Poison { thread, .. }
        | ClearPoison { thread, .. }
        | TimeOut { thread, .. }
        | Alone { thread, .. }
        | Scope { thread, .. } => vec![(thread, Role::Only)],
        Gather {
            from: [first, second],
            to,
            ..
        } => {
            vec![
                (first, Role::First),
                (second, Role::Second),
                (to, Role::Third),
            ]
        }
        Contend { holder: one, other }
        | Pair { one, other, .. }
        | Send {
            from: one,
            to: other,
            ..
        }
        | HangUp {
            from: one,
            to: other,
            ..
        }
        | Refuse {
            from: one,
            to: other,
            ..
        }
        | Unpark {
            from: one,
            to: other,
            ..
        }
        | Notify {
            from: one,
            to: other,
            ..
        }
        | Converse {
            client: one,
            server: other,
            ..
        } => vec![(one, Role::First), (other, Role::Second)],
    }
}

/// Which thread knows what another did before the act, once it has done its part: pairs of (who, knows).
fn order(act: &Act) -> Vec<(usize, usize)> {
    use Act::*;
    match *act {
        Send { from, to, .. }
        | HangUp { from, to, .. }
        | Unpark { from, to, .. }
        | Notify { from, to, .. } => {
            vec![(from, to)]
        }
        Refuse { from, to, .. } => vec![(to, from)],
        Gather {
            from: [first, second],
            to,
            ..
        } => vec![(first, to), (second, to)],
        Contend { holder: one, other } | Pair { one, other, .. } => {
            vec![(one, other), (other, one)]
        }
        Converse {
            client,
            server,
            talk: Talk::Silence,
        } => vec![(client, server)],
        Converse { client, server, .. } => vec![(client, server), (server, client)],
        _ => vec![],
    }
}

fn channels(acts: &[Act]) -> (Vec<Via>, HashMap<usize, usize>) {
    let mut channels = Vec::new();
    let mut channel_of = HashMap::new();
    let mut open = HashMap::new();
    for (index, act) in acts.iter().enumerate() {
        let (key, ends) = match *act {
            Act::Send { from, to, via, .. } => ((from, to, via), false),
            Act::HangUp { from, to, via } | Act::Refuse { from, to, via, .. } => {
                ((from, to, via), true)
            }
            _ => continue,
        };
        let channel = *open.entry(key).or_insert_with(|| {
            channels.push(key.2);
            channels.len() - 1
        });
        channel_of.insert(index, channel);
        if ends {
            open.remove(&key);
        }
    }
    (channels, channel_of)
}

type Clock = Vec<u32>;

/// An access to a mutex, and when it was.
struct Access {
    act: Option<usize>,
    mutex: usize,
    what: What,
    thread: usize,
    clock: Clock,
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    Add,
    Poison,
    Clear,
}

impl Access {
    fn is_before(&self, other: &Access) -> bool {
        other.clock[self.thread] >= self.clock[self.thread]
    }

    fn is_ordered(&self, other: &Access) -> bool {
        self.is_before(other) || other.is_before(self)
    }
}

struct Planner<'a> {
    program: &'a Program,
    scripts: Vec<Vec<Step>>,
    clocks: Vec<Clock>,
    accesses: Vec<Access>,
    is_spawned: Vec<bool>,
    is_joined: Vec<bool>,
}

impl<'a> Planner<'a> {
    fn new(program: &'a Program) -> Self {
        let count = program.threads.len();
        Self {
            program,
            scripts: vec![Vec::new(); count],
            clocks: vec![vec![0; count]; count],
            accesses: Vec::new(),
            is_spawned: vec![false; count],
            is_joined: vec![false; count],
        }
    }

    fn run(&mut self) {
        let (program, count) = (self.program, self.program.threads.len());
        // The first and the last act of each thread and its descendants, who come after it.
        let mut first = vec![program.acts.len(); count];
        let mut last = vec![None; count];
        for (index, act) in program.acts.iter().enumerate() {
            for (thread, _) in parts(act) {
                first[thread] = first[thread].min(index);
                last[thread] = Some(index);
            }
        }
        for thread in (1..count).rev() {
            let parent = program.threads[thread].parent;
            first[parent] = first[parent].min(first[thread]);
            last[parent] = last[parent].max(last[thread]);
        }
        for (index, act) in program.acts.iter().enumerate() {
            (1..count)
                .filter(|thread| first[*thread] == index)
                .for_each(|thread| self.spawn(thread));
            self.act(index, act);
            for thread in (1..count).rev() {
                let is_early = program.threads[thread].join == Join::Early;
                if last[thread] == Some(index) && is_early && !self.is_joined[thread] {
                    self.join(thread);
                }
            }
        }
        self.finish(0);
    }

    fn step(&mut self, thread: usize, step: Step) {
        self.scripts[thread].push(step);
        self.clocks[thread][thread] += 1;
    }

    fn learn(&mut self, thread: usize, from: &Clock) {
        for (own, other) in self.clocks[thread].iter_mut().zip(from) {
            *own = (*own).max(*other);
        }
    }

    fn spawn(&mut self, thread: usize) {
        let parent = self.program.threads[thread].parent;
        self.step(parent, Step::Spawn(thread));
        self.clocks[thread] = self.clocks[parent].clone();
        self.is_spawned[thread] = true;
    }

    fn act(&mut self, index: usize, act: &Act) {
        for (thread, role) in parts(act) {
            self.step(thread, Step::Act(index, role));
        }
        let before: Vec<_> = order(act)
            .iter()
            .map(|(who, _)| self.clocks[*who].clone())
            .collect();
        for ((_, knows), clock) in order(act).into_iter().zip(&before) {
            self.learn(knows, clock);
        }
        match *act {
            Act::Add { thread, mutex, .. } => self.access(Some(index), thread, mutex, What::Add),
            Act::Poison { thread, mutex } => self.access(Some(index), thread, mutex, What::Poison),
            Act::ClearPoison { thread, mutex } => {
                self.access(Some(index), thread, mutex, What::Clear)
            }
            _ => {}
        }
    }

    fn access(&mut self, act: Option<usize>, thread: usize, mutex: usize, what: What) {
        let clock = self.clocks[thread].clone();
        self.accesses.push(Access {
            act,
            mutex,
            what,
            thread,
            clock,
        });
    }

    fn join(&mut self, thread: usize) {
        self.finish(thread);
        let parent = self.program.threads[thread].parent;
        let clock = self.clocks[thread].clone();
        self.learn(parent, &clock);
        self.step(parent, Step::Join(thread));
        self.is_joined[thread] = true;
    }

    /// A thread has done its acts: it spawns those of its children that have none, joins all that it has not
    /// joined yet, and ends.
    fn finish(&mut self, thread: usize) {
        let threads = &self.program.threads;
        let children: Vec<_> = (thread + 1..threads.len())
            .filter(|child| threads[*child].parent == thread && !self.is_joined[*child])
            .collect();
        for child in &children {
            if !self.is_spawned[*child] {
                self.spawn(*child);
            }
        }
        for child in children {
            self.join(child);
        }
        if let End::PanicLocked(mutex) = self.program.threads[thread].end {
            self.clocks[thread][thread] += 1;
            self.access(None, thread, mutex, What::Poison);
        }
    }

    fn determined(&self) -> (Vec<Known>, Vec<bool>) {
        let mut known = vec![Known::default(); self.program.acts.len()];
        for access in &self.accesses {
            if let Some(act) = access.act {
                known[act] = Known {
                    value: self.is_value_known(access),
                    poison: self.is_poison_known(access),
                };
            }
        }
        let is_known_in_the_end =
            |mutex: usize| self.is_decided(&self.marks(mutex).collect::<Vec<_>>());
        (known, (0..MUTEXES).map(is_known_in_the_end).collect())
    }

    /// Sums do not depend on the order of what was added.
    fn is_value_known(&self, access: &Access) -> bool {
        let others = self
            .accesses
            .iter()
            .filter(|other| other.mutex == access.mutex);
        others
            .filter(|other| other.what == What::Add)
            .all(|other| access.is_ordered(other))
    }

    /// All that leave or take a mark come before or after the access, and those that come before it leave the
    /// mark in a state that does not depend on their order.
    fn is_poison_known(&self, access: &Access) -> bool {
        let before: Vec<_> = self
            .marks(access.mutex)
            .filter(|mark| mark.is_before(access))
            .collect();
        self.marks(access.mutex).all(|mark| access.is_ordered(mark)) && self.is_decided(&before)
    }

    /// The accesses that leave the mark of a poisoned mutex, or take it away.
    fn marks(&self, mutex: usize) -> impl Iterator<Item = &Access> {
        self.accesses
            .iter()
            .filter(move |access| access.mutex == mutex && access.what != What::Add)
    }

    /// Whether those that leave a mark and those that take it away come in an order.
    fn is_decided(&self, marks: &[&Access]) -> bool {
        let pairs = marks
            .iter()
            .flat_map(|one| marks.iter().map(move |other| (one, other)));
        pairs
            .filter(|(one, other)| one.what != other.what)
            .all(|(one, other)| one.is_ordered(other))
    }
}
