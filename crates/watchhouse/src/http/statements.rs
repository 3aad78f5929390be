//! Statements of reasons: what whoever is acted against reads, and where they object.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Serialize;
use utoipa::ToSchema;

use super::appeals::{self, AppealOfAppellant, appeal_part, read_typed, refused};
use super::error::{ApiResult, not_found};
use super::extract::Path;
use super::ledger::{ProvenEntry, prove};
use super::page::{self, instant, page};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::id::{AccountId, DecisionId, StatementId};
use crate::language::Language;
use crate::statements::Section;
use crate::store::Tx;
use crate::store::appeals::{Appeal, Appellant};
use crate::store::decisions::Decision;
use crate::store::statements::Statement;

/// A statement of reasons, as staff see it.
#[derive(Serialize, ToSchema)]
pub struct StatementOfDecision {
    id: StatementId,
    account: AccountId,
    issued_at: Timestamp,
    /// What it says, by language code.
    texts: BTreeMap<String, Vec<Section>>,
}

impl StatementOfDecision {
    pub async fn read(tx: &mut Tx, decision: &DecisionId) -> ApiResult<Vec<StatementOfDecision>> {
        let statements = tx.statements_of_decision(decision).await?.into_iter();
        Ok(statements
            .map(|statement| StatementOfDecision {
                id: statement.id,
                account: statement.account_id,
                issued_at: statement.issued_at,
                texts: statement.texts,
            })
            .collect())
    }
}

/// List the statements of reasons that a decision's people were given.
///
/// Their addresses are for those people alone: webhooks `statement.issued` carry them.
#[utoipa::path(get, path = "/decisions/{id}/statements", tag = "decisions",
    params(("id" = DecisionId, Path)), responses((status = 200, body = Vec<StatementOfDecision>)))]
pub async fn list_statements(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<DecisionId>,
) -> ApiResult<Json<Vec<StatementOfDecision>>> {
    caller.require(Scope::CasesRead)?;
    let mut tx = app.store.read().await?;
    let decision = tx.decision(&id).await?;
    let decision = decision.ok_or_else(|| not_found("decision", &id))?;
    caller
        .require_case(&mut tx, Scope::CasesRead, &decision.case_id)
        .await?;
    Ok(Json(StatementOfDecision::read(&mut tx, &id).await?))
}

/// A statement of reasons, for the person whom it is about.
#[derive(Serialize, ToSchema)]
pub struct StatementOfReasons {
    id: StatementId,
    decision: DecisionId,
    issued_at: Timestamp,
    /// What it says, by language code.
    texts: BTreeMap<String, Vec<Section>>,
    /// Until when objections are taken.
    appeal_until: Timestamp,
    /// The objection that was made.
    appeal: Option<AppealOfAppellant>,
    /// Whether the decision was taken back.
    is_reversed: bool,
    /// The ledger's entries of this statement, each with what opens its commitment and proves its place.
    entries: Vec<ProvenEntry>,
}

/// What there is to a statement's token.
struct Read {
    statement: Statement,
    decision: Decision,
    appeal: Option<Appeal>,
    entries: Vec<ProvenEntry>,
}

/// Show a statement of reasons. Public: the token is the right to look.
#[utoipa::path(get, path = "/statements/{token}", tag = "decisions", security(()),
    params(("token" = String, Path)), responses((status = 200, body = StatementOfReasons)))]
pub async fn show_statement(
    State(app): State<App>,
    Path(token): Path<String>,
) -> ApiResult<Response> {
    let mut tx = app.store.read().await?;
    let read = read(&mut tx, &app, &token).await?;
    let answer = StatementOfReasons {
        appeal_until: app.config.appeals.until(read.statement.issued_at),
        appeal: read.appeal.map(AppealOfAppellant::from),
        is_reversed: read.decision.reversed_by.is_some(),
        id: read.statement.id,
        decision: read.statement.decision_id,
        issued_at: read.statement.issued_at,
        texts: read.statement.texts,
        entries: read.entries,
    };
    Ok((page::headers(), Json(answer)).into_response())
}

/// The statement as a page for people; it needs no script.
pub async fn show_statement_page(
    State(app): State<App>,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> ApiResult<Response> {
    let mut tx = app.store.read().await?;
    let read = read(&mut tx, &app, &token).await?;
    let language = page::accepted(&headers);
    let page = page_of(&app, &read, language, "", None);
    Ok((page::headers(), page).into_response())
}

/// Takes the objection that was typed on the page.
pub async fn send_appeal_form(
    State(app): State<App>,
    headers: HeaderMap,
    Path(token): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let explanation = read_typed(body).await?;
    let language = page::accepted(&headers);
    let mut tx = app.store.begin().await?;
    let read = read(&mut tx, &app, &token).await?;
    let told_at = read.statement.issued_at;
    let by = Appellant::Account(read.statement.id.clone());
    match appeals::receive(&mut tx, &app, by, &read.decision, told_at, &explanation).await {
        Ok(_) => {
            tx.commit().await?;
            app.wake();
            Ok(Redirect::to(&format!("/statements/{token}")).into_response())
        }
        Err(error) if error.status.is_client_error() => {
            let status = error.status;
            let fault = refused(&error, language);
            let page = page_of(&app, &read, language, &explanation, Some(fault));
            Ok((status, page::headers(), page).into_response())
        }
        Err(error) => Err(error),
    }
}

/// The statement, the decision and the appeal behind a token.
pub async fn find(tx: &mut Tx, app: &App, token: &str) -> ApiResult<(Statement, Decision)> {
    let nothing = || not_found("statement", token);
    let id = app.receipts.read_statement(token).ok_or_else(nothing)?;
    let statement = tx.statement(&id).await?.ok_or_else(nothing)?;
    let decision = tx.decision(&statement.decision_id).await?;
    Ok((statement, decision.ok_or_else(nothing)?))
}

async fn read(tx: &mut Tx, app: &App, token: &str) -> ApiResult<Read> {
    let (statement, decision) = find(tx, app, token).await?;
    let by = Appellant::Account(statement.id.clone());
    let appeal = tx.appeal_by(&by).await?;
    let mut entries = Vec::new();
    entries.extend(prove(tx, &statement.entry_id).await?);
    if let Some(appeal) = &appeal {
        entries.extend(appeals::entries(tx, appeal).await?);
    }
    Ok(Read {
        statement,
        decision,
        appeal,
        entries,
    })
}

/// What the page says beside the statement itself.
struct Words {
    title: &'static str,
    reversed: &'static str,
    issued_at: &'static str,
    number: &'static str,
    keep: &'static str,
}

const ENGLISH: Words = Words {
    title: "A decision that concerns you",
    reversed: "We have taken this decision back.",
    issued_at: "Issued",
    number: "Statement",
    keep: "Keep the address of this page: whoever has it can see this and object, and nobody else.",
};

const FRENCH: Words = Words {
    title: "Une décision qui vous concerne",
    reversed: "Nous sommes revenus sur cette décision.",
    issued_at: "Émis",
    number: "Exposé",
    keep: "Conservez l’adresse de cette page : qui la possède peut voir ceci et faire une réclamation, et \
           personne d’autre.",
};

fn page_of(
    app: &App,
    read: &Read,
    language: Language,
    typed: &str,
    fault: Option<String>,
) -> Markup {
    let words = language.pick(&ENGLISH, &FRENCH);
    let texts = &read.statement.texts;
    let sections = texts.get(language.code()).or_else(|| texts.values().next());
    let can_appeal = read.decision.reversed_by.is_none()
        && app.config.appeals.until(read.statement.issued_at) >= app.clock.now();
    let body = html! {
        main {
            h1 { (words.title) }
            @if read.decision.reversed_by.is_some() {
                p.state { (words.reversed) }
            }
            @for section in sections.into_iter().flatten() {
                h2 { (section.heading) }
                @for line in section.text.lines() {
                    p { (line) }
                }
            }
            (appeal_part(language, read.appeal.as_ref(), can_appeal, typed, fault.as_deref()))
            dl {
                dt { (words.number) } dd { (read.statement.id) }
                dt { (words.issued_at) } dd { (instant(read.statement.issued_at)) }
            }
            p { (words.keep) }
        }
    };
    page(language, words.title, &body)
}
