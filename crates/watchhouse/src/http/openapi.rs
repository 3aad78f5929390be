//! The OpenAPI 3.1 document. It is made from the handlers; here is what they share.

use utoipa::Modify;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, InfoBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder,
    Type, schema::ObjectBuilder,
};

use super::error::Problem;
use super::import::OnError;

#[derive(utoipa::OpenApi)]
#[openapi(
    // A query's own types are not collected from the handlers.
    components(schemas(Problem, OnError)),
    modifiers(&Shared),
    tags(
        (name = "scan", description = "Is this known? The way of every upload."),
        (name = "banks", description = "Named lists of hashes with one meaning, threshold and owner."),
        (name = "items", description = "Content that matched, or could not be checked."),
        (name = "accounts", description = "Whose it is, by the platform's own id."),
        (name = "cases", description = "What one reviewer decides."),
        (name = "decisions", description = "What was concluded, by whom, and why."),
        (name = "policies", description = "The rules and laws that decisions cite."),
        (name = "appeals", description = "Requests to decide again, and what became of them."),
        (name = "reports", description = "What somebody told us, and what they are answered."),
        (name = "organisations", description = "Trusted flaggers, hotlines and authorities that report."),
        (name = "actions", description = "What the platform is told to do, and what became of it."),
        (name = "webhooks", description = "Signed as Standard Webhooks; every attempt can be seen."),
        (name = "ledger", description = "The record that outsiders check: C2SP tlog-tiles."),
        (name = "people", description = "Staff, and the roles that say what they may do."),
        (name = "sessions", description = "Signing in, and what everybody does with their own sign-in."),
        (name = "keys", description = "API keys, their scopes and their ends."),
        (name = "health", description = "For machines that watch."),
    )
)]
struct Document;

struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut OpenApi) {
        document.info = InfoBuilder::new()
            .title("Watchhouse")
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some(DESCRIPTION))
            .license(Some(
                utoipa::openapi::LicenseBuilder::new()
                    .name("Apache-2.0")
                    .identifier(Some("Apache-2.0"))
                    .build(),
            ))
            .build();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key: `Authorization: Bearer whk_…`"))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
        let cookie = ApiKeyValue::with_description(
            "watchhouse",
            "The cookie that `POST /session` sets; over TLS its name is `__Host-watchhouse`. Calls that change \
             something send the session's `csrf_token` as `x-csrf-token` with it.",
        );
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(cookie));
        components.add_security_scheme("session", cookie);
        let either = ["key", "session"];
        let either = either.map(|name| SecurityRequirement::new(name, Vec::<String>::new()));
        document.security = Some(either.to_vec());
    }
}

const DESCRIPTION: &str = "\
Knows what is listed, answers everyone who reports, proves what was done.

Errors are RFC 9457 problem details; programs look at `code`, which never changes its meaning. \
Lists come in pages, newest first: give a page's `next` as `after`. A POST that creates takes an \
`Idempotency-Key`: repeated with the same key within 48 hours it answers the same and does nothing \
twice. Times are RFC 3339 in UTC.";

/// What the handlers' parts are added to.
pub fn start() -> OpenApi {
    Document::openapi()
}

/// Adds to every call what every call may answer, once and not at each handler.
pub fn finish(mut document: OpenApi) -> OpenApi {
    let problem = || {
        let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let request_id = HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .description(Some("Names this call in the server's log."))
            .build();
        ResponseBuilder::new()
            .description("What was wrong")
            .content("application/problem+json", content)
            .header("x-request-id", request_id)
            .build()
    };
    // axum writes the rest of a path as `{*name}`, OpenAPI knows only `{name}`.
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths
        .into_iter()
        .map(|(path, item)| (path.replace("{*", "{"), item))
        .collect();
    for (path, item) in &mut document.paths.paths {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            operation
                .responses
                .responses
                .insert("default".to_owned(), RefOr::T(problem()));
            describe_variables(path, operation);
            let id = operation.operation_id.as_deref().unwrap_or_default();
            if HAPPEN_ONCE.contains(&id) {
                promise_once(operation);
            }
        }
    }
    document
}

/// Says what the variable parts of a path are.
fn describe_variables(path: &str, operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else {
            continue;
        };
        if !matches!(parameter.parameter_in, ParameterIn::Path) {
            continue;
        }
        let description = match parameter.name.as_str() {
            "token" => "The end of the receipt's or the statement's address.".to_owned(),
            "name" => "The role's name.".to_owned(),
            "hash" => "The hash's id, as lists of the bank's hashes show it.".to_owned(),
            "index" => "The entry's place in the tree, from 0.".to_owned(),
            "path" => "The rest of the tile's path, as C2SP tlog-tiles writes it.".to_owned(),
            name => {
                let before = path.split_once(&format!("/{{{name}}}"));
                let (_, noun) = before
                    .and_then(|(before, _)| before.rsplit_once('/'))
                    .expect("a variable stands behind its noun");
                format!("The id of one of the {}.", noun.replace('-', " "))
            }
        };
        parameter.description = Some(description);
    }
}

/// The POSTs that create. A test holds them against the handlers.
const HAPPEN_ONCE: [&str; 14] = [
    "add_hashes",
    "create_bank",
    "create_decision",
    "create_key",
    "create_organisation",
    "create_person",
    "create_policy",
    "create_policy_version",
    "create_report",
    "create_reversal",
    "create_role",
    "create_webhook_endpoint",
    "import_bank_file",
    "scan_media",
];

fn promise_once(operation: &mut Operation) {
    let name = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Your own name for this call, 1 to 255 visible characters. Repeated with it within 48 \
             hours, the call answers the same and does nothing twice.",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build();
    operation
        .parameters
        .get_or_insert_default()
        .push(RefOr::T(name));
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.starts_with('2'), response) {
            let replayed = HeaderBuilder::new()
                .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
                .description(Some("`true` where this is the answer of the first time."))
                .build();
            let name = "Idempotency-Replayed".to_owned();
            response.headers.insert(name, RefOr::T(replayed));
        }
    }
}

/// The finished document, as the file `openapi.json` holds it.
pub fn text() -> String {
    let document = finish(super::routes().into_openapi());
    let mut text = document
        .to_pretty_json()
        .expect("the document is plain data");
    text.push('\n');
    text
}
