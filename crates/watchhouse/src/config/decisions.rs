//! What decisions need before they take effect, and how they are objected to.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, later};

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Decisions {
    pub undo_seconds: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Appeals {
    pub window_days: u64,
    pub answer_within_days: u64,
    pub queue: String,
    pub priority: u32,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Strikes {
    pub steps: Vec<Step>,
}

/// What is recommended when an account's strikes weigh so much.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub weight: u32,
    pub action: String,
    /// None: with no end.
    pub days: Option<u32>,
}

const DAY: Duration = Duration::from_hours(24);
const LONGEST_UNDO: u64 = 3_600;
const MOST_DAYS: u64 = 3_660;

impl Decisions {
    /// # Errors
    /// What is wrong, as a sentence after "the settings are wrong: ".
    pub fn check(&self) -> Result<(), String> {
        if self.undo_seconds > LONGEST_UNDO {
            return Err(format!(
                "decisions.undo_seconds is {}, and at most {LONGEST_UNDO} is allowed: everybody waits \
                 for so long",
                self.undo_seconds
            ));
        }
        Ok(())
    }
}

impl Appeals {
    /// Until when what was told at that time can be appealed against.
    pub fn until(&self, told_at: Timestamp) -> Timestamp {
        later(
            told_at,
            DAY * u32::try_from(self.window_days).unwrap_or(u32::MAX),
        )
    }

    pub fn answer_within(&self) -> Duration {
        DAY * u32::try_from(self.answer_within_days).unwrap_or(u32::MAX)
    }

    /// # Errors
    /// What is wrong, as a sentence after "the settings are wrong: ".
    pub fn check(&self) -> Result<(), String> {
        for (name, days) in [
            ("window_days", self.window_days),
            ("answer_within_days", self.answer_within_days),
        ] {
            if !(1..=MOST_DAYS).contains(&days) {
                return Err(format!(
                    "appeals.{name} is {days}, and 1 to {MOST_DAYS} is allowed"
                ));
            }
        }
        if self.priority > 100 {
            return Err(format!(
                "appeals.priority is {}, and at most 100 is allowed",
                self.priority
            ));
        }
        if self.queue.trim().is_empty() {
            return Err("appeals.queue is empty".to_owned());
        }
        Ok(())
    }
}

impl Strikes {
    /// The heaviest step that so much weight has reached.
    pub fn step(&self, weight: u32) -> Option<&Step> {
        let reached = self.steps.iter().filter(|step| step.weight <= weight);
        reached.max_by_key(|step| step.weight)
    }

    /// # Errors
    /// What is wrong, as a sentence after "the settings are wrong: ".
    pub fn check(&self) -> Result<(), String> {
        for (i, step) in self.steps.iter().enumerate() {
            if step.weight == 0 {
                return Err(format!(
                    "strikes.steps[{i}].weight is 0: nothing is recommended without a strike"
                ));
            }
            if step.action.trim().is_empty() {
                return Err(format!("strikes.steps[{i}].action is empty"));
            }
        }
        Ok(())
    }
}
