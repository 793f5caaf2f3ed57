//! Clients that shake hands, one connection after the other.
//!
//! Owns their threads and the kinds of handshakes. Each connection is looked at: one that is not of the kind it should be
//! ends the measurement.

use super::material::host_name;
use super::server::VIRTUAL_CLUSTER;
use crate::child::pin_to;
use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::load::handshake::{ask, connect};
use crate::wire::cluster;
use rustls::client::{Resumption, Tls12Resumption};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned, version};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A kind of handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// TLS 1.3, X25519.
    Full,
    /// The same, and one request behind it.
    FullAndRequest,
    /// TLS 1.3, X25519MLKEM768.
    Hybrid,
    /// TLS 1.3, resumed, X25519.
    Resumed,
    /// TLS 1.2, X25519.
    Full12,
    /// TLS 1.2, resumed by a ticket.
    Resumed12,
}

impl Handshake {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 6] =
        [Self::Full, Self::FullAndRequest, Self::Hybrid, Self::Resumed, Self::Full12, Self::Resumed12];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "TLS 1.3 full",
            Self::FullAndRequest => "TLS 1.3 full, 1 request",
            Self::Hybrid => "TLS 1.3 X25519MLKEM768",
            Self::Resumed => "TLS 1.3 resumed",
            Self::Full12 => "TLS 1.2 full",
            Self::Resumed12 => "TLS 1.2 ticket",
        }
    }

    /// The full handshake that a resumed one saves.
    pub fn full(self) -> Option<Self> {
        match self {
            Self::Resumed => Some(Self::Full),
            Self::Resumed12 => Some(Self::Full12),
            Self::Full | Self::FullAndRequest | Self::Hybrid | Self::Full12 => None,
        }
    }

    /// Settings of a client, with sessions of its own.
    fn config(self, roots: &Arc<RootCertStore>) -> Result<Arc<ClientConfig>> {
        let old = matches!(self, Self::Full12 | Self::Resumed12);
        let kx_groups = match self {
            Self::Hybrid => vec![kx_group::X25519MLKEM768],
            // X25519 is taken; in TLS 1.2 OpenSSL shows a certificate only where its curve is among these, too.
            _ if old => vec![kx_group::X25519, kx_group::SECP256R1],
            _ => vec![kx_group::X25519],
        };
        let provider = CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() };
        let versions = if old { &version::TLS12 } else { &version::TLS13 };
        let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[versions]);
        let builder = builder.doing(|| "cannot set up TLS".to_owned())?;
        let mut config = builder.with_root_certificates(roots.clone()).with_no_client_auth();
        config.resumption = match self.full() {
            Some(_) => Resumption::in_memory_sessions(8).tls12_resumption(Tls12Resumption::SessionIdOrTickets),
            None => Resumption::disabled(),
        };
        Ok(Arc::new(config))
    }
}

/// The clients.
pub struct Hands {
    /// Where to connect.
    pub address: SocketAddr,
    /// What to do there.
    pub handshake: Handshake,
    /// How many at a time.
    pub clients: usize,
    /// Their core.
    pub core: usize,
    /// Whom to believe.
    pub roots: Arc<RootCertStore>,
}

impl Hands {
    /// Shakes hands for so long, and says how often.
    ///
    /// # Errors
    ///
    /// A connection that fails, or a handshake of another kind.
    pub fn shake(&self, time: Duration) -> Result<u64> {
        let (done, begin) = (AtomicU64::new(0), Instant::now());
        let outcomes: Vec<Result<()>> = std::thread::scope(|scope| {
            let start = |_| scope.spawn(|| self.one_client(begin + time, &done));
            let threads: Vec<_> = (0..self.clients).map(start).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Result<()>>| {
                thread.join().unwrap_or_else(|_| Err(Error::new("a client ended by a fault of ours")))
            };
            threads.into_iter().map(join).collect()
        });
        outcomes.into_iter().collect::<Result<()>>()?;
        Ok(done.into_inner())
    }

    fn one_client(&self, end: Instant, done: &AtomicU64) -> Result<()> {
        pin_to(self.core)?;
        let config = self.handshake.config(&self.roots)?;
        if self.handshake.full().is_some() {
            // Not counted: it begins the session that the next one resumes.
            self.connect(&config, None)?;
        }
        let wanted = if self.handshake.full().is_some() { HandshakeKind::Resumed } else { HandshakeKind::Full };
        while Instant::now() < end {
            interrupt::check()?;
            self.connect(&config, Some(wanted))?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// One connection, to its end.
    fn connect(&self, config: &Arc<ClientConfig>, wanted: Option<HandshakeKind>) -> Result<()> {
        let doing = || format!("a handshake ({})", self.handshake.name());
        let mut tls = open(self.address, config)?;
        if self.handshake == Handshake::FullAndRequest {
            ask(&mut tls, cluster::api_versions_request())?;
        }
        let kind = tls.conn.handshake_kind();
        tls.conn.send_close_notify();
        tls.flush().doing(doing)?;
        // Until the other side ends, too: so its ticket is here, and its work is done.
        let mut rest = [0; 1024];
        while tls.read(&mut rest).doing(doing)? > 0 {}
        match wanted {
            Some(wanted) if kind != Some(wanted) => {
                Err(Error::new(format!("{} was to be {wanted:?}, and was {kind:?}", self.handshake.name())))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Connects and shakes hands.
///
/// # Errors
///
/// Nobody there, or a handshake that fails.
pub fn open(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<StreamOwned<ClientConnection, TcpStream>> {
    let doing = || format!("no handshake with {address}");
    let name = ServerName::try_from(host_name(VIRTUAL_CLUSTER)).doing(doing)?;
    let mut connection = ClientConnection::new(config.clone(), name).doing(doing)?;
    let mut stream = connect(address)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).doing(doing)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// Settings of a client that resumes nothing.
///
/// # Errors
///
/// Where rustls refuses them.
pub fn plain_config(roots: &Arc<RootCertStore>) -> Result<Arc<ClientConfig>> {
    Handshake::Full.config(roots)
}
