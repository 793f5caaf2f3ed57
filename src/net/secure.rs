//! TLS on a connection: ciphertext below, plaintext above.
//!
//! Owns what a connection must keep from turn to turn: a record that came in part, plaintext that found no room, ciphertext
//! that the socket did not take. Each is bounded, and takes no memory while there is none. The space to work in belongs
//! to the shard. May not know what the plaintext means.

use std::io::{self, IoSlice, Read as _};
use std::task::{Context, Poll};

use super::Then;
use super::handshake_limiter::QueuePosition;
use super::raw::Raw;
use crate::tls::{
    CIPHERTEXT_BYTES_MAX, Fault, GATHER_BYTES_MAX, HELLO_BYTES_MAX, Plaintext, RECORD_BYTES_MAX, TlsConnection, Wire,
};

/// Ciphertext that is taken from a socket at once, the part of a record before it included.
const INPUT_BYTES_MAX: usize = 256 << 10;
/// The same during a handshake, whose messages must lie together. Also what a client may let us keep of them.
const HANDSHAKE_BYTES_MAX: usize = HELLO_BYTES_MAX + RECORD_BYTES_MAX;
/// Records that are made before the socket is offered them: what it then does not take waits in the connection.
const RECORDS_AT_ONCE: usize = 4;
/// Reads in one call that bring no plaintext: records may be empty.
const READS_MAX: usize = 4;

/// The space of one shard to work in. Nothing is left in it between two calls; plain connections do not need it.
#[derive(Default)]
pub(super) struct Space {
    input: Vec<u8>,
    wire: Wire,
    gather: Vec<u8>,
}

impl Space {
    fn input(&mut self, bytes: usize) -> (&mut [u8], &mut Wire) {
        if self.input.len() < bytes {
            self.input.resize(bytes, 0);
        }
        self.wire.clear();
        (self.input.get_mut(..bytes).unwrap_or_default(), &mut self.wire)
    }

    fn output(&mut self) -> (&mut Wire, &mut Vec<u8>) {
        if self.wire.filled().len() + self.wire.room() < RECORDS_AT_ONCE * CIPHERTEXT_BYTES_MAX {
            self.wire = Wire::with_room(RECORDS_AT_ONCE * CIPHERTEXT_BYTES_MAX);
            self.gather.reserve_exact(GATHER_BYTES_MAX);
        }
        self.wire.clear();
        (&mut self.wire, &mut self.gather)
    }
}

/// TLS of one connection.
pub(super) struct Secure {
    tls: TlsConnection,
    /// Bytes of a record, or during the handshake of a message, that is not whole.
    partial: Vec<u8>,
    /// They were not given to the TLS connection yet. Of our own side of a handshake none are needed.
    fresh: bool,
    /// Plaintext that found no room, and how much of it has been delivered since.
    plain: Vec<u8>,
    delivered: usize,
    /// Ciphertext that the socket did not take, and how much of it has left since.
    unsent: Vec<u8>,
    sent: usize,
    /// Plaintext in it that was not reported to the caller as written.
    promised: usize,
    end: Option<End>,
    /// We have sent close_notify, or another alert.
    close_notify_sent: bool,
}

/// Why nothing more can be read.
#[derive(Clone, Copy)]
enum End {
    Closed,
    Fault(Fault),
    Broken(io::ErrorKind),
}

impl Secure {
    /// Begins with what was read already.
    pub fn new(tls: TlsConnection, first: Vec<u8>) -> Secure {
        Secure {
            tls,
            partial: first,
            fresh: true,
            plain: Vec::new(),
            delivered: 0,
            unsent: Vec::new(),
            sent: 0,
            promised: 0,
            end: None,
            close_notify_sent: false,
        }
    }

    /// What was agreed on.
    pub fn tls(&self) -> &TlsConnection {
        &self.tls
    }

    /// Bytes of memory in use beside the keys.
    pub fn held_bytes(&self) -> usize {
        self.partial.capacity() + self.plain.capacity() + self.unsent.capacity()
    }

    /// Continues the handshake; ready when it is done and all our messages are sent.
    pub fn poll_handshake(
        &mut self,
        raw: &Raw,
        position: &mut QueuePosition,
        cx: &Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if !self.flush(raw)? {
                return Poll::Pending;
            }
            match self.end {
                // The handshake is done, and an end came behind it in the same read: the next read returns it.
                Some(_) if !self.tls.is_handshaking() => return Poll::Ready(Ok(())),
                Some(End::Closed) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Some(end) => return Poll::Ready(end.into_result().map(drop)),
                None if !self.tls.is_handshaking() => return Poll::Ready(Ok(())),
                None if !self.fresh && !raw.is_readable() => return Poll::Pending,
                None => {}
            }
            std::task::ready!(raw.net().0.handshake_limiter.poll_permit(position, cx));
            if self.pull(raw, &mut []).is_none() {
                return Poll::Pending;
            }
        }
    }

    /// The next [`Secure::read`] may bring something, or send something of our own.
    pub fn is_readable(&self, raw: &Raw) -> bool {
        let speaks = self.promised == 0 && !self.unsent.is_empty() && raw.is_writable();
        raw.is_readable() || !self.plain.is_empty() || self.end.is_some() || speaks
    }

    /// As [`Raw::read`].
    pub fn read(&mut self, raw: &Raw, into: &mut [u8]) -> Option<io::Result<usize>> {
        if !self.unsent.is_empty() {
            // What rustls sends by itself must not pile up because the other side does not read it.
            let _ = self.flush(raw);
            if self.unsent.len() - self.sent > RECORDS_AT_ONCE * CIPHERTEXT_BYTES_MAX {
                return None;
            }
        }
        for _ in 0..READS_MAX {
            if !self.plain.is_empty() {
                return Some(self.deliver(into));
            }
            if let Some(end) = self.end {
                return Some(end.into_result());
            }
            match self.pull(raw, into)? {
                0 => {}
                n => return Some(Ok(n)),
            }
        }
        raw.wake_again();
        None
    }

    /// As [`Raw::write`]. What waits for room in the socket is not reported as written before it is sent.
    pub fn write(&mut self, raw: &Raw, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        if !self.flush(raw)? {
            return Ok(0);
        }
        let wanted: usize = pieces.iter().map(|piece| piece.len()).sum();
        let mut done = wanted.min(self.promised);
        self.promised -= done;
        let mut space = raw.net().0.space.borrow_mut();
        while done < wanted && raw.is_writable() {
            let (wire, gather) = space.output();
            let taken = self.tls.send(behind(pieces, done), gather, wire);
            self.push(raw, wire.filled())?;
            let taken = taken.map_err(|fault| self.fail(fault))?;
            if !self.unsent.is_empty() {
                self.promised = taken;
                break;
            }
            done += taken;
            if taken == 0 {
                break;
            }
        }
        Ok(done)
    }

    /// Sends close_notify, after a handshake and where the socket takes it.
    pub fn send_close_notify(&mut self, raw: &Raw) {
        if std::mem::replace(&mut self.close_notify_sent, true) || self.tls.is_handshaking() {
            return;
        }
        // Borrowed only while a panic unwinds: then nothing is to be sent.
        let Ok(mut space) = raw.net().0.space.try_borrow_mut() else { return };
        if matches!(self.flush(raw), Ok(true)) {
            let (wire, _) = space.output();
            if self.tls.close(wire).is_ok() {
                let _ = raw.write(&[IoSlice::new(wire.filled())], Then::Nothing);
            }
        }
    }

    /// One read from the socket, of which plaintext goes to `into`, and behind it to what is kept; `None`: nothing for now.
    fn pull(&mut self, raw: &Raw, into: &mut [u8]) -> Option<usize> {
        let mut space = raw.net().0.space.borrow_mut();
        let bytes = match self.tls.is_handshaking() {
            true => HANDSHAKE_BYTES_MAX,
            false => into.len().clamp(RECORD_BYTES_MAX, INPUT_BYTES_MAX),
        };
        let (input, wire) = space.input(bytes);
        let Some((front, room)) = input.split_at_mut_checked(self.partial.len()).filter(|(_, room)| !room.is_empty())
        else {
            self.end = Some(End::Fault(Fault::RecordInvalid));
            return Some(0);
        };
        let read = if std::mem::take(&mut self.fresh) { 0 } else { self.read_raw(raw, room)? };
        if self.end.is_some() {
            return Some(0);
        }
        front.copy_from_slice(&self.partial);
        let whole = front.len() + read;
        let mut plain = Halves { into, filled: 0, kept: &mut self.plain };
        let received = match input.get_mut(..whole) {
            Some(input) => self.tls.receive(input, &mut plain, wire),
            None => Err(Fault::Internal),
        };
        let filled = plain.filled;
        if self.push(raw, wire.filled()).is_err() {
            // A connection that takes nothing more returns an error, or ends, when it is read.
            self.unsent = Vec::new();
        }
        match received {
            Ok(received) => match input.get(received.consumed..whole) {
                Some(rest) => {
                    self.keep(rest);
                    if received.closed {
                        self.end = Some(End::Closed);
                    }
                }
                None => drop(self.fail(Fault::Internal)),
            },
            Err(fault) => drop(self.fail(fault)),
        }
        Some(filled)
    }

    /// Reads ciphertext; an end or an error is noted instead.
    fn read_raw(&mut self, raw: &Raw, room: &mut [u8]) -> Option<usize> {
        match raw.read(room)? {
            Ok(0) => self.end = Some(End::Closed),
            Ok(n) => return Some(n),
            Err(error) => self.end = Some(End::Broken(error.kind())),
        }
        Some(0)
    }

    fn fail(&mut self, fault: Fault) -> io::Error {
        // rustls has put an alert behind what was received, where one belongs.
        (self.end, self.close_notify_sent) = (Some(End::Fault(fault)), true);
        self.partial = Vec::new();
        io::Error::new(io::ErrorKind::InvalidData, fault)
    }

    /// Keeps `rest` as what is not whole.
    fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.partial = Vec::new();
        } else {
            self.partial.clear();
            self.partial.reserve_exact(rest.len());
            self.partial.extend_from_slice(rest);
        }
    }

    fn deliver(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(mut rest) = self.plain.get(self.delivered..) else { return Err(self.fail(Fault::Internal)) };
        let n = rest.read(into)?;
        self.delivered += n;
        if self.delivered == self.plain.len() {
            (self.plain, self.delivered) = (Vec::new(), 0);
        }
        Ok(n)
    }

    /// Sends ciphertext behind what waits, and keeps what the socket does not take.
    fn push(&mut self, raw: &Raw, wire: &[u8]) -> io::Result<()> {
        let n = if wire.is_empty() || !self.unsent.is_empty() {
            0
        } else {
            raw.write(&[IoSlice::new(wire)], Then::Nothing)?
        };
        let rest = wire.get(n..).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, Fault::Internal))?;
        self.unsent.extend_from_slice(rest);
        Ok(())
    }

    /// Sends what waits; returns whether all is sent.
    fn flush(&mut self, raw: &Raw) -> io::Result<bool> {
        while let Some(rest) = self.unsent.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match raw.write(&[IoSlice::new(rest)], Then::Nothing)? {
                0 => return Ok(false),
                n => self.sent += n,
            }
        }
        (self.unsent, self.sent) = (Vec::new(), 0);
        Ok(true)
    }
}

impl End {
    fn into_result(self) -> io::Result<usize> {
        match self {
            End::Closed => Ok(0),
            End::Fault(fault) => Err(io::Error::new(io::ErrorKind::InvalidData, fault)),
            End::Broken(kind) => Err(kind.into()),
        }
    }
}

/// Plaintext that fills the caller's buffer, and goes behind what is kept where that is full.
struct Halves<'a> {
    into: &'a mut [u8],
    filled: usize,
    kept: &'a mut Vec<u8>,
}

impl Plaintext for Halves<'_> {
    fn push(&mut self, bytes: &[u8]) {
        let room = self.into.get_mut(self.filled..).unwrap_or_default();
        let (now, later) = bytes.split_at(bytes.len().min(room.len()));
        if let Some(room) = room.get_mut(..now.len()) {
            room.copy_from_slice(now);
        }
        self.filled += now.len();
        self.kept.extend_from_slice(later);
    }
}

/// What lies behind the first `skip` bytes of the pieces.
fn behind<'p>(pieces: &'p [IoSlice<'_>], mut skip: usize) -> impl Iterator<Item = &'p [u8]> {
    pieces.iter().map(move |piece| {
        let (skipped, rest) = piece.split_at(skip.min(piece.len()));
        skip -= skipped.len();
        rest
    })
}

#[cfg(test)]
#[path = "secure_tests.rs"]
mod tests;
