//! What people write: the addresses and the terms in an item's text and links.
//!
//! Nothing of it is kept but what its addresses are found by, and between two people not even that.

use watchhouse_match::{FoundUrl, Hit, Index, Transform, UrlKey, find_urls};

use super::Problem;
use super::explain::Query;
use crate::app::App;
use crate::matcher::{Closest, Found};
use crate::store::items::NewItem;
use crate::store::matches::Place;
use crate::surface::Surface;

/// Of a text with more addresses the rest is not looked up, and it is held.
const MOST_URLS: usize = 1_000;

/// What became of looking up what an item says.
#[derive(Default)]
pub(super) struct Written {
    /// Each entry once, with where it was met.
    pub found: Vec<(Hit, Query)>,
    /// What a sighting keeps.
    pub kept: Vec<UrlKey>,
    pub problem: Option<Problem>,
}

/// Looks an item's text and links up in every bank, on a thread that may be kept busy.
pub(super) async fn look_up(
    app: &App,
    item: &NewItem,
    links: Vec<String>,
) -> anyhow::Result<Written> {
    let text = item.text.clone().unwrap_or_default();
    if text.is_empty() && links.is_empty() {
        return Ok(Written::default());
    }
    let is_kept = item.surface != Surface::Direct;
    let app = app.clone();
    let written = tokio::task::spawn_blocking(move || {
        let mut written = app.matcher.read(|index| search(index, &text, &links));
        if !is_kept {
            written.kept.clear();
        }
        written
    });
    Ok(written.await?)
}

fn search(index: &Index, text: &str, links: &[String]) -> Written {
    let (in_text, mut is_all) = find_urls(text, MOST_URLS);
    let mut urls: Vec<(Option<u32>, FoundUrl)> =
        in_text.into_iter().map(|url| (None, url)).collect();
    for (link_idx, link) in (0..).zip(links) {
        let (in_link, is_all_of_link) = find_urls(link, MOST_URLS - urls.len().min(MOST_URLS));
        is_all &= is_all_of_link;
        urls.extend(in_link.into_iter().map(|url| (Some(link_idx), url)));
    }

    let mut met = Vec::new();
    let mut closest = Closest::default();
    let mut hits = Vec::new();
    for (link_idx, FoundUrl { place, keys }) in &urls {
        for key in keys {
            index.lookup_url(key, &mut hits);
        }
        for hit in hits.drain(..) {
            let query = met.len();
            closest.add(Found { query, hit });
            met.push((*link_idx, place.clone()));
        }
    }
    for term in index.find_terms(text) {
        let query = met.len();
        closest.add(Found {
            query,
            hit: term.hit,
        });
        met.push((None, term.place));
    }

    let found = closest.found();
    let characters = if found.is_empty() {
        Vec::new()
    } else {
        characters_before(text)
    };
    let found = found.into_iter().map(|Found { query, hit }| {
        let (link_idx, place) = &met[query];
        let place = match link_idx {
            Some(index) => Place::Links { index: *index },
            None => Place::Text {
                start: characters[place.start],
                end: characters[place.end],
            },
        };
        let query = Query {
            frame: None,
            variant: None,
            quality: None,
            timestamp_ms: None,
            transform: Transform::Original,
            place: Some(place),
        };
        (hit, query)
    });
    let mut kept: Vec<UrlKey> = urls.iter().flat_map(|(_, url)| url.keys.clone()).collect();
    kept.sort_unstable();
    kept.dedup();
    let problem = (!is_all).then(|| Problem {
        code: "too_many_urls".to_owned(),
        text: format!("more than {MOST_URLS} addresses, and the others were not looked up"),
    });
    Written {
        found: found.collect(),
        kept,
        problem,
    }
}

/// For each byte and the end, how many characters are before it.
fn characters_before(text: &str) -> Vec<u32> {
    let mut counts = vec![0; text.len() + 1];
    for (count, (at, letter)) in (1..).zip(text.char_indices()) {
        counts[at + letter.len_utf8()] = count;
    }
    counts
}

/// What the addresses of a sighting meet, each entry once.
pub fn meet(index: &Index, keys: &[UrlKey]) -> Vec<Found> {
    let mut hits = Vec::new();
    for key in keys {
        index.lookup_url(key, &mut hits);
    }
    // As for a digest: there is no picture to point at.
    let query = 0;
    let hits = hits.into_iter();
    hits.map(|hit| Found { query, hit }).collect()
}
