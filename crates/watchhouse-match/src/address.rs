//! Web addresses in one form each, however they were written.
//!
//! Two addresses that a browser takes to the same place by rule have the same form here:
//!
//! * parsed as browsers do (WHATWG URL): white space at both ends and tabs and line ends inside dropped,
//!   backslashes read as slashes, dot segments resolved, the host in lower-case ASCII (IDNA) and an
//!   IPv4 address in its dotted form;
//! * `http` and `https` are alike, and so are their default ports; user, password and fragment are dropped;
//! * dots at the host's ends dropped, runs of dots in it and of slashes in the path taken for one;
//! * percent-encoding after RFC 3986, section 6.2.2: letters, digits and `-._~` never encoded, what may
//!   not stand in an address always, hex digits in upper case;
//! * the query is kept, in its order, and an empty one dropped. Nothing is taken out of it: what tracks
//!   people on one site names the page on another.
//!
//! Everything here takes time linear in its input and MUST NOT panic on any.

use std::fmt::Write as _;

use ::url::{Host, Url};

mod expressions;
mod find;

pub use expressions::{Expression, UrlKey};
pub use find::{FoundUrl, find_urls};

/// Where an `http` or `https` address leads, in the one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Lower-case ASCII; an IPv6 address in brackets.
    host: String,
    is_ip: bool,
    /// None for both schemes' default ports.
    port: Option<u16>,
    /// Begins with a slash.
    path: String,
    query: Option<String>,
}

impl Address {
    /// Reads an address that begins with `http://` or `https://`, in any case.
    ///
    /// # Errors
    /// Why it is none, as a fragment.
    pub fn parse(text: &str) -> Result<Address, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!(
                "{:?} is not compared, only http and https are",
                url.scheme()
            ));
        }
        let host = url.host_str().unwrap_or_default();
        let labels: Vec<&str> = host.split('.').filter(|label| !label.is_empty()).collect();
        // Without its spare dots it may read as an IPv4 address, which has forms of its own.
        let host = Host::parse(&labels.join(".")).map_err(|error| error.to_string())?;
        let query = url.query().filter(|query| !query.is_empty());
        Ok(Address {
            is_ip: !matches!(host, Host::Domain(_)),
            host: host.to_string(),
            port: url.port().filter(|port| !matches!(port, 80 | 443)),
            path: one_slash_each(&encoded_once(url.path())),
            query: query.map(encoded_once),
        })
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    /// The page itself, such as `https://example.org/page?x=1`.
    pub fn page(&self) -> String {
        let mut page = format!("https://{}{}", self.host_and_port(), self.path);
        if let Some(query) = &self.query {
            page.push('?');
            page.push_str(query);
        }
        page
    }

    fn host_and_port(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }
}

/// Whether a browser would take it for an address whatever comes next.
fn begins_with_scheme(text: &str) -> bool {
    [&b"https:"[..], b"http:"].iter().any(|scheme| {
        let start = text.as_bytes().get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

/// Percent-encoded where it has to be and nowhere else.
fn encoded_once(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        let escaped = escaped.and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)
        });
        at += if escaped.is_some() { 3 } else { 1 };
        let stays = match escaped {
            Some(byte) => is_unreserved(byte),
            // A percent sign that encodes nothing is encoded itself, or it might with what follows.
            None => is_unreserved(byte) || b":/?#[]@!$&'()*+,;=".contains(&byte),
        };
        let byte = escaped.unwrap_or(byte);
        if stays {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// RFC 3986, section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn one_slash_each(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter != '/' || !out.ends_with('/') {
            out.push(letter);
        }
    }
    out
}
