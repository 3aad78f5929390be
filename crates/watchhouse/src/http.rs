//! The API: every route, and what lies around them.
//!
//! Handlers are in one file a noun, in the order permission, load, change, ledger entry, jobs, commit.
//! Where there is a JSON body the permission stands with its form, for it comes before the reading.
//! Status codes are known here and nowhere else.

pub mod accounts;
pub mod actions;
pub mod appeals;
pub mod banks;
pub mod callers;
pub mod cases;
pub mod decisions;
pub mod deliveries;
pub mod error;
pub mod extract;
pub mod found_match;
pub mod frame;
pub mod health;
pub mod import;
pub mod invitations;
pub mod items;
pub mod keys;
pub mod ledger;
pub mod lookup;
mod network;
pub mod observe;
pub mod openapi;
pub mod organisations;
pub mod page;
pub mod people;
pub mod policies;
pub mod receipts;
pub mod report_form;
pub mod reports;
pub mod roles;
pub mod scan;
pub mod second_factor;
pub mod sessions;
pub mod statements;
pub mod webhook_endpoints;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::App;
use error::{ApiError, internal};
use extract::null_refused;

/// Every route and its documentation.
pub fn routes() -> OpenApiRouter<App> {
    let api = OpenApiRouter::new()
        .routes(routes!(scan::scan_media))
        .routes(routes!(lookup::look_up_hashes))
        .routes(routes!(banks::create_bank, banks::list_banks))
        .routes(routes!(banks::show_bank, banks::change_bank))
        .routes(routes!(banks::add_hashes, banks::list_hashes))
        .routes(routes!(banks::remove_hash))
        .routes(routes!(import::import_bank_file))
        .routes(routes!(items::list_items))
        .routes(routes!(items::show_item))
        .routes(routes!(accounts::list_accounts))
        .routes(routes!(accounts::show_account))
        .routes(routes!(accounts::list_strikes))
        .routes(routes!(cases::list_cases))
        .routes(routes!(cases::claim_next_case))
        .routes(routes!(cases::show_case))
        .routes(routes!(cases::claim_case))
        .routes(routes!(cases::release_case))
        .routes(routes!(decisions::create_decision))
        .routes(routes!(decisions::list_decisions))
        .routes(routes!(decisions::preview_decision))
        .routes(routes!(decisions::show_decision))
        .routes(routes!(decisions::second_decision))
        .routes(routes!(decisions::undo_decision))
        .routes(routes!(decisions::create_reversal))
        .routes(routes!(statements::list_statements))
        .routes(routes!(statements::show_statement))
        .routes(routes!(appeals::appeal_statement))
        .routes(routes!(appeals::appeal_receipt))
        .routes(routes!(appeals::list_appeals))
        .routes(routes!(appeals::show_appeal, appeals::change_appeal))
        .routes(routes!(policies::create_policy, policies::list_policies))
        .routes(routes!(policies::show_policy, policies::change_policy))
        .routes(routes!(
            policies::create_policy_version,
            policies::list_policy_versions
        ))
        .routes(routes!(reports::create_report, reports::list_reports))
        .routes(routes!(reports::show_report))
        .routes(routes!(receipts::show_receipt))
        .routes(routes!(
            organisations::create_organisation,
            organisations::list_organisations
        ))
        .routes(routes!(
            organisations::show_organisation,
            organisations::change_organisation
        ))
        .routes(routes!(actions::list_actions))
        .routes(routes!(actions::show_action))
        .routes(routes!(actions::answer_action))
        .routes(routes!(
            webhook_endpoints::create_webhook_endpoint,
            webhook_endpoints::list_webhook_endpoints
        ))
        .routes(routes!(
            webhook_endpoints::show_webhook_endpoint,
            webhook_endpoints::change_webhook_endpoint,
            webhook_endpoints::delete_webhook_endpoint
        ))
        .routes(routes!(webhook_endpoints::rotate_webhook_secret))
        .routes(routes!(deliveries::list_deliveries))
        .routes(routes!(deliveries::show_delivery))
        .routes(routes!(deliveries::replay_delivery))
        .routes(routes!(ledger::show_ledger))
        .routes(routes!(ledger::show_checkpoint))
        .routes(routes!(ledger::show_tile))
        .routes(routes!(ledger::list_entries))
        .routes(routes!(ledger::show_entry))
        .routes(routes!(ledger::prove_entry))
        .routes(routes!(keys::create_key, keys::list_keys))
        .routes(routes!(keys::show_current_key))
        .routes(routes!(keys::show_key, keys::revoke_key))
        .routes(routes!(people::create_person, people::list_people))
        .routes(routes!(people::show_person, people::change_person))
        .routes(routes!(people::invite_person))
        .routes(routes!(roles::create_role, roles::list_roles))
        .routes(routes!(roles::show_role, roles::change_role))
        .routes(routes!(invitations::accept_invitation))
        .routes(routes!(
            sessions::create_session,
            sessions::show_session,
            sessions::end_session
        ))
        .routes(routes!(sessions::list_own_sessions))
        .routes(routes!(sessions::end_own_session))
        .routes(routes!(sessions::change_password))
        .routes(routes!(second_factor::add_second_factor))
        .routes(routes!(second_factor::confirm_second_factor))
        .routes(routes!(second_factor::remove_second_factor));
    OpenApiRouter::with_openapi(openapi::start())
        .nest("/api/v1", api)
        .routes(routes!(health::show_health))
        .routes(routes!(health::show_readiness))
        .routes(routes!(health::show_metrics))
}

/// The whole server.
pub fn router(app: App) -> Router {
    let (router, document) = routes().split_for_parts();
    let document = openapi::finish(document);
    router
        .merge(pages(document))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn(refuse_nul))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            observe::observe,
        ))
        .with_state(app)
}

/// The API's document, and the page to browse it with; everything on it is served from here.
fn pages(document: OpenApi) -> Router<App> {
    let page = SwaggerUi::new("/docs")
        .url("/api/v1/openapi.json", document)
        .config(
            Config::default()
                .use_base_layout()
                .try_it_out_enabled(true)
                .validator_url("none"),
        );
    Router::from(page)
        .route("/", get(|| async { Redirect::to("/docs/") }))
        .route(
            "/receipts/{token}",
            get(receipts::show_receipt_page).post(appeals::send_receipt_appeal_form),
        )
        .route(
            "/statements/{token}",
            get(statements::show_statement_page).post(statements::send_appeal_form),
        )
        .route(
            "/report",
            get(report_form::show_report_form).post(report_form::send_report_form),
        )
}

/// Bodies are looked at when they are parsed; see `extract::parse_json`.
async fn refuse_nul(request: Request, next: Next) -> Response {
    if request.uri().to_string().contains("%00") {
        return null_refused().into_response();
    }
    next.run(request).await
}

async fn no_such_route() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "no_such_route",
        "there is nothing at this path; see /docs/",
    )
}

async fn no_such_method() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "no_such_method",
        "this path does not take this method; see /docs/",
    )
}

fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    internal(anyhow::anyhow!("a handler panicked: {text}")).into_response()
}
