//! What is known of who is on a session: where the connection came from and goes to, and who the client is.
//!
//! Filled in as the steps of the session find it out. May not decide anything.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::auth::Identity;
use crate::net::Socket;
use crate::route::{Ingress, Route};

/// A client's connection.
pub(super) struct Connection {
    /// `None`: it was gone before it could be asked for.
    pub peer: Option<SocketAddr>,
    /// The name of the listener.
    pub listener: Arc<str>,
    /// The virtual cluster behind it; `None` before it is known where the connection goes.
    pub route: Option<Arc<Route>>,
    /// Anonymous before anything is proven.
    pub identity: Identity,
    /// `None` on a plain connection.
    pub tls: Option<Box<TlsFacts>>,
}

/// The facts of the TLS handshake.
#[derive(Default)]
pub(super) struct TlsFacts {
    /// The host name that the client asked for (SNI).
    pub server_name: Option<Box<str>>,
    /// `None` until the handshake is done.
    pub version: Option<&'static str>,
    pub resumed: Option<bool>,
}

impl Connection {
    /// One that was just accepted.
    pub fn new(ingress: &Ingress, client: &Socket) -> Connection {
        Connection {
            peer: client.peer(),
            listener: ingress.listener.clone(),
            route: None,
            identity: Identity::ANONYMOUS,
            tls: None,
        }
    }
}
