//! What Watchhouse tells the platform to do: check who says it, do it once, say what became of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::feed::Feed;
use super::post::{State, Verdict};
use super::watchhouse::Outcome;

/// A webhook that was accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Received {
    /// The same for every attempt to deliver the same message.
    pub id: String,
    pub received_at: Timestamp,
    pub kind: String,
    /// What was asked for, and what the platform did.
    pub about: String,
    pub result: String,
    /// How often the same message came again and was dropped.
    pub repeats: u32,
}

#[derive(Deserialize)]
pub(super) struct Message {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) data: serde_json::Value,
}

/// The data of `action.requested`.
#[derive(Deserialize)]
pub(super) struct Request {
    pub(super) action: Action,
    item: Option<Subject>,
    account: Option<Subject>,
}

#[derive(Deserialize)]
pub(super) struct Action {
    pub(super) id: String,
    pub(super) kind: String,
    #[serde(default)]
    parameters: serde_json::Value,
}

#[derive(Deserialize)]
struct Subject {
    external_id: String,
}

/// The data of `case.opened` and `case.changed`.
#[derive(Deserialize)]
pub(super) struct News {
    /// None where a report opened the case.
    verdict: Option<Verdict>,
    item: Option<Subject>,
}

impl News {
    /// Hides what was published before it was known. What a reviewer decided keeps its effect, whichever
    /// message comes first.
    ///
    /// # Errors
    /// Only when the change could not be kept.
    pub(super) fn take_in(&self, feed: &mut Feed) -> anyhow::Result<String> {
        let mut result = "noted".to_owned();
        let (Some(item), Some(verdict)) = (&self.item, self.verdict) else {
            return Ok(result);
        };
        feed.change(&item.external_id, |post| {
            if post.state == State::Published && post.actions.is_empty() {
                post.state = verdict.into();
                if post.state != State::Published {
                    post.reasons =
                        vec!["It was found on a list after it was published.".to_owned()];
                    result = format!("{} is now {}", item.external_id, post.state);
                }
            }
        })?;
        Ok(result)
    }
}

impl Request {
    /// For people: "remove post-12".
    pub(super) fn about(&self) -> String {
        let subject = self.item.as_ref().or(self.account.as_ref());
        let name = subject.map_or("nothing", |subject| subject.external_id.as_str());
        format!("{} {name}", self.action.kind)
    }

    /// Does what is asked. Doing it twice changes nothing more.
    ///
    /// # Errors
    /// Only when the change could not be kept; what the platform cannot do is a failed outcome.
    pub(super) fn carry_out(&self, feed: &mut Feed) -> anyhow::Result<Outcome> {
        let kind = self.action.kind.as_str();
        match (kind, &self.item, &self.account) {
            ("disable_account" | "suspend", item, Some(account)) => {
                feed.set_disabled(&account.external_id, true)?;
                if let Some(item) = item {
                    self.set_state(feed, &item.external_id, State::Removed)?;
                }
                Ok(Outcome::Done(format!(
                    "account {} can no longer post",
                    account.external_id
                )))
            }
            ("warn", _, Some(account)) => {
                let times = feed.warn(&account.external_id, &self.action.id)?;
                Ok(Outcome::Done(format!(
                    "account {} warned, {times} in all",
                    account.external_id
                )))
            }
            ("enable_account", _, Some(account)) | ("restore", None, Some(account)) => {
                feed.set_disabled(&account.external_id, false)?;
                Ok(Outcome::Done(format!(
                    "account {} can post again",
                    account.external_id
                )))
            }
            ("remove", Some(item), _) => self.set_state(feed, &item.external_id, State::Removed),
            ("restrict", Some(item), _) => {
                self.set_state(feed, &item.external_id, State::Restricted)
            }
            ("restore", Some(item), _) => self.set_state(feed, &item.external_id, State::Published),
            ("label", Some(item), _) => self.label(feed, &item.external_id),
            ("remove" | "restrict" | "restore" | "label", None, _) => {
                Ok(Outcome::Failed(format!("cannot {kind}: no item is named")))
            }
            ("disable_account" | "suspend" | "enable_account" | "warn", _, None) => Ok(
                Outcome::Failed(format!("cannot {kind}: no account is named")),
            ),
            _ => Ok(Outcome::Failed(format!("this platform cannot \"{kind}\""))),
        }
    }

    fn set_state(&self, feed: &mut Feed, id: &str, state: State) -> anyhow::Result<Outcome> {
        let deed = format!("{} ({})", self.action.kind, self.action.id);
        let found = feed.change(id, |post| {
            if !post.actions.contains(&deed) {
                post.state = state;
                post.actions.push(deed);
                post.reasons = vec![match state {
                    State::Published => "A reviewer looked at it and let it through.".to_owned(),
                    State::Restricted => {
                        "A reviewer restricted it to the one who posted it.".to_owned()
                    }
                    _ => "A reviewer decided that it breaks the rules.".to_owned(),
                }];
            }
        })?;
        Ok(match found {
            Some(()) => Outcome::Done(format!("{id} is now {state}")),
            None => Outcome::Failed(format!("there is no post \"{id}\"")),
        })
    }

    fn label(&self, feed: &mut Feed, id: &str) -> anyhow::Result<Outcome> {
        let label = self.action.parameters["label"]
            .as_str()
            .unwrap_or("sensitive")
            .to_owned();
        let found = feed.change(id, |post| {
            if !post.labels.contains(&label) {
                post.labels.push(label.clone());
                post.actions.push(format!("label ({})", self.action.id));
            }
        })?;
        Ok(match found {
            Some(()) => Outcome::Done(format!("{id} is labelled \"{label}\"")),
            None => Outcome::Failed(format!("there is no post \"{id}\"")),
        })
    }
}
