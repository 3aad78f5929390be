//! A caller of the API.

use std::net::SocketAddr;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Value, json};

/// Calls one server with one key, or as one person.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    secret: Option<String>,
    pub session: Option<OpenSession>,
}

/// What a browser has of a session.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// Name and value.
    pub cookie: String,
    pub csrf_token: String,
}

impl OpenSession {
    /// From the answer to signing in.
    pub fn of(answer: &Answer) -> OpenSession {
        let body = answer.expect(201);
        let line = answer.header("set-cookie").unwrap();
        OpenSession {
            cookie: line.split(';').next().unwrap().to_owned(),
            csrf_token: body["csrf_token"].as_str().unwrap().to_owned(),
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Client {
    pub fn new(address: SocketAddr, secret: Option<String>) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        #[expect(clippy::disallowed_methods, reason = "tests call on their own")]
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Client {
            http,
            base: format!("http://{address}"),
            secret,
            session: None,
        }
    }

    /// The same, signed in.
    pub fn with_session(&self, session: OpenSession) -> Client {
        Client {
            secret: None,
            session: Some(session),
            ..self.clone()
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A request with this client's key. `path` begins with a slash.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        let request = self.http.request(method, self.url(path));
        match (&self.secret, &self.session) {
            (Some(secret), _) => request.bearer_auth(secret),
            (None, Some(session)) => request
                .header("cookie", &session.cookie)
                .header("x-csrf-token", &session.csrf_token),
            (None, None) => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request("GET", path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request("DELETE", path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        send(self.request("POST", path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        send(self.request("PATCH", path).json(&body)).await
    }

    /// A POST with an Idempotency-Key.
    pub async fn post_once(&self, key: &str, path: &str, body: Value) -> Answer {
        send(
            self.request("POST", path)
                .header("idempotency-key", key)
                .json(&body),
        )
        .await
    }

    /// A POST of bytes.
    pub async fn post_bytes(&self, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> Answer {
        let request = self.request("POST", path).header(CONTENT_TYPE, kind);
        send(request.body(body.into())).await
    }

    /// Scans a file as an item of `ann` on the public surface.
    pub async fn scan(&self, item: &str, media: impl Into<Vec<u8>>) -> Answer {
        self.scan_on("public", item, media).await
    }

    pub async fn scan_on(&self, surface: &str, item: &str, media: impl Into<Vec<u8>>) -> Answer {
        let path = format!("/api/v1/scan?item={item}&account=ann&surface={surface}");
        self.post_bytes(&path, "application/octet-stream", media)
            .await
    }

    /// Has a case opened on an item, by a file that cannot be checked. Returns the case's id.
    pub async fn case(&self, item: &str) -> String {
        let scan = self.scan(item, "no picture").await.expect(200);
        scan["case"].as_str().unwrap().to_owned()
    }

    /// Claims a case for as long as the settings say.
    pub async fn claim(&self, case: &str) -> Answer {
        self.post(&format!("/api/v1/cases/{case}/claim"), json!({}))
            .await
    }

    /// Makes a policy of this name that any decision may cite. Returns its id.
    pub async fn policy(&self, name: &str, change: Value) -> String {
        let mut terms = json!({
            "ground": "terms",
            "reference": "Terms of use, section 3",
            "category": "x_banned",
            "texts": { "en": { "title": "Banned content", "text": "Do not post what is banned." } },
        });
        for (field, value) in change.as_object().unwrap() {
            terms[field] = value.clone();
        }
        let made = json!({ "name": name, "terms": terms });
        let made = self.post("/api/v1/policies", made).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    pub async fn decide(&self, case: &str, decision: Value) -> Answer {
        self.post(&format!("/api/v1/cases/{case}/decisions"), decision)
            .await
    }

    /// The ids of everything in a list, page by page.
    pub async fn ids(&self, path: &str) -> Vec<String> {
        let mut ids = Vec::new();
        let mut after = String::new();
        loop {
            let sign = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{sign}{after}")).await.expect(200);
            let data = page["data"].as_array().unwrap();
            ids.extend(
                data.iter()
                    .map(|row| row["id"].as_str().unwrap().to_owned()),
            );
            match page["next"].as_str() {
                Some(next) => after = format!("after={next}"),
                None => return ids,
            }
        }
    }

    /// A new bank. Returns its id.
    pub async fn bank(&self, name: &str) -> String {
        let answer = self.post("/api/v1/banks", json!({ "name": name })).await;
        answer.expect(201)["id"].as_str().unwrap().to_owned()
    }

    /// Puts a PDQ hash into a bank. Returns the hash's id.
    pub async fn add_pdq(&self, bank: &str, value: &str) -> String {
        self.add_hash(bank, "pdq", value).await
    }

    /// Puts a hash into a bank. Returns the hash's id.
    pub async fn add_hash(&self, bank: &str, kind: &str, value: &str) -> String {
        let body = json!({ "hashes": [{ "kind": kind, "value": value }] });
        let answer = self
            .post(&format!("/api/v1/banks/{bank}/hashes"), body)
            .await;
        answer.expect(201)["added"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

pub async fn send(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.bytes().await.unwrap().to_vec(),
    }
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when there is none.
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Checks the status and gives the body.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// Checks that this is a problem with this status and code, whole and well formed.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["type"], format!("urn:watchhouse:problem:{code}"));
        assert_eq!(problem["status"], status);
        assert_eq!(
            problem["request_id"].as_str(),
            self.header("x-request-id"),
            "{problem}"
        );
        problem
    }
}
