//! Frames on their way out: small ones are gathered and leave in one write, as clients and brokers do; the body of a
//! large one is shared by all frames that have it and is never copied.
//!
//! Owns the order of the bytes and how many of them have left.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Write};
use std::sync::Arc;

/// Bodies up to here are copied among the small frames.
const COPIED_BYTES_MAX: usize = 16 << 10;
/// Bytes that have left are forgotten from here on.
const LEFT_BYTES_MAX: usize = 256 << 10;
/// Slices of one write.
const SLICES: usize = 16;

/// What has not left yet.
#[derive(Default)]
pub struct Outbound {
    /// Small frames, and the heads of large ones.
    bytes: Vec<u8>,
    /// How many of `bytes` have left.
    at: usize,
    /// Bodies: each follows after so many of `bytes`.
    bodies: VecDeque<(usize, Arc<[u8]>)>,
    /// How much of the first body has left.
    body_at: usize,
}

impl Outbound {
    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.at == self.bytes.len() && self.bodies.is_empty()
    }

    /// Adds bytes; what is returned are all gathered ones, these at the end.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Where the next bytes will stand, for [`Outbound::since`].
    pub fn mark(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes added since a mark, to put numbers into them. They must not be written in between.
    pub fn since(&mut self, mark: usize) -> &mut [u8] {
        self.bytes.get_mut(mark..).unwrap_or_default()
    }

    /// Direct access for a writer of small frames.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Adds a body.
    pub fn body(&mut self, body: &Arc<[u8]>) {
        if body.len() <= COPIED_BYTES_MAX {
            self.bytes.extend_from_slice(body);
        } else {
            self.bodies.push_back((self.bytes.len(), Arc::clone(body)));
        }
    }

    /// Writes what the socket takes; returns whether everything has left.
    pub fn flush(&mut self, stream: &mut impl Write) -> std::io::Result<bool> {
        while !self.is_empty() {
            let outcome = if self.bodies.is_empty() {
                stream.write(self.bytes.get(self.at..).unwrap_or_default())
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let count = self.slices(&mut slices);
                stream.write_vectored(slices.get(..count).unwrap_or_default())
            };
            match outcome {
                Ok(count) => self.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.forget();
                    return Ok(false);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.clear();
        self.at = 0;
        Ok(true)
    }

    fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
        let (mut at, mut body_at, mut count) = (self.at, self.body_at, 0);
        let mut add = |slice: &'a [u8]| {
            if !slice.is_empty()
                && let Some(place) = slices.get_mut(count)
            {
                *place = IoSlice::new(slice);
                count += 1;
            }
        };
        for (after, body) in self.bodies.iter().take(SLICES / 2) {
            add(self.bytes.get(at..*after).unwrap_or_default());
            add(body.get(body_at..).unwrap_or_default());
            (at, body_at) = (*after, 0);
        }
        if self.bodies.len() < SLICES / 2 {
            add(self.bytes.get(at..).unwrap_or_default());
        }
        count
    }

    fn advance(&mut self, mut count: usize) {
        while count > 0 {
            let Some((after, body)) = self.bodies.front() else {
                self.at += count;
                return;
            };
            if self.at < *after {
                let part = count.min(after - self.at);
                self.at += part;
                count -= part;
            } else {
                let part = count.min(body.len() - self.body_at);
                self.body_at += part;
                count -= part;
                if self.body_at == body.len() {
                    self.bodies.pop_front();
                    self.body_at = 0;
                }
            }
        }
    }

    /// Forgets what has left, so that a slow reader does not make this grow for ever.
    fn forget(&mut self) {
        if self.at > LEFT_BYTES_MAX {
            self.bytes.drain(..self.at);
            for (after, _) in &mut self.bodies {
                *after -= self.at;
            }
            self.at = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at most so many bytes a call, then none, then some again.
    struct Slow {
        got: Vec<u8>,
        each: usize,
        blocked: bool,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.blocked = !self.blocked;
            if self.blocked {
                return Err(ErrorKind::WouldBlock.into());
            }
            let count = bytes.len().min(self.each);
            self.got.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> std::io::Result<usize> {
            self.write(&slices.iter().flat_map(|slice| slice.to_vec()).collect::<Vec<u8>>())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_order_holds_however_little_the_socket_takes() {
        let small: Arc<[u8]> = vec![1; 10].into();
        for each in [1000, 40_000, 1 << 20] {
            let (mut out, mut expected) = (Outbound::default(), Vec::new());
            let mut socket = Slow { got: Vec::new(), each, blocked: false };
            for number in 0..40_u8 {
                let large: Arc<[u8]> = vec![number; 20_000 + usize::from(number)].into();
                for (head, body) in [(&[number, 0][..], &small), (&[number, 1][..], &large)] {
                    out.push(head);
                    out.body(body);
                    expected.extend_from_slice(head);
                    expected.extend_from_slice(body);
                }
                out.flush(&mut socket).unwrap();
            }
            while !out.flush(&mut socket).unwrap() {}
            assert!(out.is_empty());
            assert!(socket.got == expected, "{each}");
        }
    }
}
