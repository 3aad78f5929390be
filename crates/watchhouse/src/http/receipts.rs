//! Receipts: what whoever reported sees of their report, and what proves it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Serialize;
use utoipa::ToSchema;

use super::appeals::{self, AppealOfAppellant, appeal_part};
use super::error::{ApiResult, not_found};
use super::extract::Path;
use super::ledger::{ProvenEntry, prove};
use super::page::{self, instant, page};
use crate::app::App;
use crate::clock::Timestamp;
use crate::dsa;
use crate::id::{EntryId, ReportId};
use crate::language::Language;
use crate::store::Tx;
use crate::store::appeals::{Appeal, Appellant};
use crate::store::decisions::Outcome;
use crate::store::reports::{Measures, ReportState, StandingReport};

/// What became of a report, for whoever made it.
#[derive(Serialize, ToSchema)]
pub struct Receipt {
    report: ReportId,
    state: ReportState,
    category: String,
    keyword: Option<String>,
    address: Option<String>,
    received_at: Timestamp,
    decided_at: Option<Timestamp>,
    outcome: Option<Outcome>,
    /// In the language that the report named, English if we have not that.
    outcome_in_words: String,
    /// The objection that was made to it.
    appeal: Option<AppealOfAppellant>,
    /// The ledger's entries of this report, each with what opens its commitment and proves its place. An
    /// entry is here a moment after what it tells of.
    entries: Vec<ProvenEntry>,
}

/// What a receipt's page says, in one language.
struct Words {
    title: &'static str,
    received: &'static str,
    under_review: &'static str,
    violation: &'static str,
    asked_for: &'static str,
    taken: &'static str,
    no_violation: &'static str,
    number: &'static str,
    received_at: &'static str,
    decided_at: &'static str,
    appealed_at: &'static str,
    answered_at: &'static str,
    about: &'static str,
    where_it_is: &'static str,
    keep: &'static str,
    proof: &'static str,
    proof_text: &'static str,
    place: &'static str,
    no_place: &'static str,
}

const ENGLISH: Words = Words {
    title: "Your report",
    received: "We have received your report. Nobody has begun to review it yet.",
    under_review: "Somebody is reviewing your report.",
    violation: "We have reviewed your report and found that what you reported is against the law or \
                against our rules.",
    asked_for: "We are acting on it.",
    taken: "We have acted on it.",
    no_violation: "We have reviewed your report and found that what you reported is neither against the \
                   law nor against our rules.",
    number: "Report",
    received_at: "Received",
    decided_at: "Decided",
    appealed_at: "Objection received",
    answered_at: "Objection answered",
    about: "Category",
    where_it_is: "Address",
    keep: "Keep the address of this page: whoever has it can see this, and nobody else.",
    proof: "Proof",
    proof_text: "Each step is in a public record that cannot be changed afterwards. The same page as JSON, \
                 below /api/v1, holds what an auditor needs to check it.",
    place: "entry",
    no_place: "is being entered",
};

const FRENCH: Words = Words {
    title: "Votre signalement",
    received: "Nous avons reçu votre signalement. Son examen n’a pas encore commencé.",
    under_review: "Votre signalement est en cours d’examen.",
    violation: "Nous avons examiné votre signalement et constaté que le contenu signalé est contraire à la \
                loi ou à nos règles.",
    asked_for: "Des mesures sont en cours.",
    taken: "Nous avons pris des mesures.",
    no_violation: "Nous avons examiné votre signalement et constaté que le contenu signalé n’est contraire \
                   ni à la loi ni à nos règles.",
    number: "Signalement",
    received_at: "Reçu",
    decided_at: "Décidé",
    appealed_at: "Réclamation reçue",
    answered_at: "Réponse à la réclamation",
    about: "Catégorie",
    where_it_is: "Adresse",
    keep: "Conservez l’adresse de cette page : qui la possède peut voir ceci, et personne d’autre.",
    proof: "Preuve",
    proof_text: "Chaque étape figure dans un registre public qui ne peut pas être modifié après coup. La \
                 même page en JSON, sous /api/v1, contient ce qu’il faut à un auditeur pour le vérifier.",
    place: "entrée",
    no_place: "en cours d’inscription",
};

impl Words {
    fn of(language: Language) -> &'static Words {
        language.pick(&ENGLISH, &FRENCH)
    }

    fn outcome(&self, standing: &StandingReport) -> String {
        let outcome = match (&standing.decided, standing.state) {
            (None, ReportState::UnderReview) => self.under_review,
            (None, _) => self.received,
            (Some(decided), _) => match decided.outcome {
                Outcome::Violation => self.violation,
                Outcome::NoViolation => self.no_violation,
            },
        };
        let measures = match standing.decided.as_ref().map(|decided| decided.measures) {
            None | Some(Measures::None) => return outcome.to_owned(),
            Some(Measures::AskedFor) => self.asked_for,
            Some(Measures::Taken) => self.taken,
        };
        format!("{outcome} {measures}")
    }

    /// What an entry tells of.
    fn step(&self, entry: &ProvenEntry) -> &'static str {
        match entry.kind() {
            "report.decided" => self.decided_at,
            "appeal.received" => self.appealed_at,
            "appeal.answered" => self.answered_at,
            _ => self.received_at,
        }
    }
}

/// Show a receipt. Public: the token is the right to look.
#[utoipa::path(get, path = "/receipts/{token}", tag = "reports", security(()),
    params(("token" = String, Path)), responses((status = 200, body = Receipt)))]
pub async fn show_receipt(
    State(app): State<App>,
    Path(token): Path<String>,
) -> ApiResult<Response> {
    let Read {
        standing,
        appeal,
        entries,
    } = read(&app, &token).await?;
    let words = Words::of(Language::of(&standing.report.reporter.language));
    let receipt = Receipt {
        appeal: appeal.map(AppealOfAppellant::from),
        outcome_in_words: words.outcome(&standing),
        report: standing.report.id,
        state: standing.state,
        category: standing.report.category,
        keyword: standing.report.keyword,
        address: standing.report.address,
        received_at: standing.report.received_at,
        decided_at: standing.decided.as_ref().map(|decided| decided.at),
        outcome: standing.decided.as_ref().map(|decided| decided.outcome),
        entries,
    };
    Ok((page::headers(), Json(receipt)).into_response())
}

/// The receipt as a page for people; it needs no script.
pub async fn show_receipt_page(
    State(app): State<App>,
    Path(token): Path<String>,
) -> ApiResult<Response> {
    let read = read(&app, &token).await?;
    let page = page_of(&app, &read, "", None);
    Ok((page::headers(), page).into_response())
}

/// The page again, with what was typed on it and why it was not taken.
pub async fn page_again(
    app: &App,
    token: &str,
    status: StatusCode,
    typed: &str,
    fault: &str,
) -> ApiResult<Response> {
    let read = read(app, token).await?;
    let page = page_of(app, &read, typed, Some(fault));
    Ok((status, page::headers(), page).into_response())
}

/// What there is to a receipt's token.
struct Read {
    standing: StandingReport,
    appeal: Option<Appeal>,
    entries: Vec<ProvenEntry>,
}

async fn read(app: &App, token: &str) -> ApiResult<Read> {
    let nothing = || not_found("receipt", token);
    let report = app.receipts.read(token).ok_or_else(nothing)?;
    let mut tx = app.store.read().await?;
    let standing = tx.report(&report).await?.ok_or_else(nothing)?;
    let mut entries = Vec::new();
    push(&mut tx, &standing.report.received_entry, &mut entries).await?;
    let decided = standing.decided.as_ref();
    if let Some(entry) = decided.and_then(|decided| decided.entry.as_ref()) {
        push(&mut tx, entry, &mut entries).await?;
    }
    let appeal = tx.appeal_by(&Appellant::Reporter(report)).await?;
    if let Some(appeal) = &appeal {
        entries.extend(appeals::entries(&mut tx, appeal).await?);
    }
    Ok(Read {
        standing,
        appeal,
        entries,
    })
}

async fn push(tx: &mut Tx, id: &EntryId, entries: &mut Vec<ProvenEntry>) -> ApiResult<()> {
    entries.extend(prove(tx, id).await?);
    Ok(())
}

fn page_of(app: &App, read: &Read, typed: &str, fault: Option<&str>) -> Markup {
    let standing = &read.standing;
    let decided = standing.decided.as_ref();
    let can_appeal =
        decided.is_some_and(|decided| app.config.appeals.until(decided.at) >= app.clock.now());
    let report = &standing.report;
    let language = Language::of(&report.reporter.language);
    let words = Words::of(language);
    let body = html! {
        main {
            h1 { (words.title) }
            p.state { (words.outcome(standing)) }
            dl {
                dt { (words.number) } dd { (report.id) }
                dt { (words.received_at) } dd { (instant(report.received_at)) }
                @if let Some(decided) = &standing.decided {
                    dt { (words.decided_at) } dd { (instant(decided.at)) }
                }
                dt { (words.about) }
                dd { (dsa::title(&report.category, language)) }
                @if let Some(address) = &report.address {
                    dt { (words.where_it_is) } dd { (address) }
                }
            }
            (appeal_part(language, read.appeal.as_ref(), can_appeal, typed, fault))
            p { (words.keep) }
            h2 { (words.proof) }
            p { (words.proof_text) }
            ul {
                @for entry in &read.entries {
                    li {
                        (words.step(entry)) ": "
                        @match entry.index() {
                            Some(index) => { (words.place) " " (index) }
                            None => (words.no_place),
                        }
                    }
                }
            }
        }
    };
    page(language, words.title, &body)
}
