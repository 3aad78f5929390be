//! What scanning a file came to: what it adds to the summary, and the lines that tell of it.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// What one file came to, with all that is in it; or all files together, without their lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Outcome {
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) files: u64,
    /// In archives.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) members: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) bytes: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) matched: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) unchecked: u64,
    /// As they are printed, without the ends of the lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) lines: Vec<String>,
    /// What was in the way may be gone when the file is looked at again.
    #[serde(skip)]
    pub(super) is_passing: bool,
}

impl AddAssign for Outcome {
    fn add_assign(&mut self, other: Outcome) {
        self.files += other.files;
        self.members += other.members;
        self.bytes += other.bytes;
        self.matched += other.matched;
        self.unchecked += other.unchecked;
        self.lines.extend(other.lines);
        self.is_passing |= other.is_passing;
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
