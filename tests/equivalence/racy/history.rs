//! What the threads of a racy program did, and when: the answers, between two ticks of one clock.

use super::linearize;
use super::program::{Action, Race};
use super::spec::{Answer, objects};

/// One action of one thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub action: Action,
    pub answer: Answer,
    /// The tick before it began.
    pub invoked: u64,
    /// The tick after it ended.
    pub answered: u64,
    /// A timeout that ended it had not passed.
    pub is_early: bool,
    /// A join: not all that the thread did was to be seen.
    pub is_missing: bool,
}

/// The calls of each thread. The last is the main thread.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub threads: Vec<Vec<Call>>,
}

impl History {
    /// The answers alone.
    pub fn answers(&self) -> Vec<Vec<Answer>> {
        let answers = |calls: &Vec<Call>| calls.iter().map(|call| call.answer).collect();
        self.threads.iter().map(answers).collect()
    }

    /// Whether a program may behave like this.
    ///
    /// # Errors
    ///
    /// What it may not.
    pub fn check(&self, race: &Race) -> Result<(), String> {
        self.is_complete(race)?;
        for (thread, calls) in self.threads.iter().enumerate() {
            if let Some(call) = calls.iter().find(|call| call.is_early) {
                return Err(format!("thread {thread} timed out early: {call:?}"));
            }
            if let Some(call) = calls.iter().find(|call| call.is_missing) {
                return Err(format!("a thread was joined that had not ended: {call:?}"));
            }
            self.joins(calls)?;
        }
        for (place, object) in objects(race).into_iter().enumerate() {
            linearize::check(&object, &linearize::calls_of(self, place))?;
        }
        Ok(())
    }

    /// Every thread has done all of its script, and nothing else.
    fn is_complete(&self, race: &Race) -> Result<(), String> {
        let scripts = race.scripts();
        if self.threads.len() != scripts.len() {
            return Err(format!(
                "{} threads left a history, of {}",
                self.threads.len(),
                scripts.len()
            ));
        }
        for (thread, (calls, script)) in self.threads.iter().zip(&scripts).enumerate() {
            let mut place = 0;
            for call in calls {
                if script.get(place) != Some(&call.action) {
                    return Err(format!(
                        "thread {thread} did {call:?}; its script says {:?}",
                        script.get(place)
                    ));
                }
                if call.action == Action::Drain && call.answer != Answer::Gone {
                    continue;
                }
                place += 1 + call.action.skips(call.answer);
            }
            if place != script.len() {
                return Err(format!(
                    "thread {thread} ended before {:?}",
                    script.get(place)
                ));
            }
        }
        Ok(())
    }

    /// All that a thread did was before the end of its join.
    fn joins(&self, calls: &[Call]) -> Result<(), String> {
        for call in calls {
            let Action::Join(thread) = call.action else {
                continue;
            };
            if let Some(late) = self.threads[thread]
                .iter()
                .find(|late| late.answered > call.answered)
            {
                return Err(format!(
                    "thread {thread} was joined at {}, and still did {late:?}",
                    call.answered
                ));
            }
        }
        Ok(())
    }
}
