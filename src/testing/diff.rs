//! The lines in which two texts differ. `difference.rs` relies on it.

use std::fmt::Write as _;

/// Equal lines that are shown around a difference.
const AROUND: usize = 2;
/// The most pairs of lines that are compared; beyond, what differs is shown as one block.
const MOST: usize = 4_000_000;

/// The lines of two texts: `-` before those of the first alone, `+` before those of the second alone, and some
/// equal ones around them.
pub(super) fn lines(first: &str, second: &str) -> String {
    let (first, second): (Vec<_>, Vec<_>) = (first.lines().collect(), second.lines().collect());
    let edits = edits(&first, &second);
    let near = |place: usize| {
        let from = place.saturating_sub(AROUND);
        let to = (place + AROUND + 1).min(edits.len());
        edits[from..to].iter().any(|(mark, _)| *mark != ' ')
    };
    let mut text = String::new();
    let mut shown = true;
    for (place, (mark, line)) in edits.iter().enumerate() {
        if near(place) {
            let _ = writeln!(text, "{mark}{line}");
            shown = true;
        } else if shown {
            text += "...\n";
            shown = false;
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// What makes the second of the first: a mark before each line.
fn edits<'a>(first: &[&'a str], second: &[&'a str]) -> Vec<(char, &'a str)> {
    let equal = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let before = first.iter().zip(second).take_while(equal).count();
    let (first_rest, second_rest) = (&first[before..], &second[before..]);
    let ends = first_rest.iter().rev().zip(second_rest.iter().rev());
    let after = ends.take_while(equal).count();
    let first_middle = &first_rest[..first_rest.len() - after];
    let second_middle = &second_rest[..second_rest.len() - after];
    let kept = |lines: &[&'a str]| lines.iter().map(|line| (' ', *line)).collect::<Vec<_>>();
    let mut edits = kept(&first[..before]);
    edits.extend(middle(first_middle, second_middle));
    edits.extend(kept(&first[first.len() - after..]));
    edits
}

/// By the longest common subsequence.
fn middle<'a>(first: &[&'a str], second: &[&'a str]) -> Vec<(char, &'a str)> {
    let removed = |line: &&'a str| ('-', *line);
    let added = |line: &&'a str| ('+', *line);
    if first.len().saturating_mul(second.len()) > MOST {
        let all = first.iter().map(removed).chain(second.iter().map(added));
        return all.collect();
    }
    // How many lines the rests from here on have in common.
    let width = second.len() + 1;
    let mut common = vec![0_u32; (first.len() + 1) * width];
    for one in (0..first.len()).rev() {
        for other in (0..second.len()).rev() {
            common[one * width + other] = if first[one] == second[other] {
                common[(one + 1) * width + other + 1] + 1
            } else {
                common[(one + 1) * width + other].max(common[one * width + other + 1])
            };
        }
    }
    let mut edits = Vec::new();
    let (mut one, mut other) = (0, 0);
    while one < first.len() && other < second.len() {
        if first[one] == second[other] {
            edits.push((' ', first[one]));
            (one, other) = (one + 1, other + 1);
        } else if common[(one + 1) * width + other] >= common[one * width + other + 1] {
            edits.push(removed(&first[one]));
            one += 1;
        } else {
            edits.push(added(&second[other]));
            other += 1;
        }
    }
    edits.extend(first[one..].iter().map(removed));
    edits.extend(second[other..].iter().map(added));
    edits
}

#[cfg(test)]
mod tests {
    use super::{edits, lines};

    #[test]
    fn lines_that_differ_are_marked() {
        assert_eq!(lines("a\nb\nc", "a\nB\nc"), " a\n-b\n+B\n c");
        assert_eq!(lines("a\nb", "a\nb\nc"), " a\n b\n+c");
        assert_eq!(lines("a\nb\nc\nd", "b\nd\ne"), "-a\n b\n-c\n d\n+e");
        assert_eq!(lines("", "a"), "+a");
    }

    #[test]
    fn equal_lines_far_away_are_left_out() {
        let first = "1\n2\n3\n4\n5\n6\n7\n8\n9";
        let second = first.replace('5', "five");
        assert_eq!(lines(first, &second), "...\n 3\n 4\n-5\n+five\n 6\n 7\n...");
    }

    #[test]
    fn the_marks_make_either_text() {
        let text = |seed: usize| (0..40).map(move |n| ["a", "b", "c"][(n * seed + n / 5) % 3]);
        for (one, other) in [(1, 2), (2, 5), (7, 4), (3, 3)] {
            let (first, second): (Vec<_>, Vec<_>) = (text(one).collect(), text(other).collect());
            let edits = edits(&first, &second);
            let without = |mark: char| {
                let kept = edits.iter().filter(move |(other, _)| *other != mark);
                kept.map(|(_, line)| *line).collect::<Vec<_>>()
            };
            assert_eq!(without('+'), first);
            assert_eq!(without('-'), second);
        }
    }
}
