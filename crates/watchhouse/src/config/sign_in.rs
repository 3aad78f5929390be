//! How people sign in, and for how long.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    pub idle_minutes: u64,
    pub max_hours: u64,
    pub invitation_hours: u64,
    pub tries_per_hour: u32,
    pub require_second_factor: bool,
}

impl SignIn {
    /// # Errors
    /// What is wrong, as a sentence after "the settings are wrong: ".
    pub fn check(&self) -> Result<(), String> {
        const YEAR: u64 = 366 * 24;
        let bounds = [
            ("idle_minutes", self.idle_minutes, YEAR * 60),
            ("max_hours", self.max_hours, YEAR),
            ("invitation_hours", self.invitation_hours, YEAR),
            ("tries_per_hour", u64::from(self.tries_per_hour), 100_000),
        ];
        for (name, value, most) in bounds {
            if !(1..=most).contains(&value) {
                return Err(format!(
                    "sign_in.{name} is {value}, and 1 to {most} is allowed"
                ));
            }
        }
        Ok(())
    }
}
