//! Backends that speak TLS: gateways in front of them, and a scripted node with TLS that shows any certificate.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certificates::Issued;
use super::gateway::{DataPath, Gateway, Settings};
use super::listening::Listening;
use super::scripted::{HOST, Scripted};
use super::{Fallible, World, ports};
use crate::ensure;

/// Where the scripted node behind one with TLS listens.
const BEHIND: &str = "127.0.0.6";
/// What the backend cluster's `tls` is put behind.
const BEFORE: &str = "    metadata_update_interval_seconds: 2\n";

/// The configuration of `settings` whose backend cluster has this `tls`.
pub fn yaml(settings: &Settings<'_>, tls: &str) -> Fallible<String> {
    let plain = settings.yaml();
    ensure!(plain.matches(BEFORE).count() == 1, "no place for tls in\n{plain}");
    Ok(plain.replace(BEFORE, &format!("{BEFORE}    tls: {tls}\n")))
}

/// A gateway in front of such a backend cluster; it need not be ready yet.
pub fn gateway(world: &World, settings: &Settings<'_>, tls: &str) -> Fallible<Gateway> {
    let yaml = yaml(settings, tls)?;
    Gateway::start_with(world.folder(), settings.port, settings.admin_port, &yaml, DataPath::AsUsersHaveIt)
}

/// A scripted node that speaks TLS where it says that it is; it stops accepting when it is dropped.
pub struct SecureNode {
    port: u16,
    _listening: Listening,
    _behind: Scripted,
}

impl SecureNode {
    /// Shows this certificate.
    pub fn start(shown: &Issued) -> Fallible<SecureNode> {
        let (config, port) = (shown.server_config()?, ports::ten());
        let behind = Scripted::start_behind(BEHIND, port)?;
        let listening = Listening::at(HOST, port, move |stream| {
            // Whoever looks at the other side sees enough.
            let _ = serve(stream, Arc::clone(&config), port);
        })?;
        Ok(SecureNode { port, _listening: listening, _behind: behind })
    }

    /// host:port.
    pub fn address(&self) -> String {
        format!("{HOST}:{}", self.port)
    }
}

/// One request after the other, as the catalogue and a simple client ask them.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, port: u16) -> Fallible<()> {
    let mut outside = StreamOwned::new(ServerConnection::new(config)?, stream);
    let mut inside = TcpStream::connect((BEHIND, port))?;
    loop {
        let request = frame(&mut outside)?;
        inside.write_all(&request)?;
        let answer = frame(&mut inside)?;
        outside.write_all(&answer)?;
        outside.flush()?;
    }
}

/// A frame with its length.
fn frame(from: &mut impl std::io::Read) -> Fallible<Vec<u8>> {
    let mut frame = vec![0; 4];
    from.read_exact(&mut frame)?;
    let length = usize::try_from(i32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]))?;
    from.take(length as u64).read_to_end(&mut frame)?;
    ensure!(frame.len() == 4 + length, "half a frame");
    Ok(frame)
}
