//! Clients of TLS: how they shake hands, and that each connection is of the kind it should be.

use crate::error::{Context, Error, Result};
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
            // X25519 is taken; in TLS 1.2 OpenSSL has a certificate only where its curve is among these, too.
            _ if old => vec![kx_group::X25519, kx_group::SECP256R1],
            _ => vec![kx_group::X25519],
        };
        let provider = CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() };
        let versions = if old { &version::TLS12 } else { &version::TLS13 };
        let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[versions]);
        let builder = builder.doing("cannot set up TLS")?;
        let mut config = builder.with_root_certificates(roots.clone()).with_no_client_auth();
        config.resumption = match self.full() {
            Some(_) => Resumption::in_memory_sessions(8).tls12_resumption(Tls12Resumption::SessionIdOrTickets),
            None => Resumption::disabled(),
        };
        Ok(Arc::new(config))
    }

    /// A client that makes one connection at a time with such a handshake, to its end.
    pub fn client(
        self,
        address: SocketAddr,
        host: &str,
        roots: &Arc<RootCertStore>,
    ) -> Result<impl FnMut(usize) -> Result<()>> {
        let config = self.config(roots)?;
        let expected = match self.full() {
            None => HandshakeKind::Full,
            Some(_) => {
                // Not counted: it begins the session that the next one resumes.
                self.connect(address, host, &config)?;
                HandshakeKind::Resumed
            }
        };
        Ok(move |_| match self.connect(address, host, &config)? {
            Some(kind) if kind == expected => Ok(()),
            kind => Err(Error::new(format!("{} was {kind:?} instead of {expected:?}", self.name()))),
        })
    }

    fn connect(self, address: SocketAddr, host: &str, config: &Arc<ClientConfig>) -> Result<Option<HandshakeKind>> {
        let doing = || format!("a handshake ({})", self.name());
        let mut tls = open(address, host, config)?;
        if self == Self::FullAndRequest {
            ask(&mut tls, cluster::api_versions_request())?;
        }
        let kind = tls.conn.handshake_kind();
        tls.conn.send_close_notify();
        tls.flush().doing(doing)?;
        // Until the other side ends, too: so its ticket is here, and its work is done.
        let mut rest = [0; 1024];
        while tls.read(&mut rest).doing(doing)? > 0 {}
        Ok(kind)
    }
}

/// Connects and shakes hands.
pub fn open(
    address: SocketAddr,
    host: &str,
    config: &Arc<ClientConfig>,
) -> Result<StreamOwned<ClientConnection, TcpStream>> {
    let doing = || format!("no handshake with {host} at {address}");
    let name = ServerName::try_from(host.to_owned()).doing(doing)?;
    let mut connection = ClientConnection::new(config.clone(), name).doing(doing)?;
    let mut stream = connect(address)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).doing(doing)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// Settings of a client that resumes nothing.
pub fn plain_config(roots: &Arc<RootCertStore>) -> Result<Arc<ClientConfig>> {
    Handshake::Full.config(roots)
}
