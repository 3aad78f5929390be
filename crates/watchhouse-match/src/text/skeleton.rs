//! The form in which terms are searched, whatever they are disguised as.

use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;
use unicode_segmentation::UnicodeSegmentation as _;

use super::fold::is_invisible;

/// A text's letters as they look, and from which of its own each comes.
pub(crate) struct Skeleton {
    pub(crate) letters: String,
    /// For each byte of `letters`, the byte of the text where its letter begins.
    origins: Vec<usize>,
    /// For each byte of the text and its end, whether a word may begin or end there (UAX 29).
    is_edge: Vec<bool>,
}

impl Skeleton {
    pub(crate) fn of(text: &str) -> Skeleton {
        let mut is_edge = vec![false; text.len() + 1];
        is_edge[text.len()] = true;
        for (at, _) in text.split_word_bound_indices() {
            is_edge[at] = true;
        }
        // An invisible letter is no part of a word that begins behind it.
        let mut is_behind_edge = false;
        for (at, letter) in text.char_indices() {
            is_edge[at] |= is_behind_edge;
            is_behind_edge = is_edge[at] && is_invisible(letter);
        }
        let mut letters = String::with_capacity(text.len());
        let mut origins = Vec::with_capacity(text.len());
        for (at, letter) in text.char_indices() {
            // Whatever white space is between two words, the skeleton has one space.
            if letter.is_whitespace() {
                if !letters.ends_with(' ') {
                    letters.push(' ');
                }
            } else {
                push_looks(letter, &mut letters);
            }
            origins.resize(letters.len(), at);
        }
        Skeleton {
            letters,
            origins,
            is_edge,
        }
    }

    /// The place in the text, in bytes, of a stretch of the skeleton that is whole words. None if it cuts
    /// a word or a letter.
    pub(crate) fn place(&self, text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
        let is_cut = |at: usize| {
            at > 0 && at < self.origins.len() && self.origins[at - 1] == self.origins[at]
        };
        if start >= end || is_cut(start) || is_cut(end) {
            return None;
        }
        let first = self.origins[start];
        let last = self.origins[end - 1];
        let mut behind = last + text[last..].chars().next().map_or(0, char::len_utf8);
        // Marks and what is invisible belong to the letter before them.
        while let Some(letter) = text[behind..].chars().next() {
            if self.is_edge[behind] || !(is_invisible(letter) || is_combining_mark(letter)) {
                break;
            }
            behind += letter.len_utf8();
        }
        (self.is_edge[first] && self.is_edge[behind]).then_some((first, behind))
    }
}

/// Appends what a letter looks like, in small letters.
fn push_looks(letter: char, out: &mut String) {
    if letter.is_ascii() {
        return push_looks_of_ascii(letter, out);
    }
    if is_invisible(letter) {
        return;
    }
    let folded = [letter].into_iter().nfkd().default_case_fold().nfkd();
    for letter in folded.filter(|letter| !is_combining_mark(*letter)) {
        if letter.is_ascii() {
            push_looks_of_ascii(letter, out);
            continue;
        }
        let mut bytes = [0; 4];
        let looks = skeleton(letter.encode_utf8(&mut bytes));
        for letter in looks.default_case_fold().nfkd() {
            if letter.is_ascii() {
                push_looks_of_ascii(letter, out);
            } else if !is_combining_mark(letter) && !is_invisible(letter) {
                out.push(letter);
            }
        }
    }
}

/// One small letter for all that look alike or are put for each other.
fn push_looks_of_ascii(letter: char, out: &mut String) {
    // As UTS 39 has it.
    if letter.eq_ignore_ascii_case(&'m') {
        return out.push_str("rn");
    }
    out.push(match letter.to_ascii_lowercase() {
        'i' | '1' | '!' | '|' => 'l',
        '0' => 'o',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        letter => letter,
    });
}
