//! Where a call comes from, as far as floods go.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;

use crate::app::App;

/// One address, or of IPv6 the network that a household has.
pub(super) fn network(
    app: &App,
    headers: &HeaderMap,
    peer: Option<&ConnectInfo<SocketAddr>>,
) -> IpAddr {
    let header = &app.config.server.client_address_header;
    let said = headers
        .get(header.as_str())
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.rsplit(',').next())
        .and_then(|value| value.trim().parse().ok());
    let peer = peer.map(|ConnectInfo(peer)| peer.ip());
    let address: IpAddr = said.or(peer).unwrap_or(IpAddr::from([0, 0, 0, 0]));
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address => address,
    }
}
