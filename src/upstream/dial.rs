//! Reaching a host: all its addresses are tried, the next one a little after the last, and the first that answers wins.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::Upstream;
use crate::cluster::HostPort;
use crate::metrics::Numbers;
use crate::net::{Socket, Timer};

/// The next address is tried when the last one has not answered for so long (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);

type Attempt<'a> = Pin<Box<dyn Future<Output = io::Result<Socket>> + 'a>>;

impl Upstream {
    /// Connects to a host.
    ///
    /// # Errors
    ///
    /// `TimedOut` when `deadline` passed, else the last address' error.
    pub(super) async fn dial(&self, to: &HostPort, deadline: Instant) -> io::Result<Socket> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, format!("{to} did not answer in time"));
        let reached = self.net.until(deadline, async {
            let addresses = self.names.resolve(&to.host).await?;
            let addresses: Vec<_> = addresses.iter().map(|ip| SocketAddr::new(*ip, to.port)).collect();
            self.first_of(&addresses).await
        });
        let reached = reached.await.unwrap_or_else(|| Err(late()));
        match &reached {
            Ok(_) => Numbers::count(&self.numbers.backend_dials, 1),
            Err(_) => {
                Numbers::count(&self.numbers.backend_dial_failures, 1);
                self.names.forget(&to.host);
            }
        }
        reached
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
