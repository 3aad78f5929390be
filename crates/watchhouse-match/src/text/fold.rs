//! The form in which terms are kept and compared as written.

use unicode_normalization::UnicodeNormalization as _;

use caseless::Caseless as _;

/// A text as it is compared as written: NFKC after case folding, as in Unicode's `NFKC_Casefold`; without
/// what is invisible; with one space for each run of white space, and none at the ends.
pub fn fold(text: &str) -> String {
    let visible = text.chars().filter(|letter| !is_invisible(*letter));
    // Folding a case may undo a normal form and the other way round; after this nothing changes any more.
    let folded: String = visible
        .nfd()
        .default_case_fold()
        .nfkd()
        .default_case_fold()
        .nfkd()
        .filter(|letter| !is_invisible(*letter))
        .collect();
    let words: Vec<&str> = folded.split_whitespace().collect();
    words.join(" ").nfc().collect()
}

/// Unicode's `Default_Ignorable_Code_Point`: zero-width spaces and joiners, soft hyphens, variation
/// selectors, tags, directions.
pub(super) fn is_invisible(letter: char) -> bool {
    matches!(u32::from(letter),
        0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
        | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0
        | 0xfff0..=0xfff8 | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}
