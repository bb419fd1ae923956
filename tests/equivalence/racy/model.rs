//! Every schedule of a small program, on the specifications alone: the exact set of what may be answered.

use super::program::{Action, Race};
use super::spec::{Answer, State, objects};
use std::collections::HashSet;

/// The answers of each thread.
pub type Answers = Vec<Vec<Answer>>;

/// Where a program stands.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Point {
    places: Vec<usize>,
    objects: Vec<State>,
    answers: Answers,
}

/// All that may come of a program.
///
/// # Errors
///
/// There are more than `limit` points; the program is not small.
///
/// # Panics
///
/// If some schedule ends in a deadlock: such programs are not generated.
pub fn outcomes(race: &Race, limit: usize) -> Result<HashSet<Answers>, String> {
    let scripts = race.scripts();
    let start = Point {
        places: vec![0; scripts.len()],
        objects: objects(race),
        answers: vec![vec![]; scripts.len()],
    };
    let (mut seen, mut open) = (HashSet::from([start.clone()]), vec![start]);
    let mut outcomes = HashSet::new();
    while let Some(point) = open.pop() {
        if seen.len() > limit {
            return Err(format!("more than {limit} points"));
        }
        let next = point.next(&scripts);
        if next.is_empty() {
            let is_end = point
                .places
                .iter()
                .zip(&scripts)
                .all(|(place, script)| *place == script.len());
            assert!(is_end, "a deadlock at {:?} of {race:?}", point.places);
            outcomes.insert(point.answers);
            continue;
        }
        for point in next {
            if seen.insert(point.clone()) {
                open.push(point);
            }
        }
    }
    Ok(outcomes)
}

impl Point {
    fn next(&self, scripts: &[Vec<Action>]) -> Vec<Point> {
        let mut points = Vec::new();
        for (thread, script) in scripts.iter().enumerate() {
            let Some(action) = script.get(self.places[thread]).copied() else {
                continue;
            };
            let Some(object) = action.object() else {
                if self.may_pass(scripts, action) {
                    points.push(self.then(thread, action, Answer::Done));
                    // It changes nothing that others see, so nobody else need come first.
                    return vec![points.pop().expect("it was just pushed")];
                }
                continue;
            };
            let others_queue = (0..scripts.len())
                .filter(|other| *other != thread)
                .any(|other| {
                    let waiting = scripts[other].get(self.places[other]);
                    waiting.is_some_and(|action| action.queues())
                });
            for (state, answer) in self.objects[object].step(thread, action, others_queue) {
                let mut point = self.then(thread, action, answer);
                point.objects[object] = state;
                points.push(point);
            }
        }
        points
    }

    fn may_pass(&self, scripts: &[Vec<Action>], action: Action) -> bool {
        match action {
            Action::Join(thread) => self.places[thread] == scripts[thread].len(),
            _ => true,
        }
    }

    fn then(&self, thread: usize, action: Action, answer: Answer) -> Point {
        let mut point = self.clone();
        point.answers[thread].push(answer);
        if action != Action::Drain || answer == Answer::Gone {
            point.places[thread] += 1 + action.skips(answer);
        }
        point
    }
}
