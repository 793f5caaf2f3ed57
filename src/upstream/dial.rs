//! Reaching a host: all its addresses are tried, the next one a little after the last, and the first that answers wins; then
//! TLS, where the backend cluster speaks it.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use super::dial_error::DialError;
use super::staggered::first_ok;
use super::{Backend, Dialer};
use crate::cluster::HostPort;
use crate::metrics::Numbers;
use crate::net::Socket;

/// Addresses of one host that are tried at once.
const ADDRESSES_MAX: usize = 32;

impl Dialer {
    /// Connects to a host, the handshake included. One that is dropped before its end counts neither as a success nor as a
    /// failure of the backend.
    ///
    /// # Errors
    ///
    /// At `deadline` at the latest: the last address' error, or what kept TLS from being spoken.
    pub(super) async fn dial(&self, backend: &Backend, to: &HostPort, deadline: Instant) -> Result<Socket, DialError> {
        let reached = self.net.until(deadline, async {
            let addresses = self.dns_cache.resolve(backend.shared.id, &to.host).await?;
            let addresses: Vec<_> = addresses.iter().map(|ip| SocketAddr::new(*ip, to.port)).collect();
            self.first_of(&addresses).await
        });
        let late = || Err(io::Error::new(io::ErrorKind::TimedOut, "no connection in time"));
        let secured = match reached.await.unwrap_or_else(late) {
            Ok(socket) => {
                Numbers::count(&self.numbers.backend_dials, 1);
                self.secure(backend, to, socket, deadline).await
            }
            Err(error) => {
                Numbers::count(&self.numbers.backend_dial_failures, 1);
                Err(DialError::unavailable(format!("{to}: {error}")))
            }
        };
        if secured.is_err() {
            self.dns_cache.distrust(backend.shared.id, &to.host);
        }
        secured
    }

    async fn first_of(&self, addresses: &[SocketAddr]) -> io::Result<Socket> {
        let attempts = addresses.iter().map(|address| Socket::connect(&self.net, *address));
        let connected = first_ok(&self.net, &Cell::new(ADDRESSES_MAX - 1), attempts).await;
        connected.map_err(|mut errors| errors.pop().unwrap_or_else(|| io::Error::other("there is no address")))
    }
}

#[cfg(test)]
#[path = "dial_tests.rs"]
mod tests;
