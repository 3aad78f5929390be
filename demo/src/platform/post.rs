//! What somebody posted, what Watchhouse said of it, and who may see it now.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A picture with a line of text, as it was posted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Post {
    /// Also the item's external id in Watchhouse.
    pub id: String,
    pub account: String,
    pub surface: Surface,
    pub text: String,
    /// What the file was called where it came from.
    pub file_name: String,
    pub posted_at: Timestamp,
    pub state: State,
    /// Why it is in this state, in words for the one who posted it.
    pub reasons: Vec<String>,
    pub labels: Vec<String>,
    /// None while Watchhouse has not been reached.
    pub answer: Option<Answer>,
    /// Actions that were carried out, oldest first.
    pub actions: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surface {
    Public,
    Private,
    Direct,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Watchhouse could not be asked yet. Nobody sees the post until it was.
    Unchecked,
    Published,
    Held,
    Blocked,
    Removed,
    /// Only the one who posted it sees it.
    Restricted,
}

/// What Watchhouse answers to a scan: the parts that a platform needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    pub id: String,
    pub verdict: Verdict,
    pub reasons: Vec<Reason>,
    pub matches: Vec<Match>,
    pub case: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Allow,
    Hold,
    Block,
}

impl From<Verdict> for State {
    fn from(verdict: Verdict) -> State {
        match verdict {
            Verdict::Allow => State::Published,
            Verdict::Hold => State::Held,
            Verdict::Block => State::Blocked,
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reason {
    pub code: String,
    pub text: String,
    pub rule: Option<Rule>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    pub name: String,
    pub version: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Match {
    pub bank: Bank,
    pub kind: String,
    /// In bits, 0 for digests.
    pub distance: u32,
    pub transform: Option<String>,
    /// Which picture of the frame it was, as `without_border`.
    pub variant: Option<String>,
    pub hash: ListedHash,
    pub rule: Option<Rule>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bank {
    pub name: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListedHash {
    pub external_id: Option<String>,
}

impl Post {
    /// Whether the picture is shown to others.
    pub fn is_visible(&self) -> bool {
        self.state == State::Published
    }

    /// Takes in what Watchhouse said. An action that came first keeps its effect.
    pub(super) fn settle(&mut self, answer: Answer) {
        if self.state == State::Unchecked {
            self.state = answer.verdict.into();
            self.reasons = answer
                .reasons
                .iter()
                .map(|reason| reason.text.clone())
                .collect();
        }
        self.answer = Some(answer);
    }
}

impl FromStr for Surface {
    type Err = ();

    fn from_str(text: &str) -> Result<Surface, ()> {
        match text {
            "public" => Ok(Surface::Public),
            "private" => Ok(Surface::Private),
            "direct" => Ok(Surface::Direct),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Surface::Public => "public",
            Surface::Private => "private",
            Surface::Direct => "direct",
        })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Unchecked => "held, unchecked",
            State::Published => "published",
            State::Held => "held",
            State::Blocked => "blocked",
            State::Removed => "removed",
            State::Restricted => "restricted",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Allow => "allow",
            Verdict::Hold => "hold",
            Verdict::Block => "block",
        })
    }
}
