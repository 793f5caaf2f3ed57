//! A connection as sessions and backends use it: plaintext, whether TLS is below it or not.

use std::cell::{Ref, RefCell};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};

use super::raw::Raw;
use super::secure::Secure;
use super::{Net, Then};
use crate::tls::TlsConnection;

/// A connection on the shard's ring. Dropping it closes it.
pub struct Socket {
    raw: Raw,
    /// `None`: plain. A pointer, so that a plain connection is no larger.
    secure: Option<Box<RefCell<Secure>>>,
}

impl Socket {
    /// Takes a non-blocking connection that a client opened.
    pub fn of_client(net: &Net, stream: TcpStream) -> Socket {
        Socket { raw: Raw::of_client(net, stream), secure: None }
    }

    /// Connects to a backend address; to be bounded in time by the caller.
    ///
    /// # Errors
    ///
    /// As connect(2), and `EMFILE` when no descriptor is left.
    pub async fn connect(net: &Net, address: SocketAddr) -> io::Result<Socket> {
        Ok(Socket { raw: Raw::connect(net, address).await?, secure: None })
    }

    /// Speaks TLS from now on, as the side that `tls` is; `first` is what was read before and belongs to it.
    /// [`Socket::handshake`] comes next.
    pub fn begin_tls(&mut self, tls: TlsConnection, first: Vec<u8>) {
        self.secure = Some(Box::new(RefCell::new(Secure::new(tls, first))));
    }

    /// Speaks TLS no more: what is read from now on is what came. For a connection that is to be closed.
    pub fn end_tls(&mut self) {
        self.secure = None;
    }

    /// Waits until the TLS handshake is done; to be bounded in time by the caller. Takes its turn with the other handshakes of
    /// the shard.
    ///
    /// # Errors
    ///
    /// As recv(2) and send(2); `UnexpectedEof` when the other side ended the connection; `InvalidData` with a
    /// [`crate::tls::Fault`] inside, after an alert was sent to the other side.
    pub async fn handshake(&self) -> io::Result<()> {
        let Some(secure) = &self.secure else { return Ok(()) };
        let mut position = None;
        poll_fn(|cx| {
            self.raw.register(cx);
            secure.borrow_mut().poll_handshake(&self.raw, &mut position, cx)
        })
        .await
    }

    /// The TLS connection; `None` on a plain connection.
    pub fn tls(&self) -> Option<Ref<'_, TlsConnection>> {
        self.secure.as_ref().map(|secure| Ref::map(secure.borrow(), Secure::tls))
    }

    /// Bytes pass through TLS, so that none may pass unread.
    pub fn is_secure(&self) -> bool {
        self.secure.is_some()
    }

    /// Bytes of memory that wait in it, for records that are not whole or have not left.
    pub fn held_bytes(&self) -> usize {
        self.secure.as_ref().map_or(0, |secure| secure.borrow().held_bytes())
    }

    /// Wakes the task of `cx` at the next change of readiness.
    pub fn register(&self, cx: &Context<'_>) {
        self.raw.register(cx);
    }

    /// Reads what is there; `None`: nothing for now.
    ///
    /// # Errors
    ///
    /// As recv(2), and `InvalidData` with a [`crate::tls::Fault`] inside.
    pub fn read(&self, into: &mut [u8]) -> Option<io::Result<usize>> {
        match &self.secure {
            None => self.raw.read(into),
            Some(secure) => secure.borrow_mut().read(&self.raw, into),
        }
    }

    /// The next read may bring something.
    pub fn is_readable(&self) -> bool {
        match &self.secure {
            None => self.raw.is_readable(),
            Some(secure) => secure.borrow().is_readable(&self.raw),
        }
    }

    /// Writes as much as the socket takes; 0: nothing for now. What was not taken must come first in the next call: TLS may
    /// have made a record of it that waits for room.
    ///
    /// # Errors
    ///
    /// As send(2), and `InvalidData` with a [`crate::tls::Fault`] inside.
    pub fn write(&self, pieces: &[IoSlice<'_>], then: Then) -> io::Result<usize> {
        match &self.secure {
            None => self.raw.write(pieces, then),
            Some(secure) => secure.borrow_mut().write(&self.raw, pieces),
        }
    }

    /// Moves at most `bytes` of what is there into an empty pipe; `None`: nothing for now.
    ///
    /// # Errors
    ///
    /// As splice(2); `InvalidInput` where the bytes are not those that were sent.
    pub(super) fn splice_into(&self, pipe: BorrowedFd<'_>, bytes: usize) -> Option<io::Result<usize>> {
        match &self.secure {
            None => self.raw.splice_into(pipe, bytes),
            Some(_) => Some(Err(io::ErrorKind::InvalidInput.into())),
        }
    }

    /// Moves `bytes`, all that a pipe holds, or fewer; 0: the socket takes nothing for now.
    ///
    /// # Errors
    ///
    /// As splice(2); `InvalidInput` where nobody would understand them.
    pub(super) fn splice_from(&self, pipe: BorrowedFd<'_>, bytes: usize, then: Then) -> io::Result<usize> {
        match &self.secure {
            None => self.raw.splice_from(pipe, bytes, then),
            Some(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// About how much the socket takes now.
    pub fn room(&self) -> usize {
        self.raw.room()
    }

    /// Ends the direction away from us; what was written still arrives.
    pub fn end_writing(&self) {
        if let Some(secure) = &self.secure {
            secure.borrow_mut().send_close_notify(&self.raw);
        }
        self.raw.end_writing();
    }

    /// Waits until a read may bring something.
    pub async fn readable(&self) {
        poll_fn(|cx| {
            self.register(cx);
            if self.is_readable() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Waits until a write may take something.
    pub async fn writable(&self) {
        poll_fn(|cx| self.raw.poll_writable(cx)).await;
    }

    /// The other side's address, for the log.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.raw.peer()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(secure) = &mut self.secure {
            secure.get_mut().send_close_notify(&self.raw);
        }
    }
}
