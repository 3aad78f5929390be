//! The network: the only place that calls anybody, but for `store`, which calls the database.
//!
//! A server posts to webhook endpoints, which callers with the scope `webhooks:write` name, and
//! fetches media from hosts that `fetch.allow_hosts` names; both MUST be in public networks unless
//! `outbound.allow_networks` names theirs. A name is looked up with the system's resolver, and what it
//! resolves to is checked for every connection, so that neither a name that leads inside nor one that
//! changes its mind gets through. No redirect is followed unseen: `fetch` checks each hop like the
//! first address, and to a webhook it is a failure. Proxies in the environment are not used.
//!
//! A command that a person runs calls the one address that the person named, or the buckets: see
//! `outsider_client` and `buckets`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::redirect;
use url::{Host, Url};

use crate::config::Config;

pub mod buckets;

/// How much of a webhook receiver's answer is kept.
const ANSWER_BYTES: usize = 1_024;

/// Why a call was not made, or did not give what was wanted. `code` is part of the API; `http::error`
/// knows whose fault it is.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    pub code: &'static str,
    pub message: String,
}

fn refused(code: &'static str, message: String) -> Refused {
    Refused { code, message }
}

/// What a receiver answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// The beginning of the body, as text.
    pub beginning: String,
}

pub struct Outbound {
    client: reqwest::Client,
    guard: Guard,
    fetch: crate::config::Fetch,
}

impl Outbound {
    pub fn new(config: &Config) -> anyhow::Result<Outbound> {
        // More than one may be built in one process; the first sets it for all.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let guard = Guard {
            allowed: Arc::new(config.outbound.allow_networks.clone()),
        };
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let client = reqwest::Client::builder()
            .user_agent(concat!("Watchhouse/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .dns_resolver(guard.clone())
            .no_proxy()
            .connect_timeout(Duration::from_secs(10))
            .pool_idle_timeout(Duration::from_secs(30))
            .build()
            .context("setting up the HTTP client")?;
        Ok(Outbound {
            client,
            guard,
            fetch: config.fetch.clone(),
        })
    }

    /// Says whether an address may ever be called, as far as it shows by itself.
    pub fn check(&self, url: &Url) -> Result<(), Refused> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused(
                "address_not_web",
                format!("\"{}\" is not an http or https address", url.scheme()),
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(
                "address_has_password",
                "an address with a user name or password in it is refused".to_owned(),
            ));
        }
        let ip = match url.host() {
            None => {
                return Err(refused(
                    "address_not_web",
                    "the address has no host".to_owned(),
                ));
            }
            Some(Host::Domain(_)) => return Ok(()),
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        };
        self.guard.check(ip)
    }

    /// Posts a body that is already signed, and gives whatever is answered.
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: String,
        timeout: Duration,
    ) -> Result<Answer, Refused> {
        self.check(url)?;
        let deadline = tokio::time::Instant::now() + timeout;
        let request = self.client.post(url.clone()).headers(headers).body(body);
        let mut response = tokio::time::timeout_at(deadline, request.send())
            .await
            .map_err(|_| {
                refused(
                    "timed_out",
                    format!("no answer within {} s", timeout.as_secs()),
                )
            })?
            .map_err(|error| not_reached(&error))?;
        let mut beginning = BytesMut::new();
        // What cannot be read of the answer's body changes nothing: the status is what counts.
        while beginning.len() < ANSWER_BYTES
            && let Ok(Ok(Some(chunk))) = tokio::time::timeout_at(deadline, response.chunk()).await
        {
            beginning.extend_from_slice(&chunk);
        }
        beginning.truncate(ANSWER_BYTES);
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            // PostgreSQL's text holds every character but this one.
            beginning: String::from_utf8_lossy(&beginning).replace('\0', "\u{fffd}"),
        })
    }

    /// Fetches media from a host that the settings allow, within their limits.
    pub async fn fetch(&self, url: &Url) -> Result<Bytes, Refused> {
        let limit = Duration::from_secs(self.fetch.timeout_seconds);
        tokio::time::timeout(limit, self.fetch_hops(url))
            .await
            .unwrap_or_else(|_| {
                Err(refused(
                    "timed_out",
                    format!("not fetched within {} s", limit.as_secs()),
                ))
            })
    }

    async fn fetch_hops(&self, url: &Url) -> Result<Bytes, Refused> {
        let mut url = url.clone();
        for _ in 0..=self.fetch.max_redirects {
            self.check(&url)?;
            self.check_fetch_host(&url)?;
            let response = self
                .client
                .get(url.clone())
                .send()
                .await
                .map_err(|error| not_reached(&error))?;
            let status = response.status();
            if status.is_redirection() {
                url = response
                    .headers()
                    .get(LOCATION)
                    .and_then(|to| to.to_str().ok())
                    .and_then(|to| url.join(to).ok())
                    .ok_or_else(|| {
                        refused("fetch_failed", "a redirect leads nowhere".to_owned())
                    })?;
                continue;
            }
            if !status.is_success() {
                return Err(refused(
                    "fetch_failed",
                    format!("the host answered {status}"),
                ));
            }
            return self.read_body(response).await;
        }
        Err(refused(
            "too_many_redirects",
            format!("more than {} redirects", self.fetch.max_redirects),
        ))
    }

    async fn read_body(&self, mut response: reqwest::Response) -> Result<Bytes, Refused> {
        let too_large = || {
            refused(
                "too_many_bytes",
                format!("it has more than {} bytes", self.fetch.max_bytes),
            )
        };
        if response
            .content_length()
            .is_some_and(|size| size > self.fetch.max_bytes as u64)
        {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| not_reached(&error))?
        {
            if body.len() + chunk.len() > self.fetch.max_bytes {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    fn check_fetch_host(&self, url: &Url) -> Result<(), Refused> {
        // In lower case: the parser saw to that.
        let host = url.host_str().unwrap_or_default();
        let is_allowed = self.fetch.allow_hosts.iter().any(|pattern| {
            let pattern = pattern.to_ascii_lowercase();
            match pattern.strip_prefix("*.") {
                Some(domain) => host
                    .strip_suffix(domain)
                    .is_some_and(|rest| rest.ends_with('.')),
                None => pattern == "*" || pattern == host,
            }
        });
        if is_allowed {
            return Ok(());
        }
        let message = if self.fetch.allow_hosts.is_empty() {
            "fetching is switched off; name the hosts to fetch from in the setting fetch.allow_hosts"
                .to_owned()
        } else {
            format!("\"{host}\" is not among the hosts in the setting fetch.allow_hosts")
        };
        Err(refused("host_not_allowed", message))
    }
}

/// What the client says of a failure, down to its cause and without the address.
fn not_reached(error: &reqwest::Error) -> Refused {
    let mut source: &dyn std::error::Error = error;
    while let Some(inner) = source.source() {
        if let Some(forbidden) = inner.downcast_ref::<Refused>() {
            return refused(forbidden.code, forbidden.message.clone());
        }
        source = inner;
    }
    refused(
        "not_reached",
        format!("the host could not be reached: {source}"),
    )
}

/// Which networks may be called. As a resolver it lets the client see only those.
#[derive(Clone)]
struct Guard {
    allowed: Arc<Vec<IpNet>>,
}

impl Guard {
    fn check(&self, ip: IpAddr) -> Result<(), Refused> {
        if self.allowed.iter().any(|network| network.contains(&ip)) || is_public(ip) {
            return Ok(());
        }
        Err(refused(
            "address_not_public",
            format!(
                "{ip} is not a public address; if it is meant, name its network in the setting \
                 outbound.allow_networks"
            ),
        ))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let mut first_refusal = None;
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for address in found {
                match guard.check(address.ip()) {
                    Ok(()) => addresses.push(address),
                    Err(refusal) => first_refusal = first_refusal.or(Some(refusal)),
                }
            }
            match first_refusal {
                Some(refusal) if addresses.is_empty() => Err(refusal.into()),
                _ => Ok(Box::new(addresses.into_iter()) as Addrs),
            }
        })
    }
}

/// Whether an address is meant to be reached over the Internet: not in the special-purpose registries
/// of RFC 6890. Addresses that carry another inside (mapped, 6to4, NAT64, Teredo) are judged closed.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(a == 0
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || (a == 100 && (64..128).contains(&b)) // shared by carriers, RFC 6598
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99) // 6to4 relays
        || (a == 198 && (b == 18 || b == 19)) // benchmarks
        || a >= 240)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(inner) = ip.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let [a, b, ..] = ip.segments();
    // Global unicast is 2000::/3; out of it go documentation, Teredo and the like, and 6to4.
    (a & 0xe000) == 0x2000
        && !(a == 0x2001 && (b < 0x0200 || b == 0x0db8))
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
}

/// A client for a command that a person runs, and that calls the address which that person named, in
/// whatever network, through that person's proxy if the environment has one, and no redirect's.
pub fn outsider_client(timeout: Duration) -> anyhow::Result<reqwest::Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let builder = reqwest::Client::builder();
    builder
        .timeout(timeout)
        .redirect(redirect::Policy::none())
        .build()
        .context("setting up the HTTP client")
}
