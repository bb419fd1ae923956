//! Parking, and waiting on condition variables.

use super::Running;
use super::shapes::thread;
use super::shapes::time::Duration;
use super::world::{LONG, Notice};
use crate::plan::Role;
use crate::program::{Board, Park, Wait};
use crate::trace::{Event, Kind};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

impl Running {
    pub(super) fn unpark(&self, act: usize, role: Role, to: usize, park: Park) -> Event {
        if park == Park::Token {
            return self.pass_token(act, role, to);
        }
        let flag = &self.world.flags[act];
        if role == Role::First {
            flag.store(true, SeqCst);
            self.world.handle(to).unpark();
            return self.done(Kind::Unpark, Event::Unparked);
        }
        while !flag.load(SeqCst) {
            match park {
                Park::Timed => thread::park_timeout(Duration::from_micros(300)),
                Park::Plain | Park::Token => thread::park(),
            }
        }
        self.done(Kind::Park, Event::Parked)
    }

    /// The token is there before its owner parks. Both have to have come: std's channels, when they wait, may
    /// take a token that comes early.
    fn pass_token(&self, act: usize, role: Role, to: usize) -> Event {
        let until = |flag: &AtomicBool| {
            while !flag.load(SeqCst) {
                thread::yield_now();
            }
        };
        if role == Role::First {
            until(&self.world.arrivals[act]);
            self.world.handle(to).unpark();
            self.world.flags[act].store(true, SeqCst);
            return self.done(Kind::Unpark, Event::Unparked);
        }
        self.world.arrivals[act].store(true, SeqCst);
        until(&self.world.flags[act]);
        thread::park();
        self.done(Kind::Park, Event::Parked)
    }

    pub(super) fn notify(&self, act: usize, role: Role, board: Board, wait: Wait) -> Event {
        let notice = match board {
            Board::Shared(board) => &self.world.boards[board],
            Board::Own => &self.world.own_boards[&act],
        };
        if role == Role::First {
            notice
                .raised
                .lock()
                .expect("nobody panics with it")
                .insert(act);
            match board {
                Board::Shared(_) => notice.changed.notify_all(),
                Board::Own => notice.changed.notify_one(),
            }
            return self.done(Kind::Notify, Event::Notified);
        }
        let is_timed_out = wait_for(notice, act, wait);
        self.done(Kind::Wait, Event::Waited { is_timed_out })
    }
}

/// Waits for a flag, and takes it down. True if a timeout passed that should not.
fn wait_for(notice: &Notice, flag: usize, wait: Wait) -> bool {
    let Notice { raised, changed } = notice;
    let mut guard = raised.lock().expect("nobody panics with it");
    let is_missing = |raised: &mut BTreeSet<usize>| !raised.contains(&flag);
    let mut is_timed_out = false;
    match wait {
        Wait::Plain => {
            while is_missing(&mut guard) {
                guard = changed.wait(guard).expect("nobody panics with it");
            }
        }
        Wait::While => {
            guard = changed
                .wait_while(guard, is_missing)
                .expect("nobody panics with it")
        }
        Wait::Timed => {
            while is_missing(&mut guard) {
                let waited = changed.wait_timeout(guard, Duration::from_micros(300));
                guard = waited.expect("nobody panics with it").0;
            }
        }
        Wait::Patient => {
            let waited = changed.wait_timeout_while(guard, LONG, is_missing);
            let (back, timeout) = waited.expect("nobody panics with it");
            (guard, is_timed_out) = (back, timeout.timed_out());
        }
    }
    guard.remove(&flag);
    is_timed_out
}
