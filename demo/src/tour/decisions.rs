//! A reviewer's part: take held cases, decide them, and see that the platform does what was decided.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::api::{Api, text};
use crate::platform::{Platform, State};

const ACTION_LIMIT: Duration = Duration::from_secs(60);

/// A decision that reached the platform.
pub(super) struct Deed {
    pub(super) case: String,
    pub(super) post: String,
    pub(super) file_name: String,
    pub(super) action: String,
    /// From the decision to the platform's report of what it did.
    pub(super) took: Duration,
}

/// Decides the first held case as a violation and the next as none. Gives what was done; nothing
/// if an earlier start did it.
pub(super) async fn decide(reviewer: &Api, platform: &Platform) -> anyhow::Result<Vec<Deed>> {
    let was_done = platform.feed().posts().any(|post| !post.actions.is_empty());
    if was_done {
        return Ok(Vec::new());
    }
    println!("a reviewer decides held cases");
    let mut held = held_cases(reviewer, platform, 2).await?.into_iter();
    let first = held
        .next()
        .context("there is no open case of a post that is held")?;
    let second = held.next();

    let removal = json!({
        "policy": "demo",
        "outcome": "violation",
        "facts": "The picture is one that was banked.",
        "reasons": "It is a copy of a picture in the bank.",
        "actions": [{ "kind": "remove" }],
    });
    let mut deeds = vec![carry_through(reviewer, platform, first, removal, State::Removed).await?];
    if let Some(second) = second {
        let release = json!({
            "policy": "demo",
            "outcome": "no_violation",
            "reasons": "It was posted by the one who drew it.",
            "actions": [{ "kind": "restore" }],
        });
        deeds.push(carry_through(reviewer, platform, second, release, State::Published).await?);
    }
    Ok(deeds)
}

/// Open cases that nobody has, of posts that the platform holds: case, post and file name.
async fn held_cases(
    reviewer: &Api,
    platform: &Platform,
    n_wanted: usize,
) -> anyhow::Result<Vec<(String, String, String)>> {
    let listed = reviewer
        .get("/cases?state=open&claimed=false&limit=200")
        .await?;
    let listed = listed["data"]
        .as_array()
        .context("the answer has no list of cases")?;
    let mut held = Vec::new();
    for case in listed {
        let id = text(case, "id")?;
        let case = reviewer.get(&format!("/cases/{id}")).await?;
        let Some(post) = case["item"]["external_id"].as_str() else {
            continue;
        };
        if let Some(post) = platform
            .feed()
            .post(post)
            .filter(|post| post.state == State::Held)
        {
            held.push((id.to_owned(), post.id.clone(), post.file_name.clone()));
        }
        if held.len() == n_wanted {
            break;
        }
    }
    Ok(held)
}

async fn carry_through(
    reviewer: &Api,
    platform: &Platform,
    (case, post, file_name): (String, String, String),
    mut decision: Value,
    expected: State,
) -> anyhow::Result<Deed> {
    let claimed = reviewer
        .post(&format!("/cases/{case}/claim"), json!({}))
        .await?;
    // Refused if anything has joined the case by then: nobody decides what nobody has seen.
    decision["case_version"] = claimed["version"].clone();
    let decided = reviewer
        .post(&format!("/cases/{case}/decisions"), decision)
        .await?;
    let began = Instant::now();
    let action = text(&decided["actions"][0], "id")?.to_owned();
    loop {
        let state = platform.feed().post(&post).map(|post| post.state);
        let told = reviewer.get(&format!("/actions/{action}")).await?;
        if state == Some(expected) && told["state"] == "done" {
            break;
        }
        if began.elapsed() > ACTION_LIMIT {
            bail!(
                "{} s after case {case} was decided, {post} is {} and its action {action} is {}",
                ACTION_LIMIT.as_secs(),
                state.map_or("gone".to_owned(), |state| state.to_string()),
                told["state"],
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let action = text(&decided["actions"][0], "kind")?.to_owned();
    Ok(Deed {
        case,
        post,
        file_name,
        action,
        took: began.elapsed(),
    })
}
