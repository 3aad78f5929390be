//! Web addresses in a running text, with and without their scheme.
//!
//! What is no address but looks like one (`end.Next`) is found too: it only costs a look-up.

use std::ops::Range;

use super::{Address, UrlKey, begins_with_scheme};

/// Of an address that is longer, the host and the folders are looked up and the page is not: no list can
/// have it.
const LONGEST: usize = 2_048;

/// An address that a text has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundUrl {
    /// Where, in bytes.
    pub place: Range<usize>,
    /// The expressions that it meets.
    pub keys: Vec<UrlKey>,
}

/// Every address in a text, in order, the first `most` of them, and whether those are all.
pub fn find_urls(text: &str, most: usize) -> (Vec<FoundUrl>, bool) {
    let mut found = Vec::new();
    let mut start = 0;
    for word in text.split(is_edge) {
        for place in places(word) {
            let Some(keys) = keys(&word[place.clone()]) else {
                continue;
            };
            if found.len() == most {
                return (found, false);
            }
            let place = start + place.start..start + place.end;
            found.push(FoundUrl { place, keys });
        }
        start += word.len();
        start += text[start..].chars().next().map_or(0, char::len_utf8);
    }
    (found, true)
}

/// What no address goes over.
fn is_edge(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || "<>\"`«»“”„‘’「」『』【】《》".contains(letter)
}

/// Where in a word addresses may be: behind each scheme, for one address may have another in its query,
/// and without any the whole word.
fn places(word: &str) -> Vec<Range<usize>> {
    let mut places: Vec<Range<usize>> = word
        .match_indices(":")
        .filter(|(at, _)| word[at + 1..].starts_with(['/', '\\']))
        .filter_map(|(at, _)| {
            let before = &word.as_bytes()[..at];
            let scheme = [&b"https"[..], b"http"].into_iter().find(|scheme| {
                let start = before.len().checked_sub(scheme.len());
                start.is_some_and(|start| before[start..].eq_ignore_ascii_case(scheme))
            })?;
            Some(at - scheme.len()..word.len())
        })
        .collect();
    if places.is_empty() {
        let start = word.len() - word.trim_start_matches(is_opening).len();
        places.push(start..word.len());
    }
    for place in &mut places {
        let trimmed = word[place.clone()].trim_end_matches(is_closing);
        place.end = place.start + trimmed.len();
    }
    places
}

fn is_opening(letter: char) -> bool {
    !letter.is_alphanumeric() && letter != '['
}

/// What ends a sentence or a bracket rather than an address.
fn is_closing(letter: char) -> bool {
    ".,;:!?'\")]}*_~…。、，！？）".contains(letter)
}

fn keys(text: &str) -> Option<Vec<UrlKey>> {
    let end = (0..=LONGEST.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))?;
    let is_whole = end == text.len();
    let text = &text[..end];
    let address = if begins_with_scheme(text) {
        Address::parse(text).ok()?
    } else {
        bare(text)?
    };
    let mut keys = address.keys();
    if !is_whole {
        keys.remove(0);
    }
    Some(keys)
}

/// An address without its scheme: a host with a dot in it and letters behind that, which is no e-mail
/// address.
fn bare(text: &str) -> Option<Address> {
    let host = text.split(['/', '\\', '?', '#', ':']).next()?;
    if host.contains('@') || !host.contains(['.', '。', '．', '｡']) {
        return None;
    }
    let address = Address::parse(&format!("https://{text}")).ok()?;
    let (_, last) = address.host().rsplit_once('.')?;
    let is_host =
        address.is_ip || (last.len() >= 2 && !last.bytes().all(|byte| byte.is_ascii_digit()));
    is_host.then_some(address)
}
