//! Appeals: objecting to a decision, with the token that it was told with, and what became of that.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::error::{ApiError, ApiResult, conflict, invalid, not_found};
use super::extract::{
    Input, Listed, Params, Path, PublicInput, Scoped, null_refused, page, read_body,
};
use super::ledger::{ProvenEntry, prove};
use super::page::{self, instant};
use super::statements;
use crate::app::App;
use crate::appeals::{self, Refusal};
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::id::{AppealId, CaseId, DecisionId, Name as _, ReportId, StatementId};
use crate::language::Language;
use crate::store;
use crate::store::Tx;
use crate::store::appeals::{AppealFilter, AppealOutcome, Appellant, Dispute};
use crate::store::decisions::Decision;
use crate::store::reports::StandingReport;

const LONGEST_EXPLANATION: usize = 10_000;
const LONGEST_NAME: usize = 500;
const MOST_FORM_BYTES: usize = 64 << 10;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAppeal {
    /// Why, in the appellant's words.
    explanation: String,
}

/// An appeal, for whoever made it.
#[derive(Serialize, ToSchema)]
pub struct AppealOfAppellant {
    id: AppealId,
    explanation: String,
    received_at: Timestamp,
    /// When it has to be answered.
    due_at: Option<Timestamp>,
    /// What became of the decision; null while nobody has decided again.
    outcome: Option<AppealOutcome>,
}

impl From<store::appeals::Appeal> for AppealOfAppellant {
    fn from(appeal: store::appeals::Appeal) -> AppealOfAppellant {
        AppealOfAppellant {
            id: appeal.id,
            explanation: appeal.explanation,
            received_at: appeal.received_at,
            due_at: appeal.due_at,
            outcome: appeal.answer.map(|answer| answer.outcome),
        }
    }
}

/// An appeal, as staff see it.
#[derive(Serialize, ToSchema)]
pub struct Appeal {
    id: AppealId,
    /// The decision that it is against.
    against: DecisionId,
    /// The case whose decision answers it.
    case: CaseId,
    /// What whoever was acted against was given, if they appeal.
    statement: Option<StatementId>,
    /// What whoever appeals had reported.
    report: Option<ReportId>,
    explanation: String,
    received_at: Timestamp,
    due_at: Option<Timestamp>,
    outcome: Option<AppealOutcome>,
    /// The decision that answered it.
    decision: Option<DecisionId>,
    /// What an out-of-court body made of it.
    dispute: Option<Dispute>,
}

impl From<store::appeals::Appeal> for Appeal {
    fn from(appeal: store::appeals::Appeal) -> Appeal {
        let (statement, report) = match appeal.by {
            Appellant::Account(statement) => (Some(statement), None),
            Appellant::Reporter(report) => (None, Some(report)),
        };
        let answer = appeal.answer;
        Appeal {
            id: appeal.id,
            against: appeal.decision_id,
            case: appeal.case_id,
            statement,
            report,
            explanation: appeal.explanation,
            received_at: appeal.received_at,
            due_at: appeal.due_at,
            outcome: answer.as_ref().map(|answer| answer.outcome),
            decision: answer.map(|answer| answer.decision_id),
            dispute: appeal.dispute,
        }
    }
}

/// Object to a decision that one was acted against by. Public: the token is the right to.
///
/// Once, within the time that the statement names. Somebody else than who decided looks at it.
#[utoipa::path(post, path = "/statements/{token}/appeal", tag = "appeals", security(()),
    params(("token" = String, Path)), request_body = NewAppeal,
    responses((status = 201, body = AppealOfAppellant)))]
pub async fn appeal_statement(
    State(app): State<App>,
    Path(token): Path<String>,
    PublicInput(new): PublicInput<NewAppeal>,
) -> ApiResult<Response> {
    let mut tx = app.store.begin().await?;
    let (statement, decision) = statements::find(&mut tx, &app, &token).await?;
    let by = Appellant::Account(statement.id);
    let told_at = statement.issued_at;
    let appeal = receive(&mut tx, &app, by, &decision, told_at, &new.explanation).await?;
    answer(&app, tx, appeal).await
}

/// Object to what was decided about one's report. Public: the receipt's token is the right to.
///
/// Once, within the time that the settings name. Somebody else than who decided looks at it.
#[utoipa::path(post, path = "/receipts/{token}/appeal", tag = "appeals", security(()),
    params(("token" = String, Path)), request_body = NewAppeal,
    responses((status = 201, body = AppealOfAppellant)))]
pub async fn appeal_receipt(
    State(app): State<App>,
    Path(token): Path<String>,
    PublicInput(new): PublicInput<NewAppeal>,
) -> ApiResult<Response> {
    let mut tx = app.store.begin().await?;
    let appeal = receive_by_receipt(&mut tx, &app, &token, &new.explanation).await?;
    answer(&app, tx, appeal).await
}

async fn answer(app: &App, tx: Tx, appeal: store::appeals::Appeal) -> ApiResult<Response> {
    tx.commit().await?;
    app.wake();
    let answer = Json(AppealOfAppellant::from(appeal));
    Ok((StatusCode::CREATED, page::headers(), answer).into_response())
}

/// Takes the objection that was typed on a receipt's page.
pub async fn send_receipt_appeal_form(
    State(app): State<App>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let typed = read_typed(body).await?;
    let mut tx = app.store.begin().await?;
    match receive_by_receipt(&mut tx, &app, &token, &typed).await {
        Ok(_) => {
            tx.commit().await?;
            app.wake();
            Ok(Redirect::to(&format!("/receipts/{token}")).into_response())
        }
        Err(error) if error.status.is_client_error() => {
            drop(tx);
            let fault = refused(&error, page::accepted(&headers));
            super::receipts::page_again(&app, &token, error.status, &typed, &fault).await
        }
        Err(error) => Err(error),
    }
}

async fn receive_by_receipt(
    tx: &mut Tx,
    app: &App,
    token: &str,
    explanation: &str,
) -> ApiResult<store::appeals::Appeal> {
    let nothing = || not_found("receipt", token);
    let id = app.receipts.read(token).ok_or_else(nothing)?;
    let standing = tx.report(&id).await?.ok_or_else(nothing)?;
    let Some((decision, told_at)) = decision_on(tx, &standing).await? else {
        return Err(conflict(
            "not_decided",
            "nothing is decided on this report yet; there is nothing to object to",
        ));
    };
    let by = Appellant::Reporter(id);
    receive(tx, app, by, &decision, told_at, explanation).await
}

async fn decision_on(
    tx: &mut Tx,
    standing: &StandingReport,
) -> ApiResult<Option<(Decision, Timestamp)>> {
    let Some(decided) = &standing.decided else {
        return Ok(None);
    };
    let decision = tx.decision(&decided.decision_id).await?;
    Ok(decision.map(|decision| (decision, decided.at)))
}

/// Takes an appeal, or says why not.
pub async fn receive(
    tx: &mut Tx,
    app: &App,
    by: Appellant,
    decision: &Decision,
    told_at: Timestamp,
    explanation: &str,
) -> ApiResult<store::appeals::Appeal> {
    let explanation = explanation.trim();
    if explanation.is_empty() || explanation.chars().count() > LONGEST_EXPLANATION {
        let message = format!("say why: expected 1 to {LONGEST_EXPLANATION} characters");
        return Err(invalid("explanation", message));
    }
    let explanation = explanation.to_owned();
    let received = appeals::receive(tx, app, by, decision, told_at, explanation).await;
    let received = received.map_err(|error| match error {
        // The same, sent twice at once.
        store::Error::Conflict(_) => conflict("appeal_made", "this was appealed against already"),
        error => error.into(),
    })?;
    received.map_err(|refusal| match refusal {
        Refusal::Made(id) => conflict(
            "appeal_made",
            format!("this was appealed against already, as \"{id}\""),
        ),
        Refusal::Late(until) => conflict(
            "appeal_late",
            format!("objections were taken until {until}; you can still go to court"),
        ),
        Refusal::Exhausted => conflict(
            "appeal_exhausted",
            "this decision answered an appeal already: a certified out-of-court body or a court can look \
             at it",
        ),
        Refusal::Reversed => conflict(
            "decision_not_effective",
            "this decision is not in effect; there is nothing to object to",
        ),
    })
}

/// The proven entries of an appeal.
pub async fn entries(tx: &mut Tx, appeal: &store::appeals::Appeal) -> ApiResult<Vec<ProvenEntry>> {
    let mut entries = Vec::new();
    entries.extend(prove(tx, &appeal.received_entry).await?);
    if let Some(answer) = &appeal.answer {
        entries.extend(prove(tx, &answer.entry).await?);
    }
    Ok(entries)
}

/// The form that somebody sent.
pub async fn read_typed(body: Body) -> ApiResult<String> {
    let bytes = read_body(body, MOST_FORM_BYTES).await?;
    let mut pairs = url::form_urlencoded::parse(&bytes);
    let typed = pairs.find(|(name, _)| name == "explanation");
    let typed = typed.map(|(_, text)| text.into_owned()).unwrap_or_default();
    if typed.contains('\0') {
        return Err(null_refused());
    }
    Ok(typed)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AppealQuery {
    /// Against this decision.
    against: Option<DecisionId>,
    answered: Option<bool>,
    /// How many at most, 1 to 200. 50 if nothing is said.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// List appeals on cases within the caller's reach. A page may be shorter for the others.
#[utoipa::path(get, path = "/appeals", tag = "appeals", params(AppealQuery),
    responses((status = 200, body = Listed<Appeal>)))]
pub async fn list_appeals(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<AppealQuery>,
) -> ApiResult<Json<Listed<Appeal>>> {
    caller.require(Scope::CasesRead)?;
    let page = page(query.limit, query.after)?;
    let filter = AppealFilter {
        decision: query.against,
        is_answered: query.answered,
    };
    let mut tx = app.store.read().await?;
    let appeals = tx.appeals(&filter, &page).await?;
    let reach = caller.reach(Scope::CasesRead);
    let mut data = Vec::new();
    for appeal in appeals.rows {
        if tx.is_within(&reach, &appeal.case_id).await? {
            data.push(Appeal::from(appeal));
        }
    }
    Ok(Json(Listed {
        data,
        next: appeals.next,
    }))
}

/// Show an appeal.
#[utoipa::path(get, path = "/appeals/{id}", tag = "appeals", params(("id" = AppealId, Path)),
    responses((status = 200, body = Appeal)))]
pub async fn show_appeal(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AppealId>,
) -> ApiResult<Json<Appeal>> {
    caller.require(Scope::CasesRead)?;
    let mut tx = app.store.read().await?;
    let appeal = tx.appeal(&id).await?;
    let appeal = appeal.ok_or_else(|| not_found("appeal", &id))?;
    caller
        .require_case(&mut tx, Scope::CasesRead, &appeal.case_id)
        .await?;
    Ok(Json(appeal.into()))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppealChange {
    /// The dispute before a certified out-of-court body, as it stands now.
    dispute: Dispute,
}

impl Scoped for AppealChange {
    const SCOPE: Scope = Scope::CasesDecide;
}

/// Note what an out-of-court body makes of an appeal.
#[utoipa::path(patch, path = "/appeals/{id}", tag = "appeals", params(("id" = AppealId, Path)),
    request_body = AppealChange, responses((status = 200, body = Appeal)))]
pub async fn change_appeal(
    State(app): State<App>,
    Path(id): Path<AppealId>,
    Input {
        caller,
        body: change,
    }: Input<AppealChange>,
) -> ApiResult<Json<Appeal>> {
    let dispute = change.dispute;
    for (field, text) in [("body", &dispute.body), ("reference", &dispute.reference)] {
        if text.trim().is_empty() || text.chars().count() > LONGEST_NAME {
            let message = format!("expected 1 to {LONGEST_NAME} characters");
            return Err(invalid(&format!("dispute.{field}"), message));
        }
    }
    let mut tx = app.store.begin().await?;
    let appeal = tx.appeal(&id).await?;
    let appeal = appeal.ok_or_else(|| not_found("appeal", &id))?;
    caller
        .require_case(&mut tx, Scope::CasesDecide, &appeal.case_id)
        .await?;
    tx.note_dispute(&id, &dispute).await?;
    let details = json!({
        "appeal": id.as_str(),
        "body": dispute.body,
        "reference": dispute.reference,
        "outcome": dispute.outcome.map(AppealOutcome::as_str),
        "is_implemented": dispute.is_implemented,
    });
    tx.record(&caller.actor(), "appeal.disputed", details)
        .await?;
    let appeal = tx.appeal(&id).await?;
    let appeal = appeal.ok_or_else(|| not_found("appeal", &id))?;
    tx.commit().await?;
    app.wake();
    Ok(Json(appeal.into()))
}

/// What the pages say of objecting, in one language.
struct Words {
    title: &'static str,
    explain: &'static str,
    why: &'static str,
    send: &'static str,
    received: &'static str,
    received_at: &'static str,
    upheld: &'static str,
    partly_reversed: &'static str,
    reversed: &'static str,
    empty: &'static str,
    refused: &'static str,
}

const ENGLISH: Words = Words {
    title: "Object",
    explain: "Tell us why you think that we are wrong. Somebody else than who decided will look at it, and \
              you will find the answer here.",
    why: "Why",
    send: "Send the objection",
    received: "We have received your objection. Somebody else than who decided will look at it.",
    received_at: "Received",
    upheld: "We have looked at it again, and the decision stays.",
    partly_reversed: "We have looked at it again, and have taken the decision back in part.",
    reversed: "We have looked at it again, and have taken the decision back.",
    empty: "Say why, in at most 10,000 characters.",
    refused: "We cannot take this objection: it was made before, its time is over, or the decision is no \
              longer in effect.",
};

const FRENCH: Words = Words {
    title: "Faire une réclamation",
    explain: "Dites-nous pourquoi vous pensez que nous avons tort. Une autre personne que celle qui a décidé \
              l’examinera, et vous trouverez la réponse ici.",
    why: "Pourquoi",
    send: "Envoyer la réclamation",
    received: "Nous avons reçu votre réclamation. Une autre personne que celle qui a décidé l’examinera.",
    received_at: "Reçue",
    upheld: "Nous l’avons examinée, et la décision est maintenue.",
    partly_reversed: "Nous l’avons examinée, et sommes revenus en partie sur la décision.",
    reversed: "Nous l’avons examinée, et sommes revenus sur la décision.",
    empty: "Dites pourquoi, en 10 000 caractères au plus.",
    refused: "Nous ne pouvons pas prendre cette réclamation : elle a déjà été faite, le délai est passé, ou \
              la décision n’est plus en vigueur.",
};

/// Why an objection was refused, for people.
pub fn refused(error: &ApiError, language: Language) -> String {
    let words = language.pick(&ENGLISH, &FRENCH);
    let text = match error.code {
        "invalid" => words.empty,
        _ => words.refused,
    };
    text.to_owned()
}

/// The part of a page on which one objects, or sees what became of it.
pub fn appeal_part(
    language: Language,
    appeal: Option<&store::appeals::Appeal>,
    can_appeal: bool,
    typed: &str,
    fault: Option<&str>,
) -> Markup {
    let words = language.pick(&ENGLISH, &FRENCH);
    let Some(appeal) = appeal else {
        return html! {
            @if can_appeal {
                h2 id="appeal" { (words.title) }
                @if let Some(fault) = fault {
                    div.faults role="alert" { p.fault { (fault) } }
                }
                form method="post" {
                    div {
                        p.hint { (words.explain) }
                        label for="explanation" { (words.why) }
                        textarea id="explanation" name="explanation" rows="8" maxlength="10000" required {
                            (typed)
                        }
                    }
                    button type="submit" { (words.send) }
                }
            } @else if let Some(fault) = fault {
                div.faults role="alert" { p.fault { (fault) } }
            }
        };
    };
    let state = match appeal.answer.as_ref().map(|answer| answer.outcome) {
        None => words.received,
        Some(AppealOutcome::Upheld) => words.upheld,
        Some(AppealOutcome::PartlyReversed) => words.partly_reversed,
        Some(AppealOutcome::Reversed) => words.reversed,
    };
    html! {
        h2 id="appeal" { (words.title) }
        @if let Some(fault) = fault {
            div.faults role="alert" { p.fault { (fault) } }
        }
        p.state { (state) }
        dl {
            dt { (words.received_at) } dd { (instant(appeal.received_at)) }
            dt { (words.why) } dd { (appeal.explanation) }
        }
    }
}
