//! ClientHellos that no client sends: a real one, taken apart and put together again with other extensions.

use std::io::Read as _;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::Fallible;

/// The extension with the host name.
pub const SERVER_NAME: u16 = 0;
/// The extension with names of protocols (ALPN).
pub const PROTOCOLS: u16 = 16;
/// Bytes of a record's content at most.
const RECORD_BYTES_MAX: usize = 1 << 14;

/// A ClientHello.
#[derive(Clone)]
pub struct Hello {
    /// All up to the extensions.
    front: Vec<u8>,
    extensions: Vec<(u16, Vec<u8>)>,
}

/// What comes back first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The handshake goes on.
    GoesOn,
    /// A fatal alert.
    Alert(u8),
    Closed,
}

impl Hello {
    /// As rustls sends it with these settings.
    pub fn of(config: &Arc<ClientConfig>) -> Fallible<Hello> {
        let mut connection = ClientConnection::new(Arc::clone(config), ServerName::try_from("placeholder.test")?)?;
        let mut records = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut records)?;
        }
        // One record: its header, the message's header, version and random.
        let mut at = 5 + 4 + 2 + 32;
        let byte = |at: usize| usize::from(records.get(at).copied().unwrap_or_default());
        let two = |at: usize| byte(at) << 8 | byte(at + 1);
        at += 1 + byte(at);
        at += 2 + two(at);
        at += 1 + byte(at);
        let front = records.get(9..at).ok_or("a short hello")?.to_vec();
        let mut extensions = Vec::new();
        at += 2;
        while at + 4 <= records.len() {
            let (kind, length) = (u16::try_from(two(at))?, two(at + 2));
            let content = records.get(at + 4..at + 4 + length).ok_or("half an extension")?;
            extensions.push((kind, content.to_vec()));
            at += 4 + length;
        }
        Ok(Hello { front, extensions })
    }

    /// Without any such extension.
    pub fn without(mut self, kind: u16) -> Hello {
        self.extensions.retain(|(other, _)| *other != kind);
        self
    }

    /// With one more in front, where those stand that must not be last.
    pub fn with(mut self, kind: u16, content: Vec<u8>) -> Hello {
        self.extensions.insert(0, (kind, content));
        self
    }

    /// Asking for these bytes as a host name, whatever they are.
    pub fn asking_for(self, names: &[&[u8]]) -> Hello {
        let entry = |name: &&[u8]| [&[0][..], &length(name.len()), name].concat();
        let list: Vec<u8> = names.iter().flat_map(entry).collect();
        self.without(SERVER_NAME).with(SERVER_NAME, [&length(list.len())[..], &list].concat())
    }

    /// The records, as few as can hold it.
    pub fn records(&self) -> Vec<u8> {
        let extension =
            |(kind, content): &(u16, Vec<u8>)| [&kind.to_be_bytes()[..], &length(content.len()), content].concat();
        let extensions: Vec<u8> = self.extensions.iter().flat_map(extension).collect();
        let body = [&self.front[..], &length(extensions.len()), &extensions].concat();
        let long = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
        let message = [&[1, long[1], long[2], long[3]][..], &body].concat();
        let record = |content: &[u8]| [&[22, 3, 1][..], &length(content.len()), content].concat();
        message.chunks(RECORD_BYTES_MAX).flat_map(record).collect()
    }
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes()
}

/// Reads what comes first.
pub fn reply(stream: &mut TcpStream) -> Reply {
    let mut head = [0; 7];
    match stream.read_exact(&mut head[..6]) {
        Ok(()) if head[0] == 22 => Reply::GoesOn,
        Ok(()) if head[0] == 21 && stream.read_exact(&mut head[6..]).is_ok() => Reply::Alert(head[6]),
        Ok(()) | Err(_) => Reply::Closed,
    }
}
