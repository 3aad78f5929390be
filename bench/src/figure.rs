//! A measured figure: its median, with the least and the greatest of its rounds.

use serde_json::{Value, json};

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
            "unit": self.unit,
            "median": self.median(),
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

/// The value below which a share of the values lies.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = ((values.len() - 1) as f64 * share).round() as usize;
    values[index]
}
