//! A webhook receiver that does as it is told, and remembers what it got.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::StreamExt as _;
use serde_json::Value;

/// How the receiver answers one call.
#[derive(Clone, Debug)]
pub enum Reply {
    Status(u16),
    /// A status, once so many calls have come: so that two are under way at once.
    OnceCalled(usize, u16),
    RetryAfter(u16, u32),
    RedirectTo(String),
    Body(u16, Vec<u8>),
    /// A status, the beginning of a body, and never its end.
    EndlessBody(u16),
    /// Never answers.
    Hang,
}

/// One call that it got.
#[derive(Clone, Debug)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: String,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A receiver on loopback.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    state: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    received: Mutex<Vec<Received>>,
    /// What to answer next; 204 when there is nothing.
    replies: Mutex<VecDeque<Reply>>,
}

impl Receiver {
    pub async fn start() -> Receiver {
        let state = Arc::new(Inner::default());
        let router = Router::new()
            .route("/", post(receive))
            .with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        Receiver { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Answers the next calls so, one after the other.
    pub fn answer_with(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.replies.lock().unwrap().extend(replies);
    }

    /// Answers 204 from now on, whatever it was told before.
    pub fn recover(&self) {
        self.state.replies.lock().unwrap().clear();
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// Waits until it got so many calls.
    pub async fn wait_for(&self, n_calls: usize) -> Vec<Received> {
        for _ in 0..2_000 {
            let received = self.received();
            if received.len() >= n_calls {
                return received;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "got {} calls in 20 s, expected {n_calls}",
            self.received().len()
        );
    }
}

async fn receive(State(state): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    state
        .received
        .lock()
        .unwrap()
        .push(Received { headers, body });
    let reply = state.replies.lock().unwrap().pop_front();
    match reply {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(Reply::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Reply::OnceCalled(n_calls, status)) => {
            while state.received.lock().unwrap().len() < n_calls {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            StatusCode::from_u16(status).unwrap().into_response()
        }
        Some(Reply::RetryAfter(status, seconds)) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("retry-after", seconds.to_string())]).into_response()
        }
        Some(Reply::RedirectTo(url)) => (StatusCode::FOUND, [("location", url)]).into_response(),
        Some(Reply::Body(status, body)) => {
            (StatusCode::from_u16(status).unwrap(), body).into_response()
        }
        Some(Reply::EndlessBody(status)) => {
            let begin = futures::stream::iter([Ok::<_, Infallible>("it goes on ")]);
            let body = Body::from_stream(begin.chain(futures::stream::pending()));
            (StatusCode::from_u16(status).unwrap(), body).into_response()
        }
        Some(Reply::Hang) => std::future::pending().await,
    }
}
