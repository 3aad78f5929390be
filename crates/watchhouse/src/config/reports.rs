//! Where reports go, how urgent they are, and when they have to be answered.

use serde::{Deserialize, Serialize};

use crate::store::reports::Source;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reports {
    pub escalate_at_percent: Vec<u32>,
    pub escalate_by: u32,
    pub lanes: Vec<Lane>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReportForm {
    pub enabled: bool,
    pub min_seconds: u64,
    pub per_hour: u32,
}

/// What holds for some reports. What is left out fits every report.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    pub source: Option<Source>,
    pub category: Option<String>,
    pub keyword: Option<String>,
    pub queue: String,
    pub priority: u32,
    /// None: no clock.
    pub answer_within_minutes: Option<u64>,
}

/// A year: what is due later is not due.
const LONGEST_MINUTES: u64 = 366 * 24 * 60;

impl Reports {
    /// The first lane that fits.
    pub fn lane(&self, source: Source, category: &str, keyword: Option<&str>) -> &Lane {
        self.lanes
            .iter()
            .find(|lane| lane.fits(source, category, keyword))
            .expect("the last lane fits every report")
    }

    /// # Errors
    /// What is wrong, as a sentence after "the settings are wrong: ".
    pub fn check(&self) -> Result<(), String> {
        let fits_all = |lane: &Lane| {
            lane.source.is_none() && lane.category.is_none() && lane.keyword.is_none()
        };
        if !self.lanes.last().is_some_and(fits_all) {
            return Err(
                "the last of reports.lanes must fit every report: give it neither source, category \
                 nor keyword"
                    .to_owned(),
            );
        }
        if let Some(percent) = self.escalate_at_percent.iter().find(|at| **at > 100) {
            return Err(format!(
                "reports.escalate_at_percent holds {percent}, and a deadline has passed at 100"
            ));
        }
        for (i, lane) in self.lanes.iter().enumerate() {
            if lane.priority > 100 {
                return Err(format!(
                    "reports.lanes[{i}].priority is {}, and at most 100 is allowed",
                    lane.priority
                ));
            }
            if lane.queue.trim().is_empty() {
                return Err(format!("reports.lanes[{i}].queue is empty"));
            }
            let minutes = lane.answer_within_minutes.unwrap_or(1);
            if !(1..=LONGEST_MINUTES).contains(&minutes) {
                return Err(format!(
                    "reports.lanes[{i}].answer_within_minutes is {minutes}, and 1 to \
                     {LONGEST_MINUTES} is allowed; leave it out for no deadline"
                ));
            }
            let category = lane.category.as_deref();
            if let Some(category) = category {
                crate::dsa::check(category, lane.keyword.as_deref())
                    .map_err(|error| format!("reports.lanes[{i}]: {error}"))?;
            }
        }
        Ok(())
    }
}

impl Lane {
    fn fits(&self, source: Source, category: &str, keyword: Option<&str>) -> bool {
        self.source.is_none_or(|of| of == source)
            && self.category.as_deref().is_none_or(|of| of == category)
            && (self.keyword.is_none() || self.keyword.as_deref() == keyword)
    }
}
