//! URLs: pages, hosts and folders, as keepers write them in a list.

use std::fmt;

use super::degenerate::Degenerate;
use super::signal::Signal;
use crate::address::{Expression, UrlKey};
use crate::index::{Indexed, UrlTable};

/// Addresses on the web.
///
/// Listed as `example.org` (the host and its subdomains), `example.org/folder/` (what lies in it, there
/// and on subdomains) or `https://example.org/page?x=1` (that page, by either scheme). How addresses are
/// told from each other: see [`crate::address`].
pub struct Url;

/// What a list says of addresses, in the one form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UrlHash(Box<str>);

/// A database's index holds no longer values.
const LONGEST: usize = 2_048;

impl UrlHash {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the index finds it by.
    pub fn key(&self) -> UrlKey {
        UrlKey::of(&self.0)
    }
}

impl Indexed for Url {
    type Table = UrlTable;
}

impl Signal for Url {
    type Value = UrlHash;

    const NAME: &'static str = "url";
    const LABEL: &'static str = "URL";
    const NOUN: &'static str = "a URL";
    const EXAMPLE: &'static str = "https://example.org/page?x=1";
    const SIZE_BYTES: Option<usize> = None;
    const QUOTED_CHARS: usize = 40;

    fn parse(text: &str) -> Result<UrlHash, String> {
        // The form is up to nine times as long as the text, so this is looked at before and after.
        let text = Some(text).filter(|text| text.len() <= LONGEST);
        let text = text.map(|text| Expression::parse(text).map(|expression| expression.text()));
        match text.transpose()?.filter(|text| text.len() <= LONGEST) {
            Some(text) => Ok(UrlHash(text.into())),
            None => Err(format!("longer than {LONGEST} bytes")),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Result<UrlHash, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let value = Url::parse(text)?;
        if &*value.0 != text {
            return Err("not in the form in which URLs are kept".to_owned());
        }
        Ok(value)
    }

    fn as_bytes(value: &UrlHash) -> &[u8] {
        value.0.as_bytes()
    }

    fn check_indexable(value: &UrlHash) -> Result<(), Degenerate> {
        match Expression::parse(&value.0) {
            Ok(expression) if expression.is_whole_domain() => Err(Degenerate::WholeDomain),
            _ => Ok(()),
        }
    }

    fn write(value: &UrlHash, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&value.0)
    }
}
