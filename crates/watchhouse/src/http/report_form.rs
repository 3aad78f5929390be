//! The public form: anyone may report, without an account and without a script.
//!
//! It asks for what Article 16 of the Digital Services Act makes a notice of: what, where exactly, why, by
//! whom, and in good faith. Against floods there are no puzzles: each form that is given out becomes one
//! report, not before somebody can have filled it in, and so many from one network in an hour. What was
//! typed MUST NOT be lost to any of that: the form comes back with it.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::error::{ApiError, ApiResult, invalid_body, not_found};
use super::extract::read_body;
use super::network::network;
use super::page::{self, page};
use super::reports::check_email;
use crate::app::App;
use crate::clock::{Timestamp, earlier};
use crate::dsa;
use crate::id::{FormId, Name as _};
use crate::language::Language;
use crate::reports::{self, About};
use crate::store::reports::{Reporter, Source};
use words::Words;

mod words;

const MOST_BYTES: usize = 64 << 10;
const LONGEST_EXPLANATION: usize = 10_000;
const LONGEST_ADDRESS: usize = 2_000;
const LONGEST_NAME: usize = 200;

/// A form that is older has been forgotten in some window.
const GOOD_FOR: Duration = Duration::from_hours(24);

/// Reports on it may be made without a name: Article 16(2)(c) excepts the offences of Directive 2011/93/EU.
const NAMELESS: &str = "protection_of_minors";

/// What somebody typed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Typed {
    token: String,
    language: String,
    address: String,
    category: String,
    explanation: String,
    name: String,
    email: String,
    good_faith: String,
    /// People do not see this field; programs fill it in.
    website: String,
}

/// What is wrong with it, field by field.
#[derive(Default)]
struct Faults(Vec<(&'static str, String)>);

impl Faults {
    fn of(&self, field: &str) -> Option<&str> {
        let fault = self.0.iter().find(|(of, _)| *of == field);
        fault.map(|(_, text)| text.as_str())
    }
}

#[derive(Default, Deserialize)]
pub struct FormQuery {
    /// `en` or `fr`.
    language: Option<String>,
    /// What the form is to be filled with, for links from a page that is reported.
    address: Option<String>,
}

/// The empty form.
pub async fn show_report_form(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<FormQuery>,
) -> ApiResult<Response> {
    check_enabled(&app)?;
    let language = query.language.as_deref().and_then(Language::parse);
    let language = language.unwrap_or_else(|| page::accepted(&headers));
    let typed = Typed {
        address: query.address.unwrap_or_default(),
        ..Typed::default()
    };
    Ok(form(
        &app,
        language,
        &typed,
        &Faults::default(),
        StatusCode::OK,
    ))
}

/// Takes the form in. What is wrong with it is said on it.
pub async fn send_report_form(State(app): State<App>, request: Request) -> ApiResult<Response> {
    check_enabled(&app)?;
    let (parts, body) = request.into_parts();
    let network = network(&app, &parts.headers, parts.extensions.get());
    let typed = read(body).await?;
    let language = Language::of(&typed.language);
    let words = Words::of(language);
    let refuse = |field, text: &str, status| {
        let faults = Faults(vec![(field, text.to_owned())]);
        Ok(form(&app, language, &typed, &faults, status))
    };

    let now = app.clock.now();
    let Some((form_id, given_out)) = issued(&app, &typed.token) else {
        return refuse("form", words.unknown_form, StatusCode::UNPROCESSABLE_ENTITY);
    };
    let mut tx = app.store.begin().await?;
    // Sent twice, or sent again by a browser: the first is the report.
    if let Some(report) = tx.report_of_form(&form_id).await? {
        return Ok(to_receipt(&app.receipts.token(&report)));
    }
    if given_out < earlier(now, GOOD_FOR) {
        return refuse("form", words.old_form, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let faults = check(&typed, words);
    if !faults.0.is_empty() {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(form(&app, language, &typed, &faults, status));
    }
    let shortest = Duration::from_secs(app.config.report_form.min_seconds);
    if !typed.website.is_empty() || given_out > earlier(now, shortest) {
        return refuse("form", words.too_quick, StatusCode::TOO_MANY_REQUESTS);
    }
    if !app.form_limits.take(network) {
        return refuse("form", words.too_many, StatusCode::TOO_MANY_REQUESTS);
    }

    let address = typed.address.trim().to_owned();
    let text = |typed: &str| Some(typed.trim().to_owned()).filter(|text| !text.is_empty());
    let new = reports::NewReport {
        source: Source::User,
        organisation: None,
        caller_id: None,
        form_id: Some(form_id.clone()),
        reporter: Reporter {
            external_id: None,
            name: text(&typed.name),
            email: text(&typed.email),
            language: language.code().to_owned(),
        },
        about: About::Address(address.clone()),
        category: typed.category.clone(),
        keyword: None,
        explanation: typed.explanation.trim().to_owned(),
        address: Some(address),
        good_faith: true,
    };
    let report = match reports::receive(&mut tx, &app, new).await {
        Ok(report) => report.id,
        // The same form a moment ago, on another connection.
        Err(crate::store::Error::Conflict(_)) => {
            drop(tx);
            let mut tx = app.store.read().await?;
            let first = tx.report_of_form(&form_id).await?;
            let first = first.ok_or_else(|| not_found("report", &form_id))?;
            return Ok(to_receipt(&app.receipts.token(&first)));
        }
        Err(error) => return Err(error.into()),
    };
    tx.commit().await?;
    app.wake();
    Ok(to_receipt(&app.receipts.token(&report)))
}

fn check_enabled(app: &App) -> ApiResult<()> {
    if app.config.report_form.enabled {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::NOT_FOUND,
        "form_off",
        "the public form is switched off here (setting report_form.enabled)",
    ))
}

async fn read(body: Body) -> ApiResult<Typed> {
    let bytes = read_body(body, MOST_BYTES).await?;
    let pairs = url::form_urlencoded::parse(&bytes);
    let mut typed = Typed::default();
    for (name, value) in pairs {
        if value.contains('\0') {
            return Err(invalid_body("the form holds the character U+0000"));
        }
        let field = match name.as_ref() {
            "token" => &mut typed.token,
            "language" => &mut typed.language,
            "address" => &mut typed.address,
            "category" => &mut typed.category,
            "explanation" => &mut typed.explanation,
            "name" => &mut typed.name,
            "email" => &mut typed.email,
            "good_faith" => &mut typed.good_faith,
            "website" => &mut typed.website,
            _ => continue,
        };
        *field = value.into_owned();
    }
    Ok(typed)
}

/// The form that a token is of, and when it was given out.
fn issued(app: &App, token: &str) -> Option<(FormId, Timestamp)> {
    let form = app.receipts.read_form(token)?;
    let at = form.made_at()?;
    Some((form, at))
}

fn check(typed: &Typed, words: &Words) -> Faults {
    let mut faults = Faults::default();
    let mut fault = |field, text: &str| faults.0.push((field, text.to_owned()));
    let address = typed.address.trim();
    let is_address = url::Url::parse(address).is_ok_and(|url| url.has_host());
    if !is_address || address.chars().count() > LONGEST_ADDRESS {
        fault("address", words.address_wrong);
    }
    if dsa::check(&typed.category, None).is_err() {
        fault("category", words.category_wrong);
    }
    let length = typed.explanation.trim().chars().count();
    if length == 0 || length > LONGEST_EXPLANATION {
        fault("explanation", words.explanation_wrong);
    }
    let may_be_nameless = typed.category == NAMELESS;
    let name = typed.name.trim();
    if (name.is_empty() && !may_be_nameless) || name.chars().count() > LONGEST_NAME {
        fault("name", words.name_wrong);
    }
    let email = Some(typed.email.trim()).filter(|email| !email.is_empty());
    if (email.is_none() && !may_be_nameless) || check_email("email", email).is_err() {
        fault("email", words.email_wrong);
    }
    if typed.good_faith.is_empty() {
        fault("good_faith", words.good_faith_wrong);
    }
    faults
}

fn to_receipt(token: &str) -> Response {
    let redirect = Redirect::to(&format!("/receipts/{token}"));
    (page::headers(), redirect).into_response()
}

/// The form, with what was typed and what is wrong with it.
fn form(
    app: &App,
    language: Language,
    typed: &Typed,
    faults: &Faults,
    status: StatusCode,
) -> Response {
    let words = Words::of(language);
    // The same form can be sent again; one that cannot is replaced.
    let token = match issued(app, &typed.token) {
        Some((_, at)) if at >= earlier(app.clock.now(), GOOD_FOR) => typed.token.clone(),
        _ => app
            .receipts
            .form_token(&app.ids.make::<FormId>(app.clock.now())),
    };
    let body = html! {
        nav {
            @for other in Language::ALL.into_iter().filter(|other| *other != language) {
                a href={ "/report?language=" (other.code()) } lang=(other.code()) { (other.name()) }
            }
        }
        main {
            h1 { (words.title) }
            p { (words.intro) }
            (summary(words, faults))
            form method="post" action="/report" {
                input type="hidden" name="token" value=(token);
                input type="hidden" name="language" value=(language.code());
                div.trap aria-hidden="true" {
                    label for="website" { "Website" }
                    input id="website" name="website" tabindex="-1" autocomplete="off" value="";
                }
                (text_field("address", "url", words.address, words.address_hint, &typed.address, faults))
                div {
                    label for="category" { (words.category) }
                    (fault_of("category", faults))
                    select #category name="category" aria-describedby=[described("category", faults)]
                        aria-invalid=[invalid("category", faults)] required {
                        option value="" { (words.choose) }
                        @for (name, title) in dsa::titles(language) {
                            option value=(name) selected[typed.category == name] { (title) }
                        }
                    }
                }
                div {
                    label for="explanation" { (words.explanation) }
                    p.hint #explanation-hint { (words.explanation_hint) }
                    (fault_of("explanation", faults))
                    textarea #explanation name="explanation" rows="8" maxlength=(LONGEST_EXPLANATION)
                        aria-describedby=(hinted("explanation", faults))
                        aria-invalid=[invalid("explanation", faults)] required { (typed.explanation) }
                }
                fieldset {
                    legend { (words.you) }
                    p.hint { (words.you_hint) }
                    (text_field("name", "text", words.name, "", &typed.name, faults))
                    (text_field("email", "email", words.email, words.email_hint, &typed.email, faults))
                }
                div {
                    (fault_of("good_faith", faults))
                    input #good_faith type="checkbox" name="good_faith" value="yes"
                        checked[!typed.good_faith.is_empty()]
                        aria-describedby=[described("good_faith", faults)]
                        aria-invalid=[invalid("good_faith", faults)] required;
                    " " label for="good_faith" { (words.good_faith) }
                }
                button type="submit" { (words.send) }
                p.hint { (words.what_next) }
            }
        }
    };
    let title = match faults.0.is_empty() {
        true => words.title.to_owned(),
        false => format!("{}: {}", words.faults, words.title),
    };
    (status, page::headers(), page(language, &title, &body)).into_response()
}

/// What is wrong, with a way to each field; read first by whoever does not see the page.
fn summary(words: &Words, faults: &Faults) -> Markup {
    html! {
        @if !faults.0.is_empty() {
            div.faults role="alert" tabindex="-1" {
                h2 { (words.faults) }
                ul {
                    @for (field, text) in &faults.0 {
                        li {
                            @if *field == "form" { (text) } @else { a href={ "#" (field) } { (text) } }
                        }
                    }
                }
            }
        }
    }
}

fn text_field(
    name: &'static str,
    kind: &str,
    label: &str,
    hint: &str,
    value: &str,
    faults: &Faults,
) -> Markup {
    let complete = match name {
        "name" => Some("name"),
        "email" => Some("email"),
        _ => None,
    };
    let described = match hint.is_empty() {
        true => described(name, faults),
        false => Some(hinted(name, faults)),
    };
    html! {
        div {
            label for=(name) { (label) }
            @if !hint.is_empty() { p.hint id={ (name) "-hint" } { (hint) } }
            (fault_of(name, faults))
            input id=(name) type=(kind) name=(name) value=(value) autocomplete=[complete]
                required[name == "address"] aria-describedby=[described]
                aria-invalid=[invalid(name, faults)];
        }
    }
}

fn fault_of(field: &str, faults: &Faults) -> Markup {
    html! {
        @if let Some(text) = faults.of(field) {
            p.fault id={ (field) "-fault" } { (text) }
        }
    }
}

fn described(field: &str, faults: &Faults) -> Option<String> {
    faults.of(field).map(|_| format!("{field}-fault"))
}

fn hinted(field: &str, faults: &Faults) -> String {
    match described(field, faults) {
        Some(fault) => format!("{field}-hint {fault}"),
        None => format!("{field}-hint"),
    }
}

fn invalid(field: &str, faults: &Faults) -> Option<&'static str> {
    faults.of(field).map(|_| "true")
}
