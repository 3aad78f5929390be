//! No report ends without a decision, whatever is called in whatever order.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::Client;

const N_STORIES: u64 = 6;
const N_STEPS: usize = 60;

/// Numbers that a seed gives (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() {
            return None;
        }
        Some(&of[self.below(of.len())])
    }
}

struct Story {
    app: TestApp,
    admin: Client,
    reviewers: [Client; 2],
    organisations: Vec<(String, Client)>,
    policies: Vec<String>,
    chance: Chance,
    tokens: Vec<String>,
    /// What was done, for whoever reads a failure.
    steps: Vec<String>,
}

impl Story {
    async fn begin(seed: u64) -> Story {
        let app = TestApp::with(|config| config.decisions.undo_seconds = 30).await;
        let admin = app.admin();
        let scopes = ["cases:read", "cases:decide", "scan"];
        let reviewers = [
            app.client("first", &scopes).await,
            app.client("second", &scopes).await,
        ];
        let mut organisations = Vec::new();
        for kind in ["trusted_flagger", "hotline", "authority"] {
            let new = json!({ "name": kind, "kind": kind });
            let made = admin.post("/api/v1/organisations", new).await.expect(201);
            let key = json!({ "name": kind, "scopes": ["reports:write", "reports:read"],
                "organisation": made["id"] });
            let key = admin.post("/api/v1/keys", key).await.expect(201);
            let client = app.client_with(key["secret"].as_str().unwrap());
            organisations.push((made["id"].as_str().unwrap().to_owned(), client));
        }
        let grave = json!({ "needs_second": true });
        let policies = vec![
            admin.policy("terms/light", json!({})).await,
            admin.policy("terms/grave", grave).await,
        ];
        Story {
            app,
            admin,
            reviewers,
            organisations,
            policies,
            chance: Chance(seed),
            tokens: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Some call, which may be refused: what counts is what it leaves.
    async fn step(&mut self) {
        let step = self.chance.below(14);
        let reviewer = self.reviewers[self.chance.below(2)].clone();
        let cases = self.admin.ids("/api/v1/cases?limit=200").await;
        let case = self.chance.one(&cases).cloned().unwrap_or_default();
        let decisions = self.admin.ids("/api/v1/decisions?limit=200").await;
        let decision = self.chance.one(&decisions).cloned().unwrap_or_default();
        let answer = match step {
            0..=2 => self.report().await,
            3 | 4 => {
                reviewer
                    .post(&format!("/api/v1/cases/{case}/claim"), json!({}))
                    .await
            }
            5 => {
                reviewer
                    .post(&format!("/api/v1/cases/{case}/release"), json!({}))
                    .await
            }
            6 | 7 => self.decide(&reviewer).await,
            8 => {
                let agrees = self.chance.below(2) == 0;
                let opinion = json!({ "agrees": agrees, "reasons": "r" });
                let path = format!("/api/v1/decisions/{decision}/second");
                reviewer.post(&path, opinion).await
            }
            9 => {
                let path = format!("/api/v1/decisions/{decision}/undo");
                reviewer.post(&path, json!({})).await
            }
            10 => {
                let path = format!("/api/v1/decisions/{decision}/reversal");
                reviewer.post(&path, json!({ "reasons": "r" })).await
            }
            11 => {
                let token = self.chance.one(&self.tokens).cloned().unwrap_or_default();
                let path = format!("/api/v1/receipts/{token}/appeal");
                let appeal = json!({ "explanation": "look again" });
                self.app.stranger().post(&path, appeal).await
            }
            12 => self.change_somebody().await,
            _ => {
                self.app.advance(Duration::from_secs(20));
                self.app.settle().await;
                return self.steps.push("20 s pass".to_owned());
            }
        };
        assert!(answer.status < 500, "{}", answer.text());
        self.steps.push(format!("step {step}: {}", answer.status));
    }

    async fn report(&mut self) -> crate::client::Answer {
        let item = self.chance.below(3);
        let report = json!({ "item": { "id": format!("post-{item}"), "account": "ann",
                "surface": "public" }, "category": "violence", "explanation": "e" });
        let by = self.chance.below(self.organisations.len());
        let answer = self.organisations[by]
            .1
            .post("/api/v1/reports", report)
            .await;
        let token = answer.expect(201)["receipt"]["token"]
            .as_str()
            .map(str::to_owned);
        self.tokens.extend(token);
        answer
    }

    /// Decides a case as a reviewer would who claims it first.
    async fn decide(&mut self, reviewer: &Client) -> crate::client::Answer {
        let next = reviewer.post("/api/v1/cases/next", json!({})).await;
        if next.status != 200 {
            return next;
        }
        let next = next.json();
        let policy = ["terms/light", "terms/grave"][self.chance.below(2)];
        let outcome = ["violation", "no_violation"][self.chance.below(2)];
        let decision = json!({ "case_version": next["version"], "policy": policy,
            "outcome": outcome, "facts": "f", "reasons": "r",
            "actions": match outcome { "violation" => json!([{ "kind": "remove" }]), _ => json!([]) } });
        reviewer
            .decide(next["id"].as_str().unwrap(), decision)
            .await
    }

    /// Suspends an organisation or ends that, or retires a policy or takes it back into use.
    async fn change_somebody(&mut self) -> crate::client::Answer {
        let is_on = self.chance.below(2) == 0;
        if self.chance.below(2) == 0 {
            let policy = self.chance.one(&self.policies).cloned().unwrap_or_default();
            let path = format!("/api/v1/policies/{policy}");
            return self
                .admin
                .patch(&path, json!({ "is_retired": is_on }))
                .await;
        }
        let by = self.chance.below(self.organisations.len());
        let path = format!("/api/v1/organisations/{}", self.organisations[by].0);
        let change = if is_on {
            json!({ "suspend": { "until": "2027-01-01T00:00:00Z", "reason": "r" } })
        } else {
            json!({ "reinstate": true })
        };
        self.admin.patch(&path, change).await
    }

    /// Every report is in a case that will be decided, or ended with a decision in effect.
    async fn check(&self) {
        for (_, organisation) in &self.organisations {
            for id in organisation.ids("/api/v1/reports?limit=200").await {
                self.check_report(&id).await;
            }
        }
    }

    async fn check_report(&self, id: &str) {
        let show = async |kind: &str, id: &Value| {
            let path = format!("/api/v1/{kind}/{}", id.as_str().unwrap());
            self.admin.get(&path).await.expect(200)
        };
        let report = show("reports", &json!(id)).await;
        let case = show("cases", &report["case"]).await;
        let told = || format!("{report}\n{case}\n{}", self.steps.join("\n"));
        if report["state"] == "decided" {
            let decision = show("decisions", &report["decision"]).await;
            assert_eq!(decision["state"], "effective", "{}", told());
            assert_eq!(decision["case"], report["case"], "{}", told());
            return;
        }
        assert_eq!(report["decision"], Value::Null, "{}", told());
        let decisions = case["decisions"].as_array().unwrap();
        let waits = decisions.iter().any(|one| one["state"] == "pending");
        assert!(
            case["state"] == "open" || waits,
            "it ended silently: {}",
            told()
        );
    }
}

#[tokio::test]
async fn a_report_ends_with_a_decision_and_in_no_other_way() {
    for seed in 0..N_STORIES {
        let mut story = Story::begin(seed).await;
        for _ in 0..N_STEPS {
            story.step().await;
        }
        story.check().await;
        // What is left is decided when somebody comes to it: nothing is stuck.
        story.finish().await;
        story.check().await;
    }
}

impl Story {
    /// Has everything decided that is open, by somebody who had no hand in it.
    async fn finish(&mut self) {
        self.app.advance(Duration::from_hours(3));
        self.app.settle().await;
        for policy in &self.policies {
            let path = format!("/api/v1/policies/{policy}");
            self.admin
                .patch(&path, json!({ "is_retired": false }))
                .await
                .expect(200);
        }
        for proposed in self.admin.ids("/api/v1/decisions?state=proposed").await {
            let path = format!("/api/v1/decisions/{proposed}/second");
            let refuses = json!({ "agrees": false, "reasons": "r" });
            self.admin.post(&path, refuses).await.expect(200);
        }
        loop {
            let next = self.admin.post("/api/v1/cases/next", json!({})).await;
            if next.status == 204 {
                break;
            }
            let next = next.expect(200);
            let decision = json!({ "case_version": next["version"], "policy": "terms/light",
                "outcome": "no_violation", "reasons": "r" });
            let id = next["id"].as_str().unwrap();
            self.admin.decide(id, decision).await.expect(201);
        }
        self.app.advance(Duration::from_secs(60));
        self.app.settle().await;
        for (_, organisation) in &self.organisations {
            let open = organisation.ids("/api/v1/reports?decided=false").await;
            assert!(open.is_empty(), "{open:?}\n{}", self.steps.join("\n"));
        }
    }
}
