//! What the pages for people share: they are plain, quick, and need no script.

use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::clock::Timestamp;
use crate::language::Language;

/// The reader's, by `Accept-Language`: the first that we have, for browsers name the best first.
pub fn accepted(headers: &HeaderMap) -> Language {
    let accepted = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mut codes = accepted
        .split(',')
        .map(|one| one.split(';').next().unwrap_or_default().trim());
    codes.find_map(Language::parse).unwrap_or_default()
}

const STYLE: &str = "\
:root { color-scheme: light dark; --line: #767676; --bad: light-dark(#b00020, #ff8a80); }
* { box-sizing: border-box; }
body { font: 1.0625rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 42rem; padding: 2rem 1rem; }
h1 { font-size: 1.75rem; line-height: 1.2; }
h2 { font-size: 1.25rem; margin-top: 2rem; }
nav { text-align: right; }
.state { border-left: .25rem solid; padding: .25rem 1rem; font-size: 1.1875rem; }
.faults { border: .1875rem solid var(--bad); margin: 0 0 1.5rem; padding: 0 1rem; }
fieldset > div + div { margin-top: 1rem; }
.fault { color: var(--bad); font-weight: 600; margin: .25rem 0; }
.hint { margin: .125rem 0 .375rem; }
.trap { display: none; }
dt, label, legend { font-weight: 600; }
dd { margin: 0 0 .75rem; overflow-wrap: anywhere; }
li { overflow-wrap: anywhere; }
form > div, fieldset { margin: 0 0 1.5rem; }
fieldset { border: 1px solid var(--line); }
input:not([type=checkbox]), select, textarea { font: inherit; width: 100%; padding: .5rem; border: 1px solid var(--line); }
button { font: inherit; font-weight: 600; padding: .625rem 1.5rem; }
:focus-visible { outline: .1875rem solid; outline-offset: .125rem; }";

/// A whole page.
pub fn page(language: Language, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
}

/// For pages that are one person's: in no cache, in no other site's log, in no other site's frame, and
/// without scripts.
pub fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'",
        ),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

pub fn instant(at: Timestamp) -> Markup {
    let shown = at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    html! { time datetime=(at.to_string()) { (shown) } }
}
