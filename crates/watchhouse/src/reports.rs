//! Taking in reports: every one joins its subject's case or opens one, has its lane and its clock, and
//! leaves an entry.
//!
//! MUST NOT drop a report or end one: a report ends when its case is decided, and `answer_reports` then
//! tells whoever made it.

use std::time::Duration;

use serde_json::json;

use crate::app::App;
use crate::clock::later;
use crate::config::Lane;
use crate::id::{CallerId, FormId, Name as _, ReportId};
use crate::jobs::escalate_case::EscalateCase;
use crate::outbox::{self, Event, subject_json};
use crate::store::cases::{Joined, Subject};
use crate::store::items::NewItem;
use crate::store::ledger::Actor;
use crate::store::organisations::Organisation;
use crate::store::reports::{Report, Reporter, Source};
use crate::store::{Result, Tx};
use crate::surface::Surface;

/// A report as it comes in. Everything in it was checked for its form.
pub struct NewReport {
    pub source: Source,
    pub organisation: Option<Organisation>,
    /// None for the public form.
    pub caller_id: Option<CallerId>,
    /// The public form that it came by: each becomes one report.
    pub form_id: Option<FormId>,
    pub reporter: Reporter,
    pub about: About,
    pub category: String,
    pub keyword: Option<String>,
    pub explanation: String,
    pub address: Option<String>,
    pub good_faith: bool,
}

/// What a report is about.
pub enum About {
    /// As the platform describes it, or as an organisation does that cannot know better.
    Item { item: NewItem, by_platform: bool },
    /// By the platform's own name for it.
    Account(String),
    /// Nothing is known but where it can be seen.
    Address(String),
}

/// Takes a report in, in the caller's transaction.
pub async fn receive(tx: &mut Tx, app: &App, new: NewReport) -> Result<Report> {
    let subject = subject(tx, &new.about).await?;
    let is_suspended = match &new.organisation {
        Some(organisation) => organisation.is_suspended_at(tx.now),
        None => false,
    };
    // Misuse costs the lane and never the answer.
    let lane_of = if is_suspended {
        Source::User
    } else {
        new.source
    };
    let lane = app
        .config
        .reports
        .lane(lane_of, &new.category, new.keyword.as_deref());
    let case = join(tx, &subject, &new, lane).await?;
    let due_at = lane
        .answer_within_minutes
        .map(|minutes| later(tx.now, Duration::from_mins(minutes)));

    let actor = new.caller_id.clone().map_or(Actor::Public, Actor::Caller);
    let id: ReportId = tx.make();
    let organisation = new.organisation.as_ref().map(|one| one.id.clone());
    // Nothing of who reported, or of what they wrote: an entry outlives what must be forgotten.
    let details = json!({
        "report": id.as_str(),
        "case": case.id.as_str(),
        "source": new.source.as_str(),
        "organisation": organisation.as_ref().map(|id| id.as_str()),
        "suspended": is_suspended,
        "category": new.category,
        "keyword": new.keyword,
        "good_faith": new.good_faith,
        "due_at": due_at.map(|at| at.to_string()),
    });
    let received_entry = tx.record(&actor, "report.received", details).await?;
    let report = Report {
        id,
        case_id: case.id.clone(),
        source: new.source,
        organisation_id: organisation,
        is_suspended,
        caller_id: new.caller_id,
        form_id: new.form_id,
        reporter: new.reporter,
        category: new.category,
        keyword: new.keyword,
        explanation: new.explanation,
        address: new.address,
        good_faith: new.good_faith,
        received_at: tx.now,
        due_at,
        received_entry,
    };
    tx.insert_report(&report).await?;
    if let Some(due_at) = due_at
        && tx.hasten_case(&case.id, due_at).await?
    {
        let shares = &app.config.reports.escalate_at_percent;
        EscalateCase::enqueue(tx, &case.id, due_at, shares).await?;
    }
    announce(tx, &report, &subject, &case).await?;
    Ok(report)
}

async fn subject(tx: &mut Tx, about: &About) -> Result<Subject> {
    let item = match about {
        About::Account(external_id) => {
            return Ok(Subject::Account(tx.ensure_account(external_id).await?.id));
        }
        About::Item {
            item,
            by_platform: true,
        } => tx.ensure_item(item).await?,
        About::Item {
            item,
            by_platform: false,
        } => tx.ensure_past_item(item).await?,
        About::Address(address) => match tx.item_at(address).await? {
            Some(item) => item,
            // Kept as given: the platform knows its own addresses.
            None => tx.ensure_past_item(&item_of_address(address)).await?,
        },
    };
    Ok(Subject::Item(item.id))
}

fn item_of_address(address: &str) -> NewItem {
    NewItem {
        external_id: address.to_owned(),
        kind: "address".to_owned(),
        surface: Surface::Public,
        account_external_id: None,
        address: Some(address.to_owned()),
        text: None,
    }
}

/// Opens the subject's case or joins it. What says nothing new joins quietly: a hundred thousand times the
/// same report keeps no reviewer from deciding.
async fn join(tx: &mut Tx, subject: &Subject, new: &NewReport, lane: &Lane) -> Result<Joined> {
    let is_known = match tx.open_case(subject).await? {
        Some(case) => {
            tx.has_report_like(&case, new.source, &new.category).await?
                && new.organisation.is_none()
        }
        None => false,
    };
    let case = if is_known {
        tx.ensure_case_quietly(subject, &lane.queue, lane.priority)
            .await?
    } else {
        tx.ensure_case(subject, &lane.queue, lane.priority).await?
    };
    if case.is_new {
        let details = json!({
            "case": case.id.as_str(),
            subject.kind(): subject.id(),
            "queue": case.queue,
            "priority": case.priority,
        });
        tx.record(&Actor::System, "case.opened", details).await?;
    }
    tx.label_case(&case.id, &new.category).await?;
    Ok(case)
}

async fn announce(tx: &mut Tx, report: &Report, subject: &Subject, case: &Joined) -> Result<()> {
    let (item, account) = subject_json(tx, subject).await?;
    if case.is_new {
        let data = json!({
            "case": case.id.as_str(),
            "version": case.version,
            "queue": case.queue,
            "priority": case.priority,
            "verdict": null,
            "item": item,
            "account": account,
        });
        outbox::announce(tx, Event::CaseOpened, data).await?;
    }
    let data = json!({
        "report": report_json(report),
        "case": case.id.as_str(),
        "item": item,
        "account": account,
    });
    outbox::announce(tx, Event::ReportReceived, data).await
}

/// A report as webhooks name it.
pub fn report_json(report: &Report) -> serde_json::Value {
    json!({
        "id": report.id.as_str(),
        "source": report.source.as_str(),
        "organisation": report.organisation_id.as_ref().map(|id| id.as_str()),
        "reporter": report.reporter.external_id,
        "category": report.category,
        "keyword": report.keyword,
        "received_at": report.received_at.to_string(),
        "due_at": report.due_at.map(|at| at.to_string()),
    })
}
