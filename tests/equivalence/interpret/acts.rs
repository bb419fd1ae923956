//! The parts of the acts.

use super::shapes::sync::{Condvar, Mutex, MutexGuard, TryLockError};
use super::shapes::thread;
use super::shapes::time::{Duration, Instant};
use super::world::times_out;
use super::{Running, conversation, duet, locals, message, solo};
use crate::plan::{Known, Role};
use crate::program::{Act, Hold, Receive, Timer, Via};
use crate::trace::{Event, Kind};
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Running {
    pub(super) fn act(&mut self, index: usize, role: Role) -> Event {
        let act = self.world.plan.program.acts[index];
        let known = self.world.plan.known[index];
        match act {
            Act::Yield { .. } => {
                thread::yield_now();
                self.done(Kind::Yield, Event::Yielded)
            }
            Act::Sleep { micros, .. } => self.sleep(Duration::from_micros(micros)),
            Act::Local { key, add, .. } => {
                let value = locals::add(&self.world, self.index, key, add);
                self.done(Kind::Local, Event::Local { key, value })
            }
            Act::Name { .. } => self.name(),
            Act::Add {
                mutex, add, hold, ..
            } => self.add(mutex, add, hold, known),
            Act::Poison { mutex, .. } => self.poison(mutex, known),
            Act::ClearPoison { mutex, .. } => {
                let mutex = &self.world.mutexes[mutex];
                let before = known.poison.then(|| mutex.is_poisoned());
                mutex.clear_poison();
                self.done(Kind::ClearPoison, Event::Cleared { before })
            }
            Act::TimeOut { on, .. } => self.time_out(on),
            Act::Contend { .. } => self.contend(index, role),
            Act::Scope { width, panics, .. } => self.scope(width, panics),
            Act::Send {
                via,
                value,
                receive,
                ..
            } => self.send(index, role, via, value, receive),
            Act::HangUp { .. } => self.hang_up(index, role),
            Act::Refuse { value, .. } => self.refuse(index, role, value),
            Act::Gather { each, .. } => self.gather(index, role, each),
            Act::Unpark { to, park, .. } => self.unpark(index, role, to, park),
            Act::Notify { board, wait, .. } => self.notify(index, role, board, wait),
            Act::Converse { talk, .. } => {
                let (said, kind) = conversation::hold(&self.world, index, role, talk);
                self.done(kind, Event::Said(said))
            }
            Act::Alone { what, size, .. } => {
                self.done(what.kind(), Event::Saw(solo::play(what, size)))
            }
            Act::Pair { what, size, .. } => {
                let end = self.world.stages[&index].enter(role);
                self.done(what.kind(), Event::Saw(duet::play(&end, what, size)))
            }
        }
    }

    pub(super) fn done(&self, kind: Kind, event: Event) -> Event {
        self.world.count(kind);
        event
    }

    fn sleep(&self, time: Duration) -> Event {
        let start = Instant::now();
        thread::sleep(time);
        self.done(
            Kind::Sleep,
            Event::Slept {
                is_early: start.elapsed() < time,
            },
        )
    }

    fn name(&self) -> Event {
        let current = thread::current();
        let is_same =
            self.world.identities[self.index].get() == Some(&format!("{:?}", current.id()));
        self.done(
            Kind::Name,
            Event::Name {
                name: current.name().map(String::from),
                is_same,
            },
        )
    }

    fn lock(&self, mutex: usize) -> (MutexGuard<'_, u64>, bool) {
        match self.world.mutexes[mutex].lock() {
            Ok(guard) => (guard, false),
            Err(poisoned) => (poisoned.into_inner(), true),
        }
    }

    fn add(&self, mutex: usize, add: u64, hold: Hold, known: Known) -> Event {
        let (mut guard, is_poisoned) = self.lock(mutex);
        let before = *guard;
        match hold {
            Hold::Briefly => {}
            Hold::Yielding => thread::yield_now(),
            Hold::Sleeping => thread::sleep(Duration::from_micros(50)),
        }
        *guard = before + add;
        drop(guard);
        let value = known.value.then_some(before);
        self.done(
            Kind::Lock,
            Event::Locked {
                value,
                poison: known.poison.then_some(is_poisoned),
            },
        )
    }

    fn poison(&self, mutex: usize, known: Known) -> Event {
        let mut before = None;
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let (_guard, is_poisoned) = self.lock(mutex);
            before = known.poison.then_some(is_poisoned);
            panic!("poison, on purpose");
        }));
        let Err(panic) = caught;
        self.done(
            Kind::Poison,
            Event::Poisoned {
                before,
                message: message(&*panic),
            },
        )
    }

    fn time_out(&self, on: Timer) -> Event {
        const TIME: Duration = Duration::from_micros(500);
        let start = Instant::now();
        let is_timeout = match on {
            Timer::Receive(via) => times_out(via, TIME),
            Timer::Park => parks(start, TIME),
            Timer::Wait => {
                let (mutex, condvar) = (Mutex::new(()), Condvar::new());
                let guard = mutex.lock().expect("nobody panics with it");
                let waited = condvar.wait_timeout_while(guard, TIME, |()| true);
                waited.expect("nobody panics with it").1.timed_out()
            }
        };
        let is_early = start.elapsed() < TIME;
        self.done(
            Kind::TimeOut,
            Event::TimedOut {
                is_timeout,
                is_early,
            },
        )
    }

    fn contend(&self, index: usize, role: Role) -> Event {
        let contest = &self.world.contests[&index];
        if role == Role::First {
            let mut guard = contest.mutex.lock().expect("nobody panics with it");
            contest.say(0);
            contest.hear(1);
            *guard = 7;
            drop(guard);
            contest.say(2);
            return self.done(Kind::TryLock, Event::Held);
        }
        contest.hear(0);
        let is_refused = matches!(contest.mutex.try_lock(), Err(TryLockError::WouldBlock));
        contest.say(1);
        contest.hear(2);
        let value = contest.mutex.try_lock().map_or(0, |guard| *guard);
        self.done(Kind::TryLock, Event::Contended { is_refused, value })
    }

    fn scope(&self, width: usize, panics: bool) -> Event {
        let mut cells = vec![0_u64; width];
        let caught = catch_unwind(AssertUnwindSafe(|| {
            thread::scope(|scope| {
                for (number, cell) in cells.iter_mut().enumerate() {
                    scope.spawn(move || {
                        thread::yield_now();
                        *cell = number as u64 + 1;
                        assert!(!panics || number + 1 < width, "in a scope, on purpose");
                    });
                }
            });
        }));
        let panic = caught.err().map(|panic| message(&*panic));
        self.done(
            Kind::Scope,
            Event::Scoped {
                sum: cells.iter().sum(),
                panic,
            },
        )
    }

    fn send(&mut self, act: usize, role: Role, via: Via, value: u32, receive: Receive) -> Event {
        let channel = self.world.plan.channel_of[&act];
        if role == Role::First {
            let sender = self
                .senders
                .entry(channel)
                .or_insert_with(|| self.world.sender(channel));
            sender.send(value).expect("the receiver is there");
            let kind = match via {
                Via::Unbounded => Kind::SendUnbounded,
                Via::Bounded(_) => Kind::SendBounded,
                Via::Rendezvous => Kind::SendRendezvous,
            };
            return self.done(kind, Event::Sent);
        }
        let receiver = self
            .receivers
            .entry(channel)
            .or_insert_with(|| self.world.receiver(channel));
        let received = receiver.receive(receive).map_err(|error| error.to_string());
        self.done(Kind::Receive, Event::Received(received))
    }

    fn hang_up(&mut self, act: usize, role: Role) -> Event {
        let channel = self.world.plan.channel_of[&act];
        if role == Role::First {
            drop(
                self.senders
                    .remove(&channel)
                    .unwrap_or_else(|| self.world.sender(channel)),
            );
            return self.done(Kind::HangUp, Event::HungUp);
        }
        let receiver = self
            .receivers
            .remove(&channel)
            .unwrap_or_else(|| self.world.receiver(channel));
        let received = receiver
            .receive(Receive::Plain)
            .map_err(|error| error.to_string());
        self.done(Kind::HangUp, Event::Received(received))
    }

    fn refuse(&mut self, act: usize, role: Role, value: u32) -> Event {
        let channel = self.world.plan.channel_of[&act];
        if role == Role::Second {
            drop(
                self.receivers
                    .remove(&channel)
                    .unwrap_or_else(|| self.world.receiver(channel)),
            );
            return self.done(Kind::Refuse, Event::HungUp);
        }
        let sender = self
            .senders
            .remove(&channel)
            .unwrap_or_else(|| self.world.sender(channel));
        // What there is still room for is lost; the first that is refused comes back.
        let refused = loop {
            match sender.send(value) {
                Ok(()) => thread::yield_now(),
                Err(refused) => break refused.0,
            }
        };
        self.done(Kind::Refuse, Event::Refused(refused))
    }

    fn gather(&self, act: usize, role: Role, each: u32) -> Event {
        let gather = &self.world.gathers[&act];
        let offset = match role {
            Role::First => 0,
            Role::Second => 1_000,
            Role::Only | Role::Third => {
                let receiver = gather.receiver();
                let mut values = Vec::new();
                while let Ok(value) = receiver.receive(Receive::Plain) {
                    values.push(value);
                }
                // The order of each sender is kept; that of the two is not determined.
                let is_ordered = |from: &dyn Fn(&u32) -> bool| {
                    values.iter().filter(|value| from(value)).is_sorted()
                };
                assert!(
                    is_ordered(&|value| *value < 1_000) && is_ordered(&|value| *value >= 1_000)
                );
                values.sort_unstable();
                return self.done(Kind::Gather, Event::Gathered(values));
            }
        };
        let sender = gather.sender();
        for value in 0..each {
            sender.send(offset + value).expect("the receiver is there");
        }
        self.done(Kind::Gather, Event::Sent)
    }
}

/// Whether `park_timeout` returns, and not so often that it cannot have waited. It may return early: for a
/// token that is left over, and for no reason.
fn parks(start: Instant, time: Duration) -> bool {
    let mut parked = 0;
    while let Some(rest) = time.checked_sub(start.elapsed()) {
        thread::park_timeout(rest);
        parked += 1;
    }
    parked < 50
}
