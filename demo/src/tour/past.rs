//! What is listed later: the bank keeper lists a picture that was published, and the platform is told.

use std::time::{Duration, Instant};

use anyhow::bail;

use super::api::Api;
use super::plan::Plan;
use super::posting;
use crate::platform::{Platform, State, Surface};

const FIND_LIMIT: Duration = Duration::from_secs(60);

/// A post that was found in the past.
pub(super) struct Find {
    pub(super) post: String,
    pub(super) file_name: String,
    /// What the platform made of it.
    pub(super) state: State,
    /// From the listing to that.
    pub(super) took: Duration,
}

/// Lists one public picture that is in no bank. None if an earlier start did it.
pub(super) async fn list_later(
    keeper: &Api,
    bank: &str,
    plan: &Plan,
    platform: &Platform,
) -> anyhow::Result<Option<Find>> {
    let unlisted = plan
        .uploads
        .iter()
        .filter(|upload| !upload.is_known && upload.surface == Surface::Public);
    let mut published = Vec::new();
    for upload in unlisted {
        let feed = platform.feed();
        let Some(post) = feed.posts().find(|post| post.file_name == upload.file_name) else {
            continue;
        };
        if post.state != State::Published {
            return Ok(None);
        }
        published.push((
            upload.original.clone(),
            post.id.clone(),
            post.file_name.clone(),
        ));
    }
    let Some((original, post, file_name)) = published.pop() else {
        return Ok(None);
    };

    println!("the bank keeper lists a picture that was published before");
    posting::bank(keeper, bank, vec![original]).await?;
    let began = Instant::now();
    loop {
        let state = platform.feed().post(&post).map(|post| post.state);
        if let Some(state) = state.filter(|state| *state != State::Published) {
            return Ok(Some(Find {
                post,
                file_name,
                state,
                took: began.elapsed(),
            }));
        }
        if began.elapsed() > FIND_LIMIT {
            bail!(
                "{} s after its picture was listed, {post} is still published",
                FIND_LIMIT.as_secs()
            );
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
