//! A small platform, as somebody else would build it: people post pictures, and it asks Watchhouse
//! before it shows them to anyone.
//!
//! What could not be checked MUST never be published: it is held, shown as held, and asked again.

mod feed;
mod pages;
mod post;
mod routes;
mod watchhouse;
mod webhooks;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Context;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use feed::{Draft, Feed};
pub use post::{Answer, Match, Post, Reason, Rule, State, Surface, Verdict};
pub use watchhouse::{Outcome, Watchhouse};
pub use webhooks::Received;

const RECHECK_EVERY: Duration = Duration::from_secs(5);

/// Made once, cloned freely.
#[derive(Clone)]
pub struct Platform(Arc<Inner>);

struct Inner {
    feed: Mutex<Feed>,
    watchhouse: Watchhouse,
    webhook: Webhook,
    /// Posts that Watchhouse is being asked about at this moment.
    asking: Mutex<HashSet<String>>,
}

impl Platform {
    /// `webhook_secret` as Watchhouse showed it, with `whsec_`.
    pub fn open(
        directory: &Path,
        watchhouse: Watchhouse,
        webhook_secret: &str,
    ) -> anyhow::Result<Platform> {
        let webhook = Webhook::new(webhook_secret).context("reading the webhook secret")?;
        Ok(Platform(Arc::new(Inner {
            feed: Mutex::new(Feed::open(directory)?),
            watchhouse,
            webhook,
            asking: Mutex::default(),
        })))
    }

    /// Answers until told to stop, and asks again about posts that could not be checked.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
        let server = axum::serve(listener, routes::routes(self.clone()))
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        let asking_again = async {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(RECHECK_EVERY) => self.recheck().await,
                }
            }
        };
        let (served, ()) = tokio::join!(server.into_future(), asking_again);
        served.context("serving the demo platform")
    }

    /// The feed as it is now. Not to be held across an await.
    pub fn feed(&self) -> MutexGuard<'_, Feed> {
        self.0
            .feed
            .lock()
            .expect("nothing panics while it changes the feed")
    }

    /// Keeps the draft, asks Watchhouse, and publishes only when the answer is "allow".
    pub async fn post(&self, draft: Draft) -> anyhow::Result<Post> {
        let post = self.feed().add(draft)?;
        self.check(&post).await?;
        let post = self.feed().post(&post.id).cloned();
        post.context("a post that was just added is gone")
    }

    /// Asks again about every post that could not be checked.
    pub async fn recheck(&self) {
        let waiting: Vec<Post> = self
            .feed()
            .posts()
            .filter(|post| post.state == State::Unchecked)
            .cloned()
            .collect();
        for post in waiting.iter().rev() {
            if let Err(error) = self.check(post).await {
                tracing::error!(post.id = %post.id, "{} is still held: {error:#}", post.id);
            }
        }
    }

    async fn check(&self, post: &Post) -> anyhow::Result<()> {
        let Some(_asking) = Asking::begin(self, &post.id) else {
            return Ok(());
        };
        let bytes = self.feed().upload(&post.id);
        let answer = match bytes {
            Ok(bytes) => self.0.watchhouse.scan(post, bytes).await,
            Err(error) => Err(error),
        };
        let kept = self.feed().change(&post.id, |post| match answer {
            Ok(answer) => post.settle(answer),
            Err(error) => {
                post.reasons = vec![format!(
                    "It could not be checked yet, so nobody sees it: {error:#}."
                )];
            }
        });
        kept.map(drop)
    }

    fn asking(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0
            .asking
            .lock()
            .expect("nothing panics while it changes a set")
    }
}

/// Held while Watchhouse is asked about a post; ends also when whoever posted it hangs up.
struct Asking<'a> {
    platform: &'a Platform,
    post: &'a str,
}

impl<'a> Asking<'a> {
    /// None while somebody else asks.
    fn begin(platform: &'a Platform, post: &'a str) -> Option<Asking<'a>> {
        let is_first = platform.asking().insert(post.to_owned());
        // Made only now: one that is made is also dropped.
        is_first.then(|| Asking { platform, post })
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.platform.asking().remove(self.post);
    }
}
