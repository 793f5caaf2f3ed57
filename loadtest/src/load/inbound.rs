//! Answers as they come: cut into frames, small ones looked at where they were received, large ones read into one place.
//!
//! Owns what has come of an answer that is not whole.

use crate::error::{Error, Result};
use crate::wire;
use std::io::{ErrorKind, Read};

/// Bytes read at once while no large answer is coming.
const READ_BYTES: usize = 64 << 10;

/// The buffer that all connections of a thread share.
pub fn buffer() -> Vec<u8> {
    vec![0; READ_BYTES]
}

/// The answer that is coming.
#[derive(Default)]
pub struct Inbound {
    bytes: Vec<u8>,
    /// How many of them have come; the rest is room.
    filled: usize,
}

impl Inbound {
    /// Reads until the socket is empty; `take` gets each whole answer.
    pub fn read(
        &mut self,
        stream: &mut impl Read,
        buffer: &mut [u8],
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        loop {
            let room = self.room();
            let into_place = !room.is_empty();
            let place = if into_place { room } else { &mut *buffer };
            let length_max = place.len();
            let count = match stream.read(place) {
                Ok(0) => return Err(Error::new("a connection was closed under load")),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::new(format!("a connection failed under load: {error}"))),
            };
            if into_place {
                self.filled += count;
                if count == length_max {
                    take(&self.bytes)?;
                    self.filled = 0;
                }
            } else {
                self.cut(buffer.get(..count).unwrap_or_default(), &mut take)?;
            }
            // After a short read the socket is empty; edge-triggered, the next bytes bring an event.
            if count < length_max {
                return Ok(());
            }
        }
    }

    /// The place of the rest of an answer whose length is known.
    fn room(&mut self) -> &mut [u8] {
        if self.filled < 4 { &mut [] } else { self.bytes.get_mut(self.filled..).unwrap_or_default() }
    }

    fn cut(&mut self, mut bytes: &[u8], take: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if self.filled > 0 {
            // Fewer than four bytes were there: the length comes now.
            let (part, rest) = bytes.split_at(bytes.len().min(4 - self.filled));
            self.bytes.truncate(self.filled);
            self.bytes.extend_from_slice(part);
            self.filled += part.len();
            let Some(length) = wire::frame_bytes(&self.bytes).map_err(Error::new)? else { return Ok(()) };
            let (part, rest) = rest.split_at(rest.len().min(length - 4));
            self.bytes.extend_from_slice(part);
            self.filled += part.len();
            if self.filled < length {
                self.bytes.resize(length, 0);
                return Ok(());
            }
            take(&self.bytes)?;
            self.filled = 0;
            bytes = rest;
        }
        while let Some(length) = wire::frame_bytes(bytes).map_err(Error::new)? {
            let Some((frame, rest)) = bytes.split_at_checked(length) else {
                self.keep(bytes, length);
                return Ok(());
            };
            take(frame)?;
            bytes = rest;
        }
        self.keep(bytes, bytes.len());
        Ok(())
    }

    /// Keeps the beginning of an answer of this length.
    fn keep(&mut self, bytes: &[u8], length: usize) {
        // Room from an answer before is kept as it is: it is overwritten.
        if !bytes.is_empty() {
            self.bytes.resize(length, 0);
        }
        if let Some(place) = self.bytes.get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
        }
        self.filled = bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Gives one piece a read.
    struct Pieces(VecDeque<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let Some(mut piece) = self.0.pop_front() else { return Err(ErrorKind::WouldBlock.into()) };
            let count = piece.len().min(to.len());
            to[..count].copy_from_slice(&piece[..count]);
            if count < piece.len() {
                self.0.push_front(piece.split_off(count));
            }
            Ok(count)
        }
    }

    #[test]
    fn frames_cut_anywhere_come_out_whole_and_in_order() {
        let frame = |length: u32| {
            let body = (0..length).map(|at| at.to_le_bytes()[0]);
            length.to_be_bytes().into_iter().chain(body).collect::<Vec<u8>>()
        };
        let frames: Vec<Vec<u8>> = [4, 5, 900, 4, 70_000, 8, 200_000].map(frame).to_vec();
        let all = frames.concat();
        for piece in [1, 2, 3, 5, 7, 100, 4096, 65_536, 100_000, all.len()] {
            let mut pieces = Pieces(all.chunks(piece).map(<[u8]>::to_vec).collect());
            let (mut inbound, mut buffer, mut received) = (Inbound::default(), buffer(), Vec::new());
            while !pieces.0.is_empty() {
                let keep = |frame: &[u8]| {
                    received.push(frame.to_vec());
                    Ok(())
                };
                inbound.read(&mut pieces, &mut buffer, keep).unwrap();
            }
            assert!(received == frames, "pieces of {piece}");
        }
        let mut bad = Pieces(VecDeque::from([vec![0x7f, 0xff, 0xff, 0xff, 0]]));
        assert!(Inbound::default().read(&mut bad, &mut buffer(), |_| Ok(())).is_err());
    }
}
