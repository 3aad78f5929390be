//! A measured figure: its median, with the least and the greatest of its rounds.

use serde_json::{Value, json};

use crate::ROUNDS;

/// Several rounds of one measurement.
pub(crate) struct Figure {
    pub(crate) work: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) rounds: Vec<f64>,
}

impl Figure {
    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.rounds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    fn median(&self) -> f64 {
        let sorted = self.sorted();
        sorted[sorted.len() / 2]
    }

    fn least(&self) -> f64 {
        self.sorted()[0]
    }

    fn greatest(&self) -> f64 {
        *self.sorted().last().expect("a figure has rounds")
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "work": self.work,
            "peer": null,
            "ours": self.median(),
            "theirs": null,
            "unit": self.unit,
            "ratio": null,
            "least": self.least(),
            "greatest": self.greatest(),
            "rounds": self.rounds.len(),
        })
    }

    pub(crate) fn table(figures: &[Figure]) -> String {
        let mut text = format!(
            "{:<44}{:>12}  {:<14}{}\n",
            "measured", "median", "unit", "least - greatest"
        );
        for figure in figures {
            let Figure { work, unit, .. } = figure;
            let median = print(figure.median());
            let range = format!("{} - {}", print(figure.least()), print(figure.greatest()));
            text.push_str(&format!("{work:<44}{median:>12}  {unit:<14}{range}\n"));
        }
        text
    }
}

fn print(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

/// The same work done by us and by a peer, in turns.
pub(crate) struct Versus {
    pub(crate) work: &'static str,
    pub(crate) peer: &'static str,
    /// Milliseconds for one piece of the work, a round each.
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Versus {
    /// Lets both do the work, ROUNDS times in turns. Both say the seconds that one piece of it took.
    pub(crate) fn in_turns(
        work: &'static str,
        peer: &'static str,
        mut ours: impl FnMut() -> anyhow::Result<f64>,
        mut theirs: impl FnMut() -> anyhow::Result<f64>,
    ) -> anyhow::Result<Versus> {
        let mut versus = Versus {
            work,
            peer,
            ours: Vec::new(),
            theirs: Vec::new(),
        };
        // The first round warms up and does not count.
        for round in 0..=ROUNDS {
            let (theirs, ours) = (theirs()?, ours()?);
            if round > 0 {
                versus.ours.push(ours * 1_000.0);
                versus.theirs.push(theirs * 1_000.0);
            }
        }
        Ok(versus)
    }

    /// Something that each did once, and the seconds that it took.
    pub(crate) fn once(work: &'static str, peer: &'static str, ours: f64, theirs: f64) -> Versus {
        Versus {
            work,
            peer,
            ours: vec![ours * 1_000.0],
            theirs: vec![theirs * 1_000.0],
        }
    }

    fn medians(&self) -> (f64, f64) {
        let median = |rounds: &[f64]| percentile(&mut rounds.to_vec(), 0.5);
        (median(&self.ours), median(&self.theirs))
    }

    pub(crate) fn json(&self) -> Value {
        let (ours, theirs) = self.medians();
        json!({
            "work": self.work,
            "peer": self.peer,
            "ours": ours,
            "theirs": theirs,
            "unit": "ms",
            "ratio": theirs / ours,
        })
    }

    pub(crate) fn table(all: &[Versus]) -> String {
        let mut text = format!(
            "{:<26}{:<18}{:>12}{:>12}{:>10}\n",
            "work", "peer", "ours, ms", "theirs, ms", "ratio"
        );
        for versus in all {
            let Versus { work, peer, .. } = versus;
            let (ours, theirs) = versus.medians();
            text.push_str(&format!(
                "{work:<26}{peer:<18}{ours:>12.3}{theirs:>12.3}{:>10.1}\n",
                theirs / ours
            ));
        }
        text
    }
}

/// The value below which a share of the values lies.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = ((values.len() - 1) as f64 * share).round() as usize;
    values[index]
}
