//! The bytes that a socket did not take: copied once, sent before anything else.

use std::io::{self, IoSlice};

use crate::frame::{NoMemory, append, make_room};
use crate::net::{EmptyPipe, FullPipe, Socket, Then};
use crate::rewrite::Segment;

/// Pieces given to the kernel in one call.
const PIECES_MAX: usize = 64;
/// Pieces that together are no longer than this are copied into one: the kernel takes one piece in fewer steps.
const GATHER_BYTES_MAX: usize = 16 << 10;

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
    /// As send(2); `OutOfMemory` when there is none for what must be kept.
    pub fn send(
        &mut self,
        socket: &Socket,
        segments: &[Segment],
        (input, new): (&[u8], &[u8]),
        gather: &mut Vec<u8>,
        then: Then,
    ) -> io::Result<usize> {
        let slice = |segment: &Segment| match segment {
            Segment::Input(range) => input.get(range.clone()).unwrap_or_default(),
            Segment::New(range) => new.get(range.clone()).unwrap_or_default(),
        };
        match segments {
            [] => return Ok(0),
            [only] => return self.send_one(socket, slice(only), then),
            _ if gathered(segments.iter().map(slice), gather) => return self.send_one(socket, gather, then),
            _ => {}
        }
        let mut left = 0;
        let mut rest = segments;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PIECES_MAX));
            let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
            let mut wanted = 0;
            for (piece, segment) in pieces.iter_mut().zip(now) {
                *piece = IoSlice::new(slice(segment));
                wanted += piece.len();
            }
            let n = socket.write(pieces.get(..now.len()).unwrap_or_default(), then)?;
            left += n;
            if n < wanted {
                self.keep(now.iter().chain(later).map(slice), n)?;
                return Ok(left);
            }
            rest = later;
        }
        Ok(left)
    }

    fn send_one(&mut self, socket: &Socket, bytes: &[u8], then: Then) -> io::Result<usize> {
        let n = socket.write(&[IoSlice::new(bytes)], then)?;
        if n < bytes.len() {
            append(&mut self.bytes, bytes.get(n..).unwrap_or_default())?;
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

    fn keep<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>, mut skip: usize) -> Result<(), NoMemory> {
        for piece in pieces {
            append(&mut self.bytes, piece.get(skip..).unwrap_or_default())?;
            skip = skip.saturating_sub(piece.len());
        }
        Ok(())
    }
}

/// Copies the pieces into one, unless they are too long together.
fn gathered<'a>(pieces: impl Iterator<Item = &'a [u8]>, gather: &mut Vec<u8>) -> bool {
    gather.clear();
    for piece in pieces {
        if gather.len() + piece.len() > GATHER_BYTES_MAX {
            return false;
        }
        gather.extend_from_slice(piece);
    }
    true
}
