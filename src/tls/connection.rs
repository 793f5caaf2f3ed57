//! A TLS connection as a state machine: ciphertext in, plaintext out, and the other way round, over rustls' unbuffered
//! interface.
//!
//! Does no I/O and owns no buffer: what it reads and writes lies in the caller's, which belong to the shard. So an idle
//! connection holds what rustls keeps of its keys, and nothing else. rustls makes one allocation for each record received;
//! here there is none.
//!
//! How a connection ends is chosen so: we send close_notify before we close. One that comes ends what the other side sends.
//! An end without it is not taken for a fault of TLS, since Kafka's frames carry their length: an answer that is cut is seen
//! there, and most of Kafka's clients close without it.

use std::fmt;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus, WriteTraffic,
};
use rustls::{ClientConfig, Error, HandshakeKind, ProtocolVersion, ServerConfig};

use super::fault::Fault;

/// Plaintext that is gathered for one record: more would make two, and fewer bytes a record cost more each.
pub const GATHER_BYTES_MAX: usize = 16 << 10;
/// Ciphertext of a full record in either version: header, nonce, padding, tag.
pub const CIPHERTEXT_BYTES_MAX: usize = GATHER_BYTES_MAX + 256;

/// The longest record that can come: TLS 1.2 allows more around its content than TLS 1.3.
pub const RECORD_BYTES_MAX: usize = (16 << 10) + (2 << 10) + 5;

/// Where plaintext goes.
pub trait Plaintext {
    /// Takes all of what a record held.
    fn push(&mut self, bytes: &[u8]);
}

impl Plaintext for Vec<u8> {
    fn push(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Ciphertext on its way to the other side. Made once a shard: its memory stays initialized from use to use.
#[derive(Debug, Default)]
pub struct Wire {
    bytes: Vec<u8>,
    filled: usize,
}

impl Wire {
    /// With room for `bytes`.
    pub fn with_room(bytes: usize) -> Wire {
        Wire { bytes: vec![0; bytes], filled: 0 }
    }

    /// What is to be sent.
    pub fn filled(&self) -> &[u8] {
        // Never more than there is: `advance` sees to it.
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    /// Forgets what was sent, or copied elsewhere.
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Bytes that fit without growing.
    pub fn room(&self) -> usize {
        self.bytes.len() - self.filled
    }

    fn free(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.filled..).unwrap_or_default()
    }

    /// So many bytes of what is free hold something now.
    fn advance(&mut self, bytes: usize) -> Result<(), Error> {
        if bytes > self.room() {
            return Err(Error::EncryptError);
        }
        self.filled += bytes;
        Ok(())
    }

    /// What a handshake needs is never cut: it grows for it.
    fn make_room(&mut self, bytes: usize) {
        self.bytes.resize(self.bytes.len().max(self.filled + bytes), 0);
    }
}

/// What became of received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes from the front that are done with. The rest is a part of a record or message: it must be presented again, in
    /// front of what comes next, and is at most what a handshake message takes (64 KiB).
    pub consumed: usize,
    /// The other side has sent close_notify: it sends nothing more.
    pub closed: bool,
}

/// TLS of one connection.
pub struct TlsConnection {
    side: Side,
    closed: bool,
}

/// Boxed: a connection that is plain pays a pointer.
enum Side {
    Server(Box<UnbufferedServerConnection>),
    Backend(Box<UnbufferedClientConnection>),
}

/// What one turn of rustls left to do.
enum Turn {
    /// Ask again: it has more.
    Again,
    /// It wants bytes, or has nothing to do.
    Rest,
    PeerClosed,
}

impl fmt::Debug for TlsConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Server(_) => "server",
            Side::Backend(_) => "backend",
        };
        write!(f, "TlsConnection({side}, handshaking: {}, closed: {})", self.is_handshaking(), self.closed)
    }
}

impl TlsConnection {
    /// The listener's side of a connection.
    ///
    /// # Errors
    ///
    /// [`Fault::Internal`] where rustls refuses its settings.
    pub fn server(config: Arc<ServerConfig>) -> Result<TlsConnection, Fault> {
        let connection = UnbufferedServerConnection::new(config).map_err(|error| Fault::of(&error))?;
        Ok(TlsConnection { side: Side::Server(Box::new(connection)), closed: false })
    }

    /// The backend's side: `host` is the node's own name, which its certificate must cover. The first call of
    /// [`TlsConnection::receive`], without bytes, gives the ClientHello.
    ///
    /// # Errors
    ///
    /// [`Fault::CertificateForAnotherName`] where no certificate could cover such a host.
    pub fn backend(config: Arc<ClientConfig>, host: &str) -> Result<TlsConnection, Fault> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Fault::CertificateForAnotherName)?;
        let connection = UnbufferedClientConnection::new(config, name).map_err(|error| Fault::of(&error))?;
        Ok(TlsConnection { side: Side::Backend(Box::new(connection)), closed: false })
    }

    /// Takes what was received: plaintext goes behind `plain`, what must be answered (handshakes, alerts) to `wire`.
    ///
    /// # Errors
    ///
    /// The connection is over; `wire` may hold the alert that says why.
    pub fn receive(
        &mut self,
        input: &mut [u8],
        plain: &mut impl Plaintext,
        wire: &mut Wire,
    ) -> Result<Received, Fault> {
        let mut consumed = 0;
        loop {
            let rest = input.get_mut(consumed..).unwrap_or_default();
            let (discarded, turn) = match &mut self.side {
                Side::Server(connection) => turn(connection.process_tls_records(rest), plain, wire),
                Side::Backend(connection) => turn(connection.process_tls_records(rest), plain, wire),
            };
            consumed += discarded;
            match turn {
                Ok(Turn::Again) => {}
                Ok(Turn::PeerClosed) => self.closed = true,
                Ok(Turn::Rest) => return self.at_rest(input, consumed),
                Err(error) => {
                    // Asked once: a second time it would read on in what is left.
                    let rest = input.get_mut(consumed..).unwrap_or_default();
                    match &mut self.side {
                        Side::Server(connection) => push_alert(connection.process_tls_records(rest), wire),
                        Side::Backend(connection) => push_alert(connection.process_tls_records(rest), wire),
                    }
                    return Err(Fault::of(&error));
                }
            }
        }
    }

    fn at_rest(&self, input: &[u8], consumed: usize) -> Result<Received, Fault> {
        if self.closed {
            return Ok(Received { consumed: input.len(), closed: true });
        }
        // rustls keeps places in the bytes of a message that goes over several records, and could not encrypt
        // without them. After the handshake nobody cuts the few small messages that there are.
        if !self.is_handshaking() && begins_with_record(input.get(consumed..).ok_or(Fault::Internal)?) {
            return Err(Fault::RecordInvalid);
        }
        Ok(Received { consumed, closed: false })
    }

    /// Whether the handshake is not over yet.
    pub fn is_handshaking(&self) -> bool {
        match &self.side {
            Side::Server(connection) => connection.is_handshaking(),
            Side::Backend(connection) => connection.is_handshaking(),
        }
    }

    /// The version that was agreed on; `None` before.
    pub fn version(&self) -> Option<&'static str> {
        let version = match &self.side {
            Side::Server(connection) => connection.protocol_version(),
            Side::Backend(connection) => connection.protocol_version(),
        };
        Some(match version? {
            ProtocolVersion::TLSv1_3 => "TLSv1.3",
            ProtocolVersion::TLSv1_2 => "TLSv1.2",
            _ => "other",
        })
    }

    /// Whether an earlier session was resumed: neither certificate nor signature, and in TLS 1.2 no key exchange.
    pub fn is_resumed(&self) -> bool {
        let kind = match &self.side {
            Side::Server(connection) => connection.handshake_kind(),
            Side::Backend(connection) => connection.handshake_kind(),
        };
        kind == Some(HandshakeKind::Resumed)
    }

    /// The certificate that the other side showed, once it was verified.
    pub fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        let chain = match &self.side {
            Side::Server(connection) => connection.peer_certificates(),
            Side::Backend(connection) => connection.peer_certificates(),
        };
        chain?.first()
    }

    /// Encrypts `segments` behind each other into full records as far as `wire` has room, and gives how many bytes of them
    /// were taken. `gather` is the shard's space for joining small segments; a record's worth that lies together is not
    /// copied. Takes nothing before the handshake allows it.
    ///
    /// # Errors
    ///
    /// The connection is over.
    pub fn send<'s>(
        &mut self,
        segments: impl IntoIterator<Item = &'s [u8]>,
        gather: &mut Vec<u8>,
        wire: &mut Wire,
    ) -> Result<usize, Fault> {
        let mut taken = 0;
        gather.clear();
        for mut segment in segments {
            while !segment.is_empty() {
                if wire.room() < CIPHERTEXT_BYTES_MAX {
                    return self.send_gathered(taken, gather, wire);
                }
                let (front, behind) = segment.split_at(segment.len().min(GATHER_BYTES_MAX - gather.len()));
                segment = behind;
                if gather.is_empty() && front.len() == GATHER_BYTES_MAX {
                    if !self.encrypt(front, wire)? {
                        return Ok(taken);
                    }
                    taken += front.len();
                    continue;
                }
                gather.extend_from_slice(front);
                if gather.len() == GATHER_BYTES_MAX {
                    let sent = self.send_gathered(taken, gather, wire)?;
                    if sent == taken {
                        return Ok(taken);
                    }
                    taken = sent;
                }
            }
        }
        self.send_gathered(taken, gather, wire)
    }

    /// Writes close_notify: nothing more is sent. Before the end of the handshake it cannot be sent.
    ///
    /// # Errors
    ///
    /// The connection is over already.
    pub fn close(&mut self, wire: &mut Wire) -> Result<(), Fault> {
        self.write(wire, |traffic, space| traffic.queue_close_notify(space)).map(|_| ())
    }

    fn send_gathered(&mut self, taken: usize, gather: &mut Vec<u8>, wire: &mut Wire) -> Result<usize, Fault> {
        let sent = gather.is_empty() || self.encrypt(gather, wire)?;
        let taken = if sent { taken + gather.len() } else { taken };
        gather.clear();
        Ok(taken)
    }

    fn encrypt(&mut self, plain: &[u8], wire: &mut Wire) -> Result<bool, Fault> {
        self.write(wire, |traffic, space| traffic.encrypt(plain, space))
    }

    /// Whether rustls takes data now, which it then did.
    fn write(
        &mut self,
        wire: &mut Wire,
        mut encode: impl FnMut(&mut dyn Traffic, &mut [u8]) -> Encoded,
    ) -> Result<bool, Fault> {
        if self.is_handshaking() {
            return Ok(false);
        }
        loop {
            let turn = match &mut self.side {
                Side::Server(connection) => write_turn(connection.process_tls_records(&mut []), wire, &mut encode),
                Side::Backend(connection) => write_turn(connection.process_tls_records(&mut []), wire, &mut encode),
            };
            match turn {
                Ok(Some(written)) => return Ok(written),
                Ok(None) => {}
                Err(error) => return Err(Fault::of(&error)),
            }
        }
    }
}

type Encoded = Result<usize, EncryptError>;

/// [`WriteTraffic`] of either side.
trait Traffic {
    fn encrypt(&mut self, plain: &[u8], space: &mut [u8]) -> Encoded;
    fn queue_close_notify(&mut self, space: &mut [u8]) -> Encoded;
}

impl<Data> Traffic for WriteTraffic<'_, Data> {
    fn encrypt(&mut self, plain: &[u8], space: &mut [u8]) -> Encoded {
        WriteTraffic::encrypt(self, plain, space)
    }

    fn queue_close_notify(&mut self, space: &mut [u8]) -> Encoded {
        WriteTraffic::queue_close_notify(self, space)
    }
}

/// One turn of receiving: the bytes to discard, and what is left to do.
fn turn<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    plain: &mut impl Plaintext,
    wire: &mut Wire,
) -> (usize, Result<Turn, Error>) {
    let mut discard = status.discard;
    let turn = match status.state {
        Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
            match traffic.next_record() {
                Some(Ok(record)) => {
                    discard += record.discard;
                    plain.push(record.payload);
                }
                Some(Err(error)) => break Err(error),
                None => break Ok(Turn::Again),
            }
        },
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            push_encoded(wire, |space| data.encode(space)).map(|()| Turn::Again)
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Ok(Turn::Again)
        }
        Ok(ConnectionState::PeerClosed) => Ok(Turn::PeerClosed),
        // Early data is switched off on both sides, so that it is never offered.
        Ok(_) => Ok(Turn::Rest),
        Err(error) => Err(error),
    };
    (discard, turn)
}

/// One turn of sending; `None`: another one is needed.
fn write_turn<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    wire: &mut Wire,
    encode: &mut impl FnMut(&mut dyn Traffic, &mut [u8]) -> Encoded,
) -> Result<Option<bool>, Error> {
    match status.state? {
        ConnectionState::WriteTraffic(mut traffic) => {
            let written = match encode(&mut traffic, wire.free()) {
                Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) => {
                    wire.make_room(required_size);
                    encode(&mut traffic, wire.free())
                }
                other => other,
            };
            wire.advance(written.map_err(|_| Error::EncryptError)?)?;
            Ok(Some(true))
        }
        ConnectionState::EncodeTlsData(mut data) => {
            push_encoded(wire, |space| data.encode(space))?;
            Ok(None)
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Ok(None)
        }
        ConnectionState::PeerClosed => Ok(None),
        _ => Ok(Some(false)),
    }
}

/// What rustls has to say after an error.
fn push_alert<Data>(status: UnbufferedStatus<'_, '_, Data>, wire: &mut Wire) {
    if let Ok(ConnectionState::EncodeTlsData(mut data)) = status.state {
        // The connection is over in any case.
        let _ = push_encoded(wire, |space| data.encode(space));
    }
}

/// Whether a whole record stands at the front.
fn begins_with_record(bytes: &[u8]) -> bool {
    const HEADER_BYTES: usize = 5;
    let Some([_, _, _, high, low]) = bytes.first_chunk::<HEADER_BYTES>() else { return false };
    bytes.len() >= HEADER_BYTES + usize::from(u16::from_be_bytes([*high, *low]))
}

fn push_encoded(wire: &mut Wire, mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>) -> Result<(), Error> {
    let written = match encode(wire.free()) {
        Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => {
            wire.make_room(required_size);
            encode(wire.free())
        }
        other => other,
    };
    // With room enough, and asked once, it does not fail.
    wire.advance(written.map_err(|_| Error::EncryptError)?)
}
