//! Reports.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::cases::SubjectOfCase;
use super::error::{ApiResult, invalid, not_found};
use super::extract::{Creation, Listed, Params, Path, Scoped, page};
use super::scan::check_item;
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::dsa;
use crate::id::{CallerId, CaseId, DecisionId, OrganisationId, ReportId};
use crate::receipts::Receipts;
use crate::reports::{self, About};
use crate::store::Tx;
use crate::store::decisions::Outcome;
use crate::store::items::NewItem;
use crate::store::organisations::OrganisationKind;
use crate::store::reach::Reach;
use crate::store::reports::{ReportFilter, ReportState, Reporter, Source, StandingReport};
use crate::surface::Surface;

const LONGEST_EXPLANATION: usize = 10_000;
const LONGEST_ADDRESS: usize = 2_000;
const LONGEST_NAME: usize = 200;
const LONGEST_EMAIL: usize = 254;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReport {
    /// `user` or `system`; `user`, if nothing is said. An organisation's key reports as the organisation,
    /// and nobody else does.
    source: Option<Source>,
    /// Who reports, as far as they said; may be left out.
    reporter: Option<ReporterOfReport>,
    /// The item that it is about. One of `item`, `account` and `address` has to be there.
    item: Option<ItemOfReport>,
    /// The platform's own name for the account that it is about.
    account: Option<String>,
    /// Where exactly it can be seen. Alone, it stands for what is not known otherwise.
    #[schema(example = "https://forum.example.org/posts/4711")]
    address: Option<String>,
    /// One of the Digital Services Act's categories in small letters, such as `scams_and_fraud`, or the
    /// platform's own as `x_…`.
    #[schema(example = "scams_and_fraud")]
    category: String,
    /// More exactly, such as `phishing`, or the platform's own as `x_…`.
    #[schema(example = "phishing")]
    keyword: Option<String>,
    /// Why, in the reporter's words.
    explanation: String,
    /// Whether the reporter declares that all this is accurate and complete to the best of their
    /// knowledge.
    #[serde(default)]
    good_faith: bool,
}

impl Scoped for NewReport {
    const SCOPE: Scope = Scope::ReportsWrite;
}

/// The item that a report is about.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemOfReport {
    /// The platform's own name for it.
    #[schema(example = "post-4711")]
    id: String,
    /// The platform's own name for whose it is.
    account: Option<String>,
    surface: Surface,
    /// `post`, `message`, `profile` … `post`, if nothing is said.
    kind: Option<String>,
    /// Where a person can see it.
    address: Option<String>,
    /// What it says, as the reporter disclosed it.
    text: Option<String>,
}

#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReporterOfReport {
    /// The platform's own name for them.
    external_id: Option<String>,
    name: Option<String>,
    #[schema(example = "reader@example.org")]
    email: Option<String>,
    /// In which they are answered, such as `en` or `fr`. `en`, if nothing is said.
    #[schema(example = "en")]
    language: Option<String>,
}

/// A report, and where it stands.
#[derive(Serialize, ToSchema)]
pub struct Report {
    id: ReportId,
    case: CaseId,
    source: Source,
    organisation: Option<OrganisationId>,
    /// Whether the organisation was suspended when the report came: then it has the users' lane.
    is_suspended: bool,
    /// The key or person that handed it in; null if it came by the public form.
    caller: Option<CallerId>,
    reporter: ReporterOfReport,
    subject: SubjectOfCase,
    address: Option<String>,
    category: String,
    keyword: Option<String>,
    explanation: String,
    good_faith: bool,
    received_at: Timestamp,
    /// When it has to be answered.
    due_at: Option<Timestamp>,
    state: ReportState,
    decision: Option<DecisionId>,
    outcome: Option<Outcome>,
    decided_at: Option<Timestamp>,
    /// The receipt, for whoever reported: see `GET /receipts/{token}`. Only who handed the report in
    /// is shown it.
    receipt: Option<ReceiptOfReport>,
}

#[derive(Serialize, ToSchema)]
pub struct ReceiptOfReport {
    /// Whoever has it may see what became of the report.
    token: String,
    /// The page for people. It begins with the setting `server.public_url`.
    address: String,
}

impl ReceiptOfReport {
    fn of(app: &App, report: &ReportId) -> ReceiptOfReport {
        let receipts: &Receipts = &app.receipts;
        let token = receipts.token(report);
        let public_url = app.config.server.public_url.trim_end_matches('/');
        ReceiptOfReport {
            address: format!("{public_url}/receipts/{token}"),
            token,
        }
    }
}

impl Report {
    fn of(app: &App, caller: &Caller, standing: StandingReport) -> Report {
        let StandingReport {
            report,
            subject,
            state,
            decided,
        } = standing;
        let is_callers = report.caller_id.as_ref() == Some(&caller.id);
        Report {
            receipt: is_callers.then(|| ReceiptOfReport::of(app, &report.id)),
            id: report.id,
            case: report.case_id,
            source: report.source,
            organisation: report.organisation_id,
            is_suspended: report.is_suspended,
            caller: report.caller_id,
            reporter: ReporterOfReport {
                external_id: report.reporter.external_id,
                name: report.reporter.name,
                email: report.reporter.email,
                language: Some(report.reporter.language),
            },
            subject: SubjectOfCase::from(&subject),
            address: report.address,
            category: report.category,
            keyword: report.keyword,
            explanation: report.explanation,
            good_faith: report.good_faith,
            received_at: report.received_at,
            due_at: report.due_at,
            state,
            decision: decided.as_ref().map(|one| one.decision_id.clone()),
            outcome: decided.as_ref().map(|one| one.outcome),
            decided_at: decided.as_ref().map(|one| one.at),
        }
    }
}

/// Report something.
///
/// The report joins its subject's open case or opens one, and ends when the case is decided. The answer
/// holds the receipt's address, which is for whoever reported. A repetition with the same Idempotency-Key
/// gets the report without it; `GET /reports/{id}` shows it again.
#[utoipa::path(post, path = "/reports", tag = "reports", request_body = NewReport,
    responses((status = 201, body = Report)))]
pub async fn create_report(
    State(app): State<App>,
    Creation {
        caller,
        body: new,
        once,
    }: Creation<NewReport>,
) -> ApiResult<Response> {
    check(&new)?;

    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replayed(&mut tx).await? {
        return Ok(answer);
    }
    let new = complete(&mut tx, &caller, new).await?;
    let report = reports::receive(&mut tx, &app, new).await?;
    let standing = tx.report(&report.id).await?;
    let standing = standing.ok_or_else(|| not_found("report", &report.id))?;
    let mut kept = Report::of(&app, &caller, standing.clone());
    kept.receipt = None;
    let answer = Report::of(&app, &caller, standing);
    let answer = once
        .answer_once(&mut tx, StatusCode::CREATED, &answer, &kept)
        .await?;
    tx.commit().await?;
    app.wake();
    Ok(answer)
}

/// What the form alone can say.
fn check(new: &NewReport) -> ApiResult<()> {
    let n_subjects = usize::from(new.item.is_some()) + usize::from(new.account.is_some());
    if n_subjects > 1 {
        let message = "a report is about an item or an account, not both; make two reports";
        return Err(invalid("account", message));
    }
    if n_subjects == 0 && new.address.is_none() {
        let message = "say what it is about: one of item, account and address has to be there";
        return Err(invalid("item", message));
    }
    let empty = |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
    if empty(&new.account) {
        return Err(invalid("account", "expected a name"));
    }
    let address = new.address.as_deref();
    check_length("address", address, LONGEST_ADDRESS)?;
    if address.is_some_and(|address| address.trim().is_empty()) {
        return Err(invalid("address", "expected an address"));
    }
    dsa::check(&new.category, new.keyword.as_deref())
        .map_err(|error| invalid(error.field(), error.to_string()))?;
    let length = new.explanation.chars().count();
    if new.explanation.trim().is_empty() || length > LONGEST_EXPLANATION {
        let message = format!("expected 1 to {LONGEST_EXPLANATION} characters");
        return Err(invalid("explanation", message));
    }
    let Some(reporter) = &new.reporter else {
        return Ok(());
    };
    check_length(
        "reporter.external_id",
        reporter.external_id.as_deref(),
        LONGEST_NAME,
    )?;
    check_length("reporter.name", reporter.name.as_deref(), LONGEST_NAME)?;
    check_email("reporter.email", reporter.email.as_deref())?;
    if let Some(language) = &reporter.language {
        let is_code = (2..=12).contains(&language.len())
            && language
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_code {
            let message =
                format!("\"{language}\" is no language; expected such as \"en\" or \"fr\"");
            return Err(invalid("reporter.language", message));
        }
    }
    Ok(())
}

fn check_length(field: &str, text: Option<&str>, most: usize) -> ApiResult<()> {
    match text {
        Some(text) if text.chars().count() > most => Err(invalid(
            field,
            format!("expected at most {most} characters"),
        )),
        _ => Ok(()),
    }
}

/// Enough of a check that a mistyped address is seen; whether it is anybody's only a message tells.
pub fn check_email(field: &str, email: Option<&str>) -> ApiResult<()> {
    let Some(email) = email else {
        return Ok(());
    };
    let is_address = email.len() <= LONGEST_EMAIL
        && !email.contains(|one: char| one.is_whitespace() || one.is_control())
        && email
            .rsplit_once('@')
            .is_some_and(|(who, host)| !who.is_empty() && host.contains('.'));
    if is_address {
        return Ok(());
    }
    Err(invalid(field, format!("\"{email}\" is no e-mail address")))
}

fn described(item: ItemOfReport) -> ApiResult<NewItem> {
    let item = NewItem {
        external_id: item.id,
        kind: item.kind.unwrap_or_else(|| "post".to_owned()),
        surface: item.surface,
        account_external_id: item.account,
        address: item.address,
        text: item.text,
    };
    check_item(&item)?;
    Ok(item)
}

/// Finds out who reports, and puts together what is taken in.
async fn complete(tx: &mut Tx, caller: &Caller, new: NewReport) -> ApiResult<reports::NewReport> {
    let organisation = match &caller.organisation {
        Some(id) => tx.organisation(id).await?,
        None => None,
    };
    let own = organisation.as_ref().map(|one| match one.kind {
        OrganisationKind::TrustedFlagger => Source::TrustedFlagger,
        OrganisationKind::Hotline => Source::Hotline,
        OrganisationKind::Authority => Source::Authority,
    });
    let source = match (own, new.source) {
        (Some(own), None) => own,
        (Some(own), Some(said)) if said == own => own,
        (Some(own), Some(_)) => {
            let message = format!("this key's organisation reports as \"{}\"", own.as_str());
            return Err(invalid("source", message));
        }
        (None, said) => match said.unwrap_or(Source::User) {
            said @ (Source::User | Source::System) => said,
            said => {
                let message = format!(
                    "\"{}\" is said by an organisation's own key and no other; make a key that names \
                     the organisation",
                    said.as_str()
                );
                return Err(invalid("source", message));
            }
        },
    };
    let about = match (new.item, new.account, &new.address) {
        (Some(item), _, _) => About::Item {
            item: described(item)?,
            by_platform: organisation.is_none(),
        },
        (None, Some(account), _) => About::Account(account),
        (None, None, Some(address)) => About::Address(address.clone()),
        (None, None, None) => unreachable!("`check` refuses what is about nothing"),
    };
    let said = new.reporter.unwrap_or_default();
    let reporter = Reporter {
        external_id: said.external_id,
        name: said.name,
        email: said.email,
        language: said.language.unwrap_or_else(|| "en".to_owned()),
    };
    Ok(reports::NewReport {
        source,
        organisation,
        caller_id: Some(caller.id.clone()),
        form_id: None,
        reporter,
        about,
        category: new.category,
        keyword: new.keyword,
        explanation: new.explanation,
        address: new.address,
        good_faith: new.good_faith,
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    case: Option<CaseId>,
    organisation: Option<OrganisationId>,
    source: Option<Source>,
    /// Whether its case is decided.
    decided: Option<bool>,
    /// How many at most, 1 to 200. 50 if nothing is said.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// List reports: those that the caller handed in, and those of cases within reach. An organisation's key sees its
/// own.
#[utoipa::path(get, path = "/reports", tag = "reports", params(ReportQuery),
    responses((status = 200, body = Listed<Report>)))]
pub async fn list_reports(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<ReportQuery>,
) -> ApiResult<Json<Listed<Report>>> {
    caller.require(Scope::ReportsRead)?;
    let page = page(query.limit, query.after)?;
    let filter = ReportFilter {
        case: query.case,
        organisation: caller.organisation.clone().or(query.organisation),
        source: query.source,
        is_decided: query.decided,
    };
    let mut tx = app.store.read().await?;
    let reach = match &caller.organisation {
        Some(_) => Reach::everything(),
        None => caller.reach(Scope::ReportsRead),
    };
    let reports = tx.reports(&filter, (&caller.id, &reach), &page).await?;
    Ok(Listed::from_page(reports, |standing| {
        Report::of(&app, &caller, standing)
    }))
}

/// Show a report. An organisation's key sees its own.
#[utoipa::path(get, path = "/reports/{id}", tag = "reports", params(("id" = ReportId, Path)),
    responses((status = 200, body = Report)))]
pub async fn show_report(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ReportId>,
) -> ApiResult<Json<Report>> {
    caller.require(Scope::ReportsRead)?;
    let mut tx = app.store.read().await?;
    let may_see = |standing: &StandingReport| {
        caller.organisation.is_none() || standing.report.organisation_id == caller.organisation
    };
    let standing = tx.report(&id).await?.filter(may_see);
    let standing = standing.ok_or_else(|| not_found("report", &id))?;
    let is_callers = standing.report.caller_id.as_ref() == Some(&caller.id);
    if caller.organisation.is_none() && !is_callers {
        let case = &standing.report.case_id;
        caller
            .require_case(&mut tx, Scope::ReportsRead, case)
            .await?;
    }
    Ok(Json(Report::of(&app, &caller, standing)))
}
