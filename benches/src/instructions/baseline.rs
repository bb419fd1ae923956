//! The counts that are kept in `benches/instructions.md`, and how others compare with them.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// How far a count may be from the baseline, as a part of it, upwards or downwards.
///
/// Most counts are the same to a tenth of an instruction in every run, idle or loaded, from any
/// folder, with debug information and without. What a yield takes differs by up to 1%: every 61
/// switches the clock decides whether to ask the kernel for events.
pub(crate) const BAND: f64 = 0.02;

/// What was counted at one time.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Counts {
    pub(crate) environment: Environment,
    pub(crate) counts: Vec<Count>,
}

/// What counts depend on besides the code: those of different ones cannot be compared.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Environment {
    pub(crate) compiler: String,
    pub(crate) target: String,
    pub(crate) libc: String,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Count {
    pub(crate) operation: String,
    /// What kind of thread it was counted on.
    pub(crate) place: String,
    /// Of one operation.
    pub(crate) instructions: f64,
}

impl Counts {
    /// The count of an operation in a place.
    pub(crate) fn of(&self, operation: &str, place: &str) -> Option<f64> {
        let mut counts = self.counts.iter();
        let count = counts.find(|count| count.operation == operation && count.place == place)?;
        Some(count.instructions)
    }

    /// What keeps `now` from being as this baseline is; nothing if it is.
    pub(crate) fn complaints(&self, now: &Self) -> Vec<String> {
        let differences = self.environment.differences(&now.environment);
        if !differences.is_empty() {
            return vec![format!(
                "the counts cannot be compared: {}. Count with what the baseline was counted with; \
                 or take a new baseline at the commit before the change in question, and compare \
                 with that",
                differences.join(", ")
            )];
        }
        let mut complaints = Vec::new();
        for count in &now.counts {
            complaints.extend(match self.of(&count.operation, &count.place) {
                Some(expected) => count.complaint(expected),
                None => Some(format!("{count}: it is not in the baseline")),
            });
        }
        for count in &self.counts {
            if now.of(&count.operation, &count.place).is_none() {
                complaints.push(format!("{count} in the baseline: it was not counted"));
            }
        }
        complaints
    }
}

impl Environment {
    fn differences(&self, now: &Self) -> Vec<String> {
        let pairs = [
            ("compiler", &self.compiler, &now.compiler),
            ("target", &self.target, &now.target),
            ("libc", &self.libc, &now.libc),
        ];
        pairs
            .into_iter()
            .filter(|(_, baseline, now)| baseline != now)
            .map(|(what, baseline, now)| {
                format!("the baseline's {what} is {baseline}, this one's {now}")
            })
            .collect()
    }
}

impl Count {
    /// What is to be said of this count, where there were `expected` instructions.
    fn complaint(&self, expected: f64) -> Option<String> {
        let change = self.instructions / expected - 1.0;
        if change.abs() <= BAND {
            return None;
        }
        let advice = match change < 0.0 {
            true => "a new baseline keeps it so",
            false => "find out what it is for",
        };
        Some(format!(
            "{self}, the baseline has {expected:.1}: {:+.1} %, outside the band of {:.0} %; {advice}",
            change * 100.0,
            BAND * 100.0
        ))
    }
}

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            operation,
            place,
            instructions,
        } = self;
        write!(f, "{operation} ({place}): {instructions:.1} instructions")
    }
}

/// The file.
impl Display for Counts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Environment {
            compiler,
            target,
            libc,
        } = &self.environment;
        writeln!(
            f,
            "# Instructions an operation\n\n\
             Counted by callgrind. `just instructions` compares with it: a count that is more than \
             {:.0} % above or below fails. `just bless-instructions` writes it.\n\n\
             {COMPILER}{compiler}\n{TARGET}{target}\n{LIBC}{libc}\n\n\
             | operation | thread | instructions |\n|---|---|---:|",
            BAND * 100.0
        )?;
        for Count {
            operation,
            place,
            instructions,
        } in &self.counts
        {
            writeln!(f, "| {operation} | {place} | {instructions:.1} |")?;
        }
        Ok(())
    }
}

const COMPILER: &str = "- compiler: ";
const TARGET: &str = "- target: ";
const LIBC: &str = "- libc: ";

impl FromStr for Counts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let value = |beginning: &str| {
            let mut lines = text.lines();
            let value = lines.find_map(|line| line.strip_prefix(beginning));
            value
                .map(str::to_owned)
                .ok_or_else(|| format!("the baseline has no line \"{beginning}...\""))
        };
        let environment = Environment {
            compiler: value(COMPILER)?,
            target: value(TARGET)?,
            libc: value(LIBC)?,
        };
        // The first two are the head.
        let rows = text.lines().filter(|line| line.starts_with('|')).skip(2);
        let counts = rows.map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self {
            environment,
            counts,
        })
    }
}

impl FromStr for Count {
    type Err = String;

    /// A row of the table.
    fn from_str(row: &str) -> Result<Self, String> {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if let ["", operation, place, instructions, ""] = *cells
            && let Ok(instructions) = instructions.parse()
        {
            return Ok(Self {
                operation: operation.to_owned(),
                place: place.to_owned(),
                instructions,
            });
        }
        Err(format!(
            "the baseline has the row {row:?}: it has to be | operation | thread | number |"
        ))
    }
}
