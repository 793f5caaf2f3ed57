//! The ClientHello, and the host name that it asks for: read of the bytes that were kept, before any handshake.
//!
//! rustls wants its settings before it takes a byte, and our settings depend on the name. So the bytes are kept, read here,
//! and fed to rustls as they came, which reads them again and decides what is valid: what is not needed here is passed
//! over. The message may be cut into records in any way; nothing is allocated.

use super::alert::Alert;

/// Bytes that are kept for a ClientHello, its record headers among them: 64 KiB of message cut into records of 512 bytes
/// or more, and any shorter message in smaller ones.
pub const HELLO_BYTES_MAX: usize = (64 << 10) + (1 << 10);
/// Bytes of the longest host name, with a dot at its end.
const NAME_BYTES_MAX: usize = 254;
const RECORD_HEADER_BYTES: usize = 5;
/// RFC 8446, 5.1.
const RECORD_BYTES_MAX: usize = 1 << 14;
const HANDSHAKE_HEADER_BYTES: usize = 4;
/// The largest message that rustls takes.
const MESSAGE_BYTES_MAX: usize = 0xffff;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;

/// Whether the first byte of a connection can be TLS: no request of Kafka begins so, it would be longer than 369 MB.
pub fn begins_like_tls(first: u8) -> bool {
    first == HANDSHAKE
}

/// Why these bytes are no ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloFault {
    /// The first record is no handshake record, or of no version of TLS.
    NotTls,
    /// An empty record, or one longer than records are.
    RecordLength,
    /// A record of another kind stands inside the message.
    Interrupted,
    /// The first message is another one.
    NotAHello,
    /// The message, or what was kept for it, is longer than allowed.
    TooLong,
    /// A length inside the message is impossible.
    Malformed,
    /// The host name is no text, or there are two.
    ServerName,
}

impl HelloFault {
    /// The cause in logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            HelloFault::NotTls => "hello_not_tls",
            HelloFault::RecordLength => "hello_record_length",
            HelloFault::Interrupted => "hello_interrupted",
            HelloFault::NotAHello => "hello_another_message",
            HelloFault::TooLong => "hello_too_long",
            HelloFault::Malformed => "hello_malformed",
            HelloFault::ServerName => "hello_server_name",
        }
    }

    /// The alert that is sent to the client.
    pub fn alert(self) -> Alert {
        match self {
            HelloFault::NotTls | HelloFault::Interrupted | HelloFault::NotAHello => Alert::UnexpectedMessage,
            HelloFault::RecordLength | HelloFault::TooLong | HelloFault::Malformed => Alert::DecodeError,
            HelloFault::ServerName => Alert::IllegalParameter,
        }
    }
}

/// A whole ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The host name that is asked for. `None`: none, or an address, which is no host name.
    pub server_name: Option<RequestedName>,
}

/// A host name as the client wrote it: letters, digits, `-`, `_` and dots.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestedName {
    bytes: [u8; NAME_BYTES_MAX],
    length: u8,
}

impl RequestedName {
    /// Its bytes, as they came.
    pub fn as_bytes(&self) -> &[u8] {
        // Never longer than there is; and no name is nobody's.
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Its text, for logs: it holds nothing that could garble them.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl std::fmt::Debug for RequestedName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Reads a ClientHello while it arrives.
#[derive(Clone, Copy, Debug, Default)]
pub struct HelloReader {
    /// Kept bytes that were counted: whole records.
    counted: usize,
    /// Bytes of messages in them.
    message_bytes: usize,
}

impl HelloReader {
    /// Reads on in `kept`, which is everything that the client has sent so far; `None` where the message is not whole yet.
    /// Each record is counted once, and the message is read once, however it arrives.
    ///
    /// # Errors
    ///
    /// As soon as it is clear that no ClientHello comes.
    pub fn read(&mut self, kept: &[u8]) -> Result<Option<Hello>, HelloFault> {
        check_front(kept)?;
        // Who keeps less than before has kept nothing behind it.
        let mut behind = kept.get(self.counted..).unwrap_or_default();
        while let Some((record, rest)) = record(behind)? {
            behind = rest;
            self.counted += RECORD_HEADER_BYTES + record.len();
            self.message_bytes += record.len();
            if let Some(length) = message_length(kept, self.message_bytes)?
                && self.message_bytes >= HANDSHAKE_HEADER_BYTES + length
            {
                let mut body = Body { records: kept, part: &[], left: HANDSHAKE_HEADER_BYTES + length };
                body.skip(HANDSHAKE_HEADER_BYTES)?;
                return hello(body).map(Some);
            }
        }
        if kept.len() > HELLO_BYTES_MAX { Err(HelloFault::TooLong) } else { Ok(None) }
    }
}

/// What can be said before a record is whole.
fn check_front(kept: &[u8]) -> Result<(), HelloFault> {
    match kept {
        [] | [HANDSHAKE] | [HANDSHAKE, 3, ..] => {}
        [..] => return Err(HelloFault::NotTls),
    }
    match kept.get(RECORD_HEADER_BYTES) {
        Some(&CLIENT_HELLO) | None => Ok(()),
        Some(_) => Err(HelloFault::NotAHello),
    }
}

/// A part, and what is behind it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// The content of the record at the front of `bytes`, and what is behind it; `None` where it is not whole.
fn record(bytes: &[u8]) -> Result<Option<Split<'_>>, HelloFault> {
    match bytes {
        [] | [HANDSHAKE] | [HANDSHAKE, 3, ..] => {}
        [..] => return Err(HelloFault::Interrupted),
    }
    let Some(([_, _, _, high, low], behind)) = bytes.split_first_chunk::<RECORD_HEADER_BYTES>() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if !(1..=RECORD_BYTES_MAX).contains(&length) {
        return Err(HelloFault::RecordLength);
    }
    Ok(behind.split_at_checked(length))
}

/// The length of the first message, once `message_bytes` hold its header.
fn message_length(kept: &[u8], message_bytes: usize) -> Result<Option<usize>, HelloFault> {
    if message_bytes < HANDSHAKE_HEADER_BYTES {
        return Ok(None);
    }
    let mut body = Body { records: kept, part: &[], left: HANDSHAKE_HEADER_BYTES };
    let [_, b0, b1, b2] = body.array()?;
    let length = usize::try_from(u32::from_be_bytes([0, b0, b1, b2])).unwrap_or(usize::MAX);
    if length > MESSAGE_BYTES_MAX { Err(HelloFault::TooLong) } else { Ok(Some(length)) }
}

/// Bytes of a message over the records that hold it.
struct Body<'k> {
    /// From the next record on.
    records: &'k [u8],
    /// What is left of the current one.
    part: &'k [u8],
    /// Bytes of the message, or of what is read of it, that are left.
    left: usize,
}

impl Body<'_> {
    /// Takes up to `most` bytes that lie together; none only at the end.
    fn some(&mut self, most: usize) -> Result<&[u8], HelloFault> {
        while self.part.is_empty() {
            (self.part, self.records) = record(self.records)?.ok_or(HelloFault::Malformed)?;
        }
        let (some, rest) = self.part.split_at(most.min(self.part.len()));
        self.part = rest;
        Ok(some)
    }

    fn take(&mut self, count: usize) -> Result<(), HelloFault> {
        self.left = self.left.checked_sub(count).ok_or(HelloFault::Malformed)?;
        Ok(())
    }

    fn skip(&mut self, count: usize) -> Result<(), HelloFault> {
        self.take(count)?;
        let mut missing = count;
        while missing > 0 {
            missing -= self.some(missing)?.len();
        }
        Ok(())
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<(), HelloFault> {
        self.take(out.len())?;
        let mut missing = out;
        while !missing.is_empty() {
            let some = self.some(missing.len())?;
            let (here, behind) = missing.split_at_mut(some.len());
            here.copy_from_slice(some);
            missing = behind;
        }
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], HelloFault> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn u8(&mut self) -> Result<usize, HelloFault> {
        self.array().map(|[byte]| usize::from(byte))
    }

    fn u16(&mut self) -> Result<usize, HelloFault> {
        self.array().map(u16::from_be_bytes).map(usize::from)
    }

    /// Reads with `read` in the next `count` bytes alone; what it leaves of them is malformed.
    fn within<T>(
        &mut self,
        count: usize,
        read: impl FnOnce(&mut Self) -> Result<T, HelloFault>,
    ) -> Result<T, HelloFault> {
        let behind = self.left.checked_sub(count).ok_or(HelloFault::Malformed)?;
        self.left = count;
        let value = read(self)?;
        if self.left > 0 {
            return Err(HelloFault::Malformed);
        }
        self.left = behind;
        Ok(value)
    }
}

/// RFC 8446, 4.1.2.
fn hello(mut body: Body<'_>) -> Result<Hello, HelloFault> {
    const VERSION_AND_RANDOM_BYTES: usize = 34;
    body.skip(VERSION_AND_RANDOM_BYTES)?;
    let session_id = body.u8()?;
    body.skip(session_id)?;
    let suites = body.u16()?;
    body.skip(suites)?;
    let compressions = body.u8()?;
    body.skip(compressions)?;
    let mut server_name = None;
    if body.left > 0 {
        let extensions = body.u16()?;
        body.within(extensions, |body| {
            let mut seen = false;
            while body.left > 0 {
                let (kind, length) = (body.array().map(u16::from_be_bytes)?, body.u16()?);
                if kind != SERVER_NAME {
                    body.skip(length)?;
                } else if seen {
                    return Err(HelloFault::ServerName);
                } else {
                    seen = true;
                    server_name = body.within(length, read_server_name)?;
                }
            }
            Ok(())
        })?;
    }
    if body.left > 0 { Err(HelloFault::Malformed) } else { Ok(Hello { server_name }) }
}

/// RFC 6066, 3: a list of names, one for each kind, of which there is one.
fn read_server_name(body: &mut Body<'_>) -> Result<Option<RequestedName>, HelloFault> {
    let list = body.u16()?;
    body.within(list, |body| {
        let mut found = None;
        while body.left > 0 {
            if body.u8()? != usize::from(HOST_NAME) {
                // Of an unknown kind the length is unknown too.
                body.skip(body.left)?;
                break;
            }
            let length = body.u16()?;
            if found.is_some() {
                return Err(HelloFault::ServerName);
            }
            found = Some(read_host_name(body, length)?);
        }
        found.ok_or(HelloFault::ServerName)
    })
}

/// `None` where it is an address.
fn read_host_name(body: &mut Body<'_>, length: usize) -> Result<Option<RequestedName>, HelloFault> {
    let mut name = RequestedName { bytes: [0; NAME_BYTES_MAX], length: u8::try_from(length).unwrap_or(0) };
    let Some(bytes) = name.bytes.get_mut(..length) else { return Err(HelloFault::ServerName) };
    body.fill(bytes)?;
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let bytes = name.as_bytes();
    if let Ok(text) = std::str::from_utf8(bytes)
        && text.parse::<std::net::IpAddr>().is_ok()
    {
        return Ok(None);
    }
    let whole = bytes.strip_suffix(b".").unwrap_or(bytes);
    let right = bytes.iter().all(|byte| word(*byte)) && !whole.split(|byte| *byte == b'.').any(<[u8]>::is_empty);
    if right { Ok(Some(name)) } else { Err(HelloFault::ServerName) }
}
