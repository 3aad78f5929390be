//! Plain lists: `pdq f8f8…` or `text some phrase`, a hash a line.

use watchhouse_match::HashKind;

use super::{ReadError, Record, at, hash};

/// None for a blank line or a comment.
pub(super) fn record(text: &str, line: u64) -> Result<Option<Record>, ReadError> {
    let text = text.trim_ascii();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let Some((kind, value)) = text.split_once(|letter: char| letter.is_ascii_whitespace()) else {
        return Err(at(line, only_one_word(text)));
    };
    let value = value.trim_ascii_start();
    let is_phrase = kind_of(kind).is_ok_and(HashKind::has_spaces);
    if !is_phrase && value.contains(|letter: char| letter.is_ascii_whitespace()) {
        let message = "more than a kind and a hash; put comments on lines of their own";
        return Err(at(line, message));
    }
    let kind = kind_of(kind).map_err(|message| at(line, message))?;
    Ok(Some(Record {
        hashes: vec![hash(kind, value, line)?],
        category: None,
        source: None,
        external_id: None,
        line,
    }))
}

fn kind_of(word: &str) -> Result<HashKind, String> {
    HashKind::all()
        .into_iter()
        .find(|kind| word.eq_ignore_ascii_case(kind.as_str()))
        // The parser's own error quotes the word and names the kinds.
        .map_or_else(
            || word.parse::<HashKind>().map_err(|error| error.to_string()),
            Ok,
        )
}

/// Most often a bare hash, whose kind its length does not always tell.
fn only_one_word(word: &str) -> String {
    if let Ok(kind) = kind_of(word) {
        return format!("{} without a hash behind it", kind.label());
    }
    let n_digits = word.len();
    let kinds: Vec<_> = HashKind::all()
        .into_iter()
        .filter(|kind| kind.size_bytes().map(|size| size * 2) == Some(n_digits))
        .map(HashKind::as_str)
        .collect();
    if kinds.is_empty() || !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return "expected a kind and a hash, such as \"md5 6a18…\"".to_owned();
    }
    format!(
        "a hash of {n_digits} digits without its kind; write \"{} …\"",
        kinds.join(" …\" or \"")
    )
}
