//! The feed: all posts, the accounts that acted badly, and the files that keep them.
//!
//! One small file for each post, written anew when it changes and renamed into place, so that a
//! platform that is killed comes back with what it had.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::post::{Post, State, Surface};
use super::webhooks::Received;

pub struct Feed {
    directory: PathBuf,
    posts: BTreeMap<u64, Post>,
    accounts: Accounts,
    /// Newest last.
    received: Vec<Received>,
}

#[derive(Default, Serialize, Deserialize)]
struct Accounts {
    disabled: BTreeSet<String>,
    /// By account, the actions that were warnings.
    warned: BTreeMap<String, BTreeSet<String>>,
}

/// What someone wants to post.
pub struct Draft {
    pub account: String,
    pub surface: Surface,
    pub text: String,
    pub file_name: String,
    pub bytes: Vec<u8>,
}

impl Feed {
    /// Reads what an earlier run left, or starts empty.
    pub fn open(directory: &Path) -> anyhow::Result<Feed> {
        for part in ["posts", "uploads"] {
            let path = directory.join(part);
            fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
        }
        let mut posts = BTreeMap::new();
        for entry in fs::read_dir(directory.join("posts")).context("reading the feed")? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                let post: Post = read(&path)?;
                let number = number_of(&post.id)
                    .with_context(|| format!("{} names no post", path.display()))?;
                posts.insert(number, post);
            }
        }
        let accounts = directory.join("accounts.json");
        let received = directory.join("webhooks.json");
        Ok(Feed {
            posts,
            accounts: if accounts.exists() {
                read(&accounts)?
            } else {
                Accounts::default()
            },
            received: if received.exists() {
                read(&received)?
            } else {
                Vec::new()
            },
            directory: directory.to_owned(),
        })
    }

    /// Keeps the draft as a post that nobody sees yet.
    pub fn add(&mut self, draft: Draft) -> anyhow::Result<Post> {
        let number = self.posts.last_key_value().map_or(1, |(last, _)| last + 1);
        let post = Post {
            id: format!("post-{number}"),
            account: draft.account,
            surface: draft.surface,
            text: draft.text,
            file_name: draft.file_name,
            posted_at: Timestamp::now(),
            state: State::Unchecked,
            reasons: Vec::new(),
            labels: Vec::new(),
            answer: None,
            actions: Vec::new(),
        };
        write(&self.upload_path(&post.id), &draft.bytes)?;
        self.keep(&post)?;
        self.posts.insert(number, post.clone());
        Ok(post)
    }

    /// Newest first.
    pub fn posts(&self) -> impl Iterator<Item = &Post> {
        self.posts.values().rev()
    }

    pub fn post(&self, id: &str) -> Option<&Post> {
        self.posts.get(&number_of(id)?)
    }

    /// Changes a post and keeps the change. None if there is no such post.
    pub fn change(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut Post),
    ) -> anyhow::Result<Option<()>> {
        let Some(number) = number_of(id) else {
            return Ok(None);
        };
        let Some(mut post) = self.posts.get(&number).cloned() else {
            return Ok(None);
        };
        change(&mut post);
        self.keep(&post)?;
        self.posts.insert(number, post);
        Ok(Some(()))
    }

    pub fn upload(&self, id: &str) -> anyhow::Result<Vec<u8>> {
        let path = self.upload_path(id);
        fs::read(&path).with_context(|| format!("reading {}", path.display()))
    }

    pub fn is_disabled(&self, account: &str) -> bool {
        self.accounts.disabled.contains(account)
    }

    pub fn set_disabled(&mut self, account: &str, is_disabled: bool) -> anyhow::Result<()> {
        if is_disabled {
            self.accounts.disabled.insert(account.to_owned());
        } else {
            self.accounts.disabled.remove(account);
        }
        self.keep_accounts()
    }

    /// How often the account was warned, this time included.
    pub fn warn(&mut self, account: &str, action: &str) -> anyhow::Result<usize> {
        let warnings = self.accounts.warned.entry(account.to_owned()).or_default();
        warnings.insert(action.to_owned());
        let times = warnings.len();
        self.keep_accounts()?;
        Ok(times)
    }

    /// Webhooks that were accepted, newest last.
    pub fn received(&self) -> &[Received] {
        &self.received
    }

    /// Whether this webhook came before; if so, counts that it came again.
    pub fn count_repeat(&mut self, id: &str) -> anyhow::Result<bool> {
        let Some(before) = self.received.iter_mut().find(|received| received.id == id) else {
            return Ok(false);
        };
        before.repeats += 1;
        self.keep_received()?;
        Ok(true)
    }

    pub fn receive(&mut self, received: Received) -> anyhow::Result<()> {
        // The same message may have arrived twice at once.
        if !self.count_repeat(&received.id)? {
            self.received.push(received);
        }
        self.keep_received()
    }

    fn keep_received(&self) -> anyhow::Result<()> {
        write(
            &self.directory.join("webhooks.json"),
            &serde_json::to_vec_pretty(&self.received)?,
        )
    }

    fn keep(&self, post: &Post) -> anyhow::Result<()> {
        let path = self
            .directory
            .join("posts")
            .join(format!("{}.json", post.id));
        write(&path, &serde_json::to_vec_pretty(post)?)
    }

    fn keep_accounts(&self) -> anyhow::Result<()> {
        write(
            &self.directory.join("accounts.json"),
            &serde_json::to_vec_pretty(&self.accounts)?,
        )
    }

    fn upload_path(&self, id: &str) -> PathBuf {
        // Only ids that we made reach this place; a caller's text never becomes a path.
        self.directory
            .join("uploads")
            .join(format!("{}.upload", number_of(id).unwrap_or(0)))
    }
}

fn number_of(id: &str) -> Option<u64> {
    id.strip_prefix("post-")?.parse().ok()
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<T> {
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("understanding {}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let write = || {
        let mut file = File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}
