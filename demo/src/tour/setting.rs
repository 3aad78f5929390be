//! What an operator does once: keys with few rights, a bank, a policy, and where the webhooks go.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;
use tokio::net::TcpListener;

use super::api::{Api, text};
use super::keep::Keep;

/// The address asked for; its port is 0, which is any that is free, if it is taken or `is_once`.
pub(super) async fn room(wanted: SocketAddr, is_once: bool, what: &str) -> SocketAddr {
    let anywhere = SocketAddr::new(wanted.ip(), 0);
    if is_once {
        return anywhere;
    }
    match TcpListener::bind(wanted).await {
        Ok(_) => wanted,
        Err(error) => {
            println!("cannot listen on {wanted} ({error}): the {what} takes a free port instead");
            anywhere
        }
    }
}

/// Makes what is not there yet, and tells Watchhouse where the platform listens today.
pub(super) async fn prepare(dir: &Path, admin: &Api, webhook_url: &str) -> anyhow::Result<Keep> {
    if let Some(mut keep) = Keep::read(dir)? {
        if keep.endpoint_url != webhook_url {
            admin
                .patch(
                    &format!("/webhook-endpoints/{}", keep.endpoint),
                    json!({ "url": webhook_url }),
                )
                .await?;
            webhook_url.clone_into(&mut keep.endpoint_url);
            keep.write(dir)?;
        }
        return Ok(keep);
    }
    let key = async |name: &str, scopes: &[&str]| -> anyhow::Result<String> {
        let made = admin
            .post("/keys", json!({ "name": name, "scopes": scopes }))
            .await?;
        Ok(text(&made, "secret")?.to_owned())
    };
    let bank = json!({
        "name": "demo: known pictures",
        "description": "Pictures that the demo drew and listed. Nothing in it is of any harm.",
        "owner": "the demo",
        "category": "demo",
    });
    let platform_key = key("demo platform", &["scan", "actions:write"]).await?;
    let reviewer_key = key(
        "demo reviewer",
        &["cases:read", "cases:decide", "actions:read"],
    )
    .await?;
    let keeper_key = key("demo bank keeper", &["banks:read", "banks:write"]).await?;
    let auditor_key = key("demo auditor", &["ledger:read"]).await?;
    let bank = admin.post("/banks", bank).await?;
    let policy = json!({
        "name": "demo",
        "terms": {
            "ground": "terms",
            "reference": "Rules of the demo, section 1",
            "category": "x_demo",
            "strike_weight": 1,
            "strike_days": 90,
            "texts": {
                "en": { "title": "Known pictures", "text": "Do not post pictures that are in the bank." },
                "fr": { "title": "Images connues", "text": "Ne publiez pas d’images qui sont dans la banque." },
            },
        },
    });
    admin.post("/policies", policy).await?;
    // Last, since one whose secret is lost would be delivered to in vain.
    let endpoint = json!({ "url": webhook_url, "description": "the demo platform" });
    let endpoint = admin.post("/webhook-endpoints", endpoint).await?;
    let keep = Keep {
        platform_key,
        reviewer_key,
        keeper_key,
        auditor_key,
        bank: text(&bank, "id")?.to_owned(),
        endpoint: text(&endpoint, "id")?.to_owned(),
        endpoint_url: webhook_url.to_owned(),
        webhook_secret: text(&endpoint, "secret")?.to_owned(),
    };
    keep.write(dir)?;
    Ok(keep)
}
