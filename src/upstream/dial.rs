//! Reaching a host: all its addresses are tried, the next one a little after the last, and the first that answers wins; then
//! TLS, where the backend cluster speaks it.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::dial_error::DialError;
use super::{Backend, Dialer};
use crate::cluster::HostPort;
use crate::metrics::Numbers;
use crate::net::{Socket, Timer};

/// The next address is tried when the last one has not answered for so long (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);

type Attempt<'a> = Pin<Box<dyn Future<Output = io::Result<Socket>> + 'a>>;

impl Dialer {
    /// Connects to a host, the handshake included.
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
        let timer = Timer::new(&self.net);
        let mut waiting = addresses.iter();
        let mut running: Vec<Attempt<'_>> = Vec::new();
        let mut next_at = self.net.now();
        let mut last_error = io::Error::other("there is no address");
        poll_fn(|cx| {
            loop {
                if (running.is_empty() || timer.poll_at(next_at, cx).is_ready())
                    && let Some(address) = waiting.next()
                {
                    running.push(Box::pin(Socket::connect(&self.net, *address)));
                    next_at = self.net.now() + STAGGER;
                }
                let mut failed = false;
                for at in (0..running.len()).rev() {
                    let Some(attempt) = running.get_mut(at) else { continue };
                    match attempt.as_mut().poll(cx) {
                        Poll::Ready(Ok(socket)) => return Poll::Ready(Ok(socket)),
                        Poll::Ready(Err(error)) => {
                            drop(running.swap_remove(at));
                            last_error = error;
                            failed = true;
                        }
                        Poll::Pending => {}
                    }
                }
                if running.is_empty() && waiting.as_slice().is_empty() {
                    return Poll::Ready(Err(std::mem::replace(&mut last_error, io::Error::other(""))));
                }
                if !failed {
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}

#[cfg(test)]
#[path = "dial_tests.rs"]
mod tests;
