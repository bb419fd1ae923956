//! Runs racy programs on whatever `super::shapes` is. Compiled once for each family.

mod world;

use super::shapes;
use crate::program::Via;
use crate::racy::history::{Call, History};
use crate::racy::program::{Action, Race, Side};
use crate::racy::spec::Answer;
use shapes::sync::mpsc::{
    Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, TrySendError, channel,
    sync_channel,
};
use shapes::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use shapes::thread::{self, Builder};
use shapes::time::{Duration, Instant};
use shapes::{sound, threads_of};
use std::hash::{BuildHasher, RandomState};
use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use world::World;

/// Runs a program in threads that the caller's own kind of thread spawns; or, if they are mixed, in threads
/// of every engine by turns. The caller is its main thread.
pub fn run(race: &Arc<Race>, is_mixed: bool) -> History {
    let world = Arc::new(World::new(race));
    let scripts = race.scripts();
    let (sender, receiver) = ends(race.channel);
    let receiver = Arc::new(sound::Mutex::new(receiver));
    let mut handles = Vec::new();
    for (index, worker) in race.threads.iter().enumerate() {
        let produces = worker.side == Side::Produces;
        let ends = (
            produces.then(|| sender.clone()),
            (!produces).then(|| receiver.clone()),
        );
        let (world, script) = (world.clone(), scripts[index].clone());
        let turn = is_mixed.then_some(index);
        let handle = threads_of::spawn(Builder::new(), turn, move || {
            let _ = world.handles[index].set(thread::current());
            world.gate.wait();
            let calls = Runner::new(&world, ends).all(&script);
            world.done[index].store(calls.len(), Relaxed);
            calls
        });
        handles.push(Some(handle.expect("the thread can be started")));
    }
    drop(sender);
    let mut main = Runner::new(&world, (None, race.drains.then_some(receiver)));
    world.gate.wait();
    let mut threads = vec![vec![]; handles.len()];
    for action in scripts.last().expect("the main thread has one") {
        if let Action::Join(index) = *action {
            let invoked = world.tick();
            let joined = handles[index].take().expect("it is joined once").join();
            let answered = world.tick();
            threads[index] = joined.expect("racy programs do not panic");
            // What the thread wrote last, without any order of its own.
            let is_missing = world.done[index].load(Relaxed) != threads[index].len();
            let call = Call {
                action: *action,
                answer: Answer::Done,
                invoked,
                answered,
                is_early: false,
                is_missing,
            };
            main.calls.push(call);
        } else {
            main.all_of(*action);
        }
    }
    threads.push(main.calls);
    History { threads }
}

#[derive(Clone)]
enum Sending {
    Unbounded(Sender<u64>),
    Bounded(SyncSender<u64>),
}

type Receiving = Arc<sound::Mutex<Receiver<u64>>>;

fn ends(via: Via) -> (Sending, Receiver<u64>) {
    let room = match via {
        Via::Unbounded => {
            let (sender, receiver) = channel();
            return (Sending::Unbounded(sender), receiver);
        }
        Via::Bounded(room) => room,
        Via::Rendezvous => 0,
    };
    let (sender, receiver) = sync_channel(room);
    (Sending::Bounded(sender), receiver)
}

/// A thread that goes through its script.
struct Runner<'a> {
    world: &'a World,
    sender: Option<Sending>,
    receiver: Option<Receiving>,
    guard: Option<MutexGuard<'a, u64>>,
    reader: Option<RwLockReadGuard<'a, u64>>,
    writer: Option<RwLockWriteGuard<'a, u64>>,
    /// What was read when the lock was taken.
    before: u64,
    is_early: bool,
    calls: Vec<Call>,
    dice: u64,
}

impl<'a> Runner<'a> {
    fn new(world: &'a World, (sender, receiver): (Option<Sending>, Option<Receiving>)) -> Self {
        Self {
            world,
            sender,
            receiver,
            guard: None,
            reader: None,
            writer: None,
            before: 0,
            is_early: false,
            calls: Vec::new(),
            dice: RandomState::new().hash_one(()) | 1,
        }
    }

    /// Lets others come in between, now and then. Each run does it elsewhere.
    fn linger(&mut self) {
        // A xorshift generator (Marsaglia 2003).
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        match self.dice % 16 {
            0..=5 => thread::yield_now(),
            6..=8 => (0..self.dice % 2_000).for_each(|_| spin_loop()),
            9 => thread::sleep(Duration::from_micros(self.dice % 100)),
            _ => {}
        }
    }

    fn all(mut self, script: &[Action]) -> Vec<Call> {
        let mut place = 0;
        while let Some(action) = script.get(place) {
            place += 1 + action.skips(self.all_of(*action));
        }
        self.calls
    }

    /// An action, as often as it is to be done.
    fn all_of(&mut self, action: Action) -> Answer {
        loop {
            let answer = self.timed(action);
            if action != Action::Drain || answer == Answer::Gone {
                return answer;
            }
        }
    }

    fn timed(&mut self, action: Action) -> Answer {
        let is_second_half = matches!(action, Action::Taken(_));
        let first_half = self.calls.last().map(|call| call.invoked);
        self.is_early = false;
        if !is_second_half {
            self.linger();
        }
        let invoked = self.world.tick();
        let answer = self.act(action);
        let answered = self.world.tick();
        let mut call = Call {
            action,
            answer,
            invoked,
            answered,
            is_early: self.is_early,
            is_missing: false,
        };
        if let (true, Some(invoked)) = (is_second_half, first_half) {
            // Both halves are one call.
            call.invoked = invoked;
            self.calls
                .last_mut()
                .expect("it is the first half")
                .answered = answered;
        }
        self.calls.push(call);
        answer
    }

    fn act(&mut self, action: Action) -> Answer {
        let world = self.world;
        match action {
            Action::Lock(mutex) => {
                let guard = world.mutexes[mutex].lock().expect("nobody panics with it");
                self.locked(guard)
            }
            Action::TryLock(mutex) => match world.mutexes[mutex].try_lock() {
                Ok(guard) => self.locked(guard),
                Err(TryLockError::WouldBlock) => Answer::Taken,
                Err(TryLockError::Poisoned(_)) => unreachable!("nobody panics with it"),
            },
            Action::Unlock(_, add) => {
                *self.guard.as_deref_mut().expect("it is held") = self.before + add;
                self.guard = None;
                Answer::Done
            }
            Action::Read => self.reads(world.lock.read().expect("nobody panics with it")),
            Action::TryRead => match world.lock.try_read() {
                Ok(guard) => self.reads(guard),
                Err(_) => Answer::Taken,
            },
            Action::EndRead => {
                self.reader = None;
                Answer::Done
            }
            Action::Write => self.writes(world.lock.write().expect("nobody panics with it")),
            Action::TryWrite => match world.lock.try_write() {
                Ok(guard) => self.writes(guard),
                Err(_) => Answer::Taken,
            },
            Action::EndWrite(add) => {
                *self.writer.as_deref_mut().expect("it is held") = self.before + add;
                self.writer = None;
                Answer::Done
            }
            Action::Init(own) => Answer::Value(*world.cell.get_or_init(|| {
                thread::yield_now();
                own
            })),
            Action::Yield => {
                thread::yield_now();
                Answer::Done
            }
            Action::Sleep(micros) => {
                let (start, time) = (Instant::now(), Duration::from_micros(micros));
                thread::sleep(time);
                self.is_early = start.elapsed() < time;
                Answer::Done
            }
            Action::Raise(board) => world.raise(board),
            Action::Await(board) => self.wait(board, None),
            Action::AwaitFor(board, micros) => {
                self.wait(board, Some(Duration::from_micros(micros)))
            }
            Action::Close(board) => world.close(board),
            Action::Join(_) => unreachable!("the main thread does it"),
            action => self.on_channel(action),
        }
    }

    fn locked(&mut self, guard: MutexGuard<'a, u64>) -> Answer {
        self.before = *guard;
        self.guard = Some(guard);
        Answer::Value(self.before)
    }

    fn reads(&mut self, guard: RwLockReadGuard<'a, u64>) -> Answer {
        let value = *guard;
        self.reader = Some(guard);
        Answer::Value(value)
    }

    fn writes(&mut self, guard: RwLockWriteGuard<'a, u64>) -> Answer {
        self.before = *guard;
        self.writer = Some(guard);
        Answer::Value(self.before)
    }

    fn on_channel(&mut self, action: Action) -> Answer {
        match action {
            // The send itself is the second half.
            Action::Offer(_) => return Answer::Done,
            Action::LeaveSender => {
                self.sender = None;
                return Answer::Done;
            }
            Action::LeaveReceiver => {
                self.receiver = None;
                return Answer::Done;
            }
            Action::Send(value) | Action::Taken(value) => {
                let sent = match self.sender.as_ref().expect("it is a producer") {
                    Sending::Unbounded(sender) => sender.send(value),
                    Sending::Bounded(sender) => sender.send(value),
                };
                return sent.map_or(Answer::Gone, |()| Answer::Done);
            }
            Action::TrySend(value) => {
                return match self.sender.as_ref().expect("it is a producer") {
                    Sending::Unbounded(sender) => {
                        sender.send(value).map_or(Answer::Gone, |()| Answer::Done)
                    }
                    Sending::Bounded(sender) => match sender.try_send(value) {
                        Ok(()) => Answer::Done,
                        Err(TrySendError::Full(_)) => Answer::Full,
                        Err(TrySendError::Disconnected(_)) => Answer::Gone,
                    },
                };
            }
            _ => {}
        }
        let receiver = Arc::clone(self.receiver.as_ref().expect("it is a consumer"));
        let receiver = receiver.lock().expect("nobody panics with it");
        match action {
            Action::TryReceive => match receiver.try_recv() {
                Ok(value) => Answer::Value(value),
                Err(TryRecvError::Empty) => Answer::Empty,
                Err(TryRecvError::Disconnected) => Answer::Gone,
            },
            Action::ReceiveFor(micros) => {
                let (start, time) = (Instant::now(), Duration::from_micros(micros));
                match receiver.recv_timeout(time) {
                    Ok(value) => Answer::Value(value),
                    Err(RecvTimeoutError::Disconnected) => Answer::Gone,
                    Err(RecvTimeoutError::Timeout) => {
                        self.is_early = start.elapsed() < time;
                        Answer::TimedOut
                    }
                }
            }
            _ => receiver.recv().map_or(Answer::Gone, Answer::Value),
        }
    }

    /// Waits for a flag and takes it down.
    fn wait(&mut self, board: usize, time: Option<Duration>) -> Answer {
        let start = Instant::now();
        let answer = match board.checked_sub(1) {
            None => self.world.wait(time),
            Some(own) => self.world.tokens[own].wait(time),
        };
        self.is_early =
            answer == Answer::TimedOut && time.is_some_and(|time| start.elapsed() < time);
        answer
    }
}
