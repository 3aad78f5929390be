//! What is uploaded: altered copies of pictures that are banked, and pictures that are not.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use image::RgbImage;

use crate::alterations::Alteration;
use crate::pictures::{Scene, draw, natural_size};
use crate::platform::Surface;

const N_DRAWN: usize = 36;
const N_BANKED: usize = 10;
const COPIES_EACH: usize = 4;

#[derive(Clone, Debug)]
enum Origin {
    Drawn(u64),
    Photo(PathBuf),
}

#[derive(Clone, Debug)]
pub(super) struct Original {
    pub(super) name: String,
    origin: Origin,
}

/// One file to post.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) original: Original,
    pub(super) alteration: Alteration,
    /// Whether its original is in the bank, so that Watchhouse should know it.
    pub(super) is_known: bool,
    /// Unlike all others in the plan, so that a later start knows what is there already.
    pub(super) file_name: String,
    pub(super) account: &'static str,
    pub(super) surface: Surface,
}

pub(super) struct Plan {
    pub(super) banked: Vec<Original>,
    /// In the order in which they are posted.
    pub(super) uploads: Vec<Upload>,
}

impl Plan {
    pub(super) fn new(photos: Option<&Path>) -> anyhow::Result<Plan> {
        let originals = match photos {
            Some(dir) => photos_in(dir)?,
            None => drawn(),
        };
        // Banked ones lie among the others, as they would in life.
        let n_banked = N_BANKED.min(originals.len() / 2);
        let n_originals = originals.len();
        let mut plan = Plan {
            banked: Vec::new(),
            uploads: Vec::new(),
        };
        for (i, original) in originals.into_iter().enumerate() {
            let next_banked = plan.banked.len() * n_originals / n_banked;
            if i == next_banked && plan.banked.len() < n_banked {
                for copy in 0..COPIES_EACH {
                    let which = plan.banked.len() * COPIES_EACH + copy;
                    let alteration = Alteration::ALL[which % Alteration::ALL.len()];
                    plan.add(&original, alteration, true);
                }
                plan.banked.push(original);
            } else {
                plan.add(&original, Alteration::Unaltered, false);
            }
        }
        Ok(plan)
    }

    fn add(&mut self, original: &Original, alteration: Alteration, is_known: bool) {
        const PEOPLE: [&str; 5] = ["ada", "bela", "chidi", "dorte", "emre"];
        const SURFACES: [Surface; 3] = [Surface::Public, Surface::Private, Surface::Direct];
        let i = self.uploads.len();
        self.uploads.push(Upload {
            original: original.clone(),
            alteration,
            is_known,
            file_name: file_name(i, &original.name, alteration),
            account: PEOPLE[i % PEOPLE.len()],
            // Every other post is public, as most are.
            surface: if i.is_multiple_of(2) {
                Surface::Public
            } else {
                SURFACES[i / 2 % 3]
            },
        });
    }
}

impl Upload {
    /// What the one who posts it writes beside it.
    pub(super) fn caption(&self) -> String {
        if self.is_known {
            format!("{}, {}", self.original.name, self.alteration)
        } else {
            self.original.name.clone()
        }
    }
}

impl Original {
    pub(super) fn picture(&self) -> anyhow::Result<RgbImage> {
        match &self.origin {
            Origin::Drawn(seed) => Ok(draw(*seed, natural_size(*seed))),
            Origin::Photo(path) => {
                let picture =
                    image::open(path).with_context(|| format!("reading {}", path.display()))?;
                Ok(picture.into_rgb8())
            }
        }
    }
}

/// Plain letters only: some programs mangle others in the names of files.
fn file_name(number: usize, original: &str, alteration: Alteration) -> String {
    let words: String = format!("{original} {alteration}")
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .take(30)
        .collect();
    format!(
        "{number:02}-{}.{}",
        words.trim_end_matches('-'),
        alteration.extension()
    )
}

fn drawn() -> Vec<Original> {
    (0..N_DRAWN as u64)
        .map(|seed| Original {
            name: format!("{}-{seed:02}", Scene::of(seed)),
            origin: Origin::Drawn(seed),
        })
        .collect()
}

/// At most as many as are drawn otherwise, by name.
fn photos_in(dir: &Path) -> anyhow::Result<Vec<Original>> {
    const EXTENSIONS: [&str; 6] = ["jpg", "jpeg", "png", "webp", "gif", "bmp"];
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let path = entry?.path();
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or("");
        if EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()) {
            paths.push(path);
        }
    }
    paths.sort();
    paths.truncate(N_DRAWN);
    ensure!(
        paths.len() >= 4,
        "{} holds {} pictures; the tour needs 4 or more (JPEG, PNG, WebP, GIF or BMP)",
        dir.display(),
        paths.len()
    );
    Ok(paths
        .into_iter()
        .map(|path| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = stem
                .chars()
                .filter(|letter| !letter.is_control())
                .take(20)
                .collect();
            Original {
                name,
                origin: Origin::Photo(path),
            }
        })
        .collect())
}
