//! A relay that reads along where clients speak TLS: it shakes hands with both sides, as the host that the client asks for,
//! and searches what clients are sent for what they must not learn.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

use super::certificates::Issued;
use super::gateway::ADVERTISED_HOST;
use super::relay::BEHIND;
use super::wire::find;
use super::{Fallible, locked};

/// Bytes around a find that are kept for the report.
const AROUND: usize = 48;
/// How long a connection on which nothing happens is left alone.
const PAUSE: Duration = Duration::from_millis(1);

/// What clients must not be sent, by a part of the host name that they ask for, and what they were.
pub struct ReadAlong {
    canaries: BTreeMap<String, Vec<String>>,
    /// Each find.
    pub leaks: Mutex<Vec<String>>,
    /// Bytes sent to clients, and how often the part itself was among them.
    pub sent: BTreeMap<String, (AtomicU64, AtomicU64)>,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    port: u16,
}

/// Relays `port` to the same port of [`BEHIND`], for as long as the process lives, with this certificate.
pub fn start(
    port: u16,
    shown: &Issued,
    client: Arc<ClientConfig>,
    canaries: BTreeMap<String, Vec<String>>,
) -> Fallible<Arc<ReadAlong>> {
    let server = shown.server_config()?;
    let sent = canaries.keys().map(|part| (part.clone(), Default::default())).collect();
    let all = Arc::new(ReadAlong { canaries, leaks: Mutex::default(), sent, server, client, port });
    let listener = TcpListener::bind((ADVERTISED_HOST, port))?;
    let relay = Arc::clone(&all);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let relay = Arc::clone(&relay);
            // A connection that breaks is one that its client gives up, or fails for.
            thread::spawn(move || relay.relay(client).ok());
        }
    });
    Ok(all)
}

impl ReadAlong {
    fn relay(&self, client: TcpStream) -> Fallible<()> {
        let mut outside = Side::new(client, ServerConnection::new(Arc::clone(&self.server))?.into())?;
        // The first request may come together with the end of the handshake.
        let mut first = Vec::new();
        while outside.connection.is_handshaking() {
            first.extend(outside.turn()?.ok_or("ended in the handshake")?);
            thread::sleep(PAUSE);
        }
        let name = match &outside.connection {
            Connection::Server(server) => server.server_name().unwrap_or_default().to_owned(),
            Connection::Client(_) => String::new(),
        };
        let part = self.canaries.keys().find(|part| name.contains(part.as_str())).ok_or("a stranger's name")?;
        let gateway = TcpStream::connect((BEHIND, self.port))?;
        let asking = ClientConnection::new(Arc::clone(&self.client), ServerName::try_from(name)?)?;
        let mut inside = Side::new(gateway, asking.into())?;
        inside.connection.writer().write_all(&first)?;
        let mut end_of_last = Vec::new();
        loop {
            let (asked, told) = (outside.turn()?, inside.turn()?);
            let quiet = [&asked, &told].iter().all(|bytes| bytes.as_ref().is_some_and(Vec::is_empty));
            for bytes in asked.iter().filter(|bytes| !bytes.is_empty()) {
                inside.connection.writer().write_all(bytes)?;
            }
            for bytes in told.iter().filter(|bytes| !bytes.is_empty()) {
                self.search(part, &mut end_of_last, bytes);
                outside.connection.writer().write_all(bytes)?;
            }
            if asked.is_none() || told.is_none() {
                outside.turn()?;
                return Ok(());
            }
            if quiet {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Searches these bytes and where they join the last ones.
    fn search(&self, part: &str, end_of_last: &mut Vec<u8>, bytes: &[u8]) {
        if let Some((count, told)) = self.sent.get(part) {
            count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            told.fetch_add(u64::from(find(bytes, part.as_bytes()).is_some()), Ordering::Relaxed);
        }
        let canaries = self.canaries.get(part).map(Vec::as_slice).unwrap_or_default();
        let all = [end_of_last.as_slice(), bytes].concat();
        for canary in canaries {
            if let Some(at) = find(&all, canary.as_bytes()) {
                let around = &all[at.saturating_sub(AROUND)..all.len().min(at + AROUND)];
                locked(&self.leaks).push(format!("{canary} to {part}: {}", around.escape_ascii()));
            }
        }
        let longest = canaries.iter().map(String::len).max().unwrap_or(1);
        *end_of_last = all[all.len().saturating_sub(longest - 1)..].to_vec();
    }
}

/// One of the two connections.
struct Side {
    socket: TcpStream,
    connection: Connection,
}

impl Side {
    fn new(socket: TcpStream, mut connection: Connection) -> Fallible<Side> {
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        connection.set_buffer_limit(None);
        Ok(Side { socket, connection })
    }

    /// Sends what waits and takes what came: the plaintext, which may be nothing. `None` at the end.
    fn turn(&mut self) -> Fallible<Option<Vec<u8>>> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let ended = match self.connection.read_tls(&mut self.socket) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Some(Vec::new())),
            Err(error) => return Err(error.into()),
        };
        let waits = self.connection.process_new_packets()?.plaintext_bytes_to_read();
        let mut plaintext = vec![0; waits];
        self.connection.reader().read_exact(&mut plaintext)?;
        Ok((!ended || !plaintext.is_empty()).then_some(plaintext))
    }
}
