//! The listed forms that an address meets: its page, its hosts, and the folders above it.

use sha2::{Digest as _, Sha256};

use super::{Address, begins_with_scheme};

/// The first 16 bytes of the SHA-256 of what is listed: nobody finds two with the same by accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UrlKey(pub [u8; 16]);

impl UrlKey {
    pub(crate) fn of(expression: &str) -> UrlKey {
        let digest = Sha256::digest(expression);
        UrlKey(std::array::from_fn(|at| digest[at]))
    }
}

/// What a list can say of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// This very page.
    Page(Address),
    /// The host and its subdomains, and there all pages in this folder: `/` is all of them.
    Folder(Address),
}

/// A list may name hosts of so many labels and folders so deep. Nobody needs more, and a look-up tries
/// every host and folder above an address.
pub(super) const MOST_LABELS: usize = 8;
pub(super) const DEEPEST_FOLDER: usize = 8;

impl Expression {
    /// What it looks like in a list.
    pub fn text(&self) -> String {
        match self {
            Expression::Page(address) => address.page(),
            Expression::Folder(address) => folder(&address.host_and_port(), &address.path),
        }
    }

    /// Reads what a list has: `example.org`, `example.org/folder/`, `https://example.org/page?x=1`.
    /// Without a scheme, what ends in a file's name or has a query is a page too.
    ///
    /// # Errors
    /// Why it is none, as a fragment.
    pub fn parse(text: &str) -> Result<Expression, String> {
        let text = text.trim();
        if begins_with_scheme(text) || text.contains("://") {
            return Address::parse(text).map(Expression::Page);
        }
        let authority = text.split(['/', '\\', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err("a host has no @; a page begins with https://".to_owned());
        }
        let address = Address::parse(&format!("https://{text}"))?;
        if address.query.is_some() || !address.path.ends_with('/') {
            return Ok(Expression::Page(address));
        }
        if address.host.split('.').count() > MOST_LABELS && !address.is_ip {
            return Err(format!("a host of more than {MOST_LABELS} labels"));
        }
        if address.path.matches('/').count() > DEEPEST_FOLDER + 1 {
            return Err(format!("a folder deeper than {DEEPEST_FOLDER}"));
        }
        let folder = Expression::Folder(address);
        if begins_with_scheme(&folder.text()) {
            return Err("a host that is named like a scheme, with a port".to_owned());
        }
        Ok(folder)
    }

    /// True if it would match all of a top-level domain.
    pub fn is_whole_domain(&self) -> bool {
        match self {
            Expression::Page(_) => false,
            Expression::Folder(address) => !address.is_ip && !address.host.contains('.'),
        }
    }
}

impl Address {
    /// The keys of every expression that this address meets: at most 127.
    pub fn keys(&self) -> Vec<UrlKey> {
        let mut keys = vec![UrlKey::of(&self.page())];
        let paths = self.folders();
        for host in self.hosts() {
            let ports = [None, self.port];
            let n_ports = if self.port.is_some() { 2 } else { 1 };
            for port in &ports[..n_ports] {
                let host = match port {
                    Some(port) => format!("{host}:{port}"),
                    None => host.to_owned(),
                };
                keys.extend(paths.iter().map(|path| UrlKey::of(&folder(&host, path))));
            }
        }
        keys
    }

    /// The host, and the domains that it is a subdomain of.
    fn hosts(&self) -> Vec<&str> {
        if self.is_ip {
            return vec![&self.host];
        }
        let dots = self.host.rmatch_indices('.').map(|(at, _)| at + 1);
        // The last label alone is no list's.
        let starts = dots.skip(1).chain([0]).take(MOST_LABELS - 1);
        starts.map(|start| &self.host[start..]).collect()
    }

    /// The folders above the page, and the page taken for one.
    fn folders(&self) -> Vec<String> {
        let path = self.path.trim_end_matches('/');
        let ends = path.match_indices('/').map(|(at, _)| at);
        let ends = ends.chain([path.len()]).take(DEEPEST_FOLDER + 1);
        ends.map(|end| format!("{}/", &path[..end])).collect()
    }
}

/// A host alone, or with a folder.
fn folder(host: &str, path: &str) -> String {
    match path {
        "/" => host.to_owned(),
        path => format!("{host}{path}"),
    }
}
