//! The bytes that a socket did not take: copied once, sent before anything else.

use std::io::{self, IoSlice};

use crate::metrics::Cause;
use crate::net::{EmptyPipe, FullPipe, Socket, Then};
use crate::rewrite::Segment;
use crate::wire::{NoMemory, append, make_room};

/// Pieces given to the kernel in one call.
const PIECES_MAX: usize = 64;
/// Pieces that together are no longer than this are copied into one: the kernel takes one piece in fewer steps.
const GATHER_BYTES_MAX: usize = 16 << 10;

/// Why bytes were not sent.
pub(super) enum SendError {
    /// The socket fails.
    Socket(io::Error),
    /// The session must be closed with this cause: no memory for what must be kept, or no such bytes as are to be sent.
    Session(Cause),
}

impl From<io::Error> for SendError {
    fn from(error: io::Error) -> SendError {
        SendError::Socket(error)
    }
}

impl From<Cause> for SendError {
    fn from(cause: Cause) -> SendError {
        SendError::Session(cause)
    }
}

impl From<NoMemory> for SendError {
    fn from(error: NoMemory) -> SendError {
        SendError::Session(error.into())
    }
}

/// Bytes that wait for a socket. Holds no memory while empty.
#[derive(Default)]
pub(super) struct SendBuffer {
    bytes: Vec<u8>,
    sent: usize,
}

impl SendBuffer {
    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes of memory in use.
    pub fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Sends what waits; returns how much left.
    ///
    /// # Errors
    ///
    /// As send(2).
    pub fn flush(&mut self, socket: &Socket) -> io::Result<usize> {
        let mut left = 0;
        while let Some(rest) = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let n = socket.write(&[IoSlice::new(rest)], Then::Nothing)?;
            if n == 0 {
                return Ok(left);
            }
            self.sent += n;
            left += n;
        }
        *self = SendBuffer::default();
        Ok(left)
    }

    /// Sends segments of `input` and `new`, which `then` follows, and keeps what the socket does not take. Nothing may wait
    /// already. What `gather` held is lost.
    ///
    /// # Errors
    ///
    /// As send(2); `MemoryBudget` when there is none for what must be kept.
    pub fn send(
        &mut self,
        socket: &Socket,
        segments: &[Segment],
        (input, new): (&[u8], &[u8]),
        gather: &mut Vec<u8>,
        then: Then,
    ) -> Result<usize, SendError> {
        let slice = |segment: &Segment| {
            let bytes = match segment {
                Segment::Input(range) => input.get(range.clone()),
                Segment::New(range) => new.get(range.clone()),
            };
            bytes.ok_or(Cause::Internal)
        };
        match segments {
            [] => return Ok(0),
            [only] => return self.send_one(socket, slice(only)?, then),
            _ if gathered(segments.iter().map(slice), gather)? => return self.send_one(socket, gather, then),
            _ => {}
        }
        let mut left = 0;
        let mut rest = segments;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PIECES_MAX));
            let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
            let mut wanted = 0;
            for (piece, segment) in pieces.iter_mut().zip(now) {
                *piece = IoSlice::new(slice(segment)?);
                wanted += piece.len();
            }
            let n = socket.write(pieces.get(..now.len()).ok_or(Cause::Internal)?, then)?;
            left += n;
            if n < wanted {
                self.keep(now.iter().chain(later).map(slice), n)?;
                return Ok(left);
            }
            rest = later;
        }
        Ok(left)
    }

    fn send_one(&mut self, socket: &Socket, bytes: &[u8], then: Then) -> Result<usize, SendError> {
        let n = socket.write(&[IoSlice::new(bytes)], then)?;
        if n != bytes.len() {
            append(&mut self.bytes, bytes.get(n..).ok_or(Cause::Internal)?)?;
        }
        Ok(n)
    }

    /// Keeps what a pipe holds, and gives the pipe back. Nothing may wait already.
    ///
    /// # Errors
    ///
    /// As read(2); `OutOfMemory` when there is none for it.
    pub fn keep_pipe(&mut self, pipe: FullPipe) -> io::Result<EmptyPipe> {
        make_room(&mut self.bytes, pipe.bytes())?;
        pipe.read_back(&mut self.bytes)
    }

    fn keep<'a>(
        &mut self,
        pieces: impl Iterator<Item = Result<&'a [u8], Cause>>,
        mut skip: usize,
    ) -> Result<(), SendError> {
        for piece in pieces {
            let piece = piece?;
            // Of one that was sent whole nothing is left.
            if let Some(rest) = piece.get(skip..) {
                append(&mut self.bytes, rest)?;
            }
            skip = skip.saturating_sub(piece.len());
        }
        Ok(())
    }
}

/// Copies the pieces into one, unless they are too long together.
fn gathered<'a>(pieces: impl Iterator<Item = Result<&'a [u8], Cause>>, gather: &mut Vec<u8>) -> Result<bool, Cause> {
    gather.clear();
    for piece in pieces {
        let piece = piece?;
        if gather.len() + piece.len() > GATHER_BYTES_MAX {
            return Ok(false);
        }
        gather.extend_from_slice(piece);
    }
    Ok(true)
}
