//! A connection as the kernel has it: bytes, readiness, pipes. Knows nothing of TLS.

use std::future::poll_fn;
use std::io::{self, IoSlice, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, TcpKeepalive, Type};

use super::Net;
use super::driver::Slot;
use crate::sys::{self, Then};

/// Keepalive probes begin after this, and follow each other in this distance.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// So many unanswered probes break a connection.
const KEEPALIVE_PROBES: u32 = 3;
/// A backend that acknowledges nothing for so long is gone. Not set towards clients: it also kills a peer whose window
/// is closed because it reads slowly.
const BACKEND_USER_TIMEOUT: Duration = Duration::from_secs(30);

/// A TCP connection on the shard's ring. Dropping it closes it.
pub(super) struct Raw {
    stream: TcpStream,
    slot: Rc<Slot>,
    net: Net,
}

impl Raw {
    /// Takes a non-blocking connection that a client opened.
    pub fn of_client(net: &Net, stream: TcpStream) -> Raw {
        // Options that fail leave a connection that works, and one that is broken says so when it is read.
        let _ = stream.set_nodelay(true);
        set_keepalive(&stream);
        keep_urgent_in_line(&stream);
        let slot = net.add_poll(stream.as_fd());
        Raw { stream, slot, net: net.clone() }
    }

    /// Connects to a backend address; to be bounded in time by the caller.
    ///
    /// # Errors
    ///
    /// As connect(2), and `EMFILE` when no descriptor is left.
    pub async fn connect(net: &Net, address: SocketAddr) -> io::Result<Raw> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = socket2::Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        let stream = TcpStream::from(socket);
        let slot = net.add_poll(stream.as_fd());
        let socket = Raw { stream, slot, net: net.clone() };
        poll_fn(|cx| socket.poll_writable(cx)).await;
        if let Some(error) = socket.stream.take_error()? {
            return Err(error);
        }
        socket.stream.peer_addr()?;
        let _ = socket.stream.set_nodelay(true);
        let _ = SockRef::from(&socket.stream).set_tcp_user_timeout(Some(BACKEND_USER_TIMEOUT));
        set_keepalive(&socket.stream);
        keep_urgent_in_line(&socket.stream);
        Ok(socket)
    }

    /// Wakes the task of `cx` at the next change of readiness.
    pub fn register(&self, cx: &Context<'_>) {
        self.slot.register(cx.waker());
        if self.slot.ended.get() {
            self.net.arm_again(&self.slot, self.stream.as_fd());
            cx.waker().wake_by_ref();
        }
    }

    /// Reads what is there; `None`: nothing for now.
    ///
    /// # Errors
    ///
    /// As recv(2).
    pub fn read(&self, into: &mut [u8]) -> Option<io::Result<usize>> {
        let ready = self.slot.ready.get();
        if !ready.readable {
            return None;
        }
        match (&self.stream).read(into) {
            Ok(n) => {
                // A short read has emptied the socket; what comes later is reported by the ring. An end is reported
                // only once.
                if n < into.len() && !ready.ended {
                    self.clear_readable();
                }
                Some(Ok(n))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_readable();
                None
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Moves at most `bytes` of what is there into an empty pipe; `None`: nothing for now.
    ///
    /// # Errors
    ///
    /// As splice(2).
    pub fn splice_into(&self, pipe: BorrowedFd<'_>, bytes: usize) -> Option<io::Result<usize>> {
        if !self.slot.ready.get().readable {
            return None;
        }
        match sys::splice(self.stream.as_fd(), pipe, bytes, Then::Nothing) {
            // The pipe is empty, so that it is the socket that has nothing. A short move, in contrast, means nothing:
            // the pipe takes a number of pieces, however small these are.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_readable();
                None
            }
            moved => Some(moved),
        }
    }

    /// Moves `bytes`, all that a pipe holds, or fewer; 0: the socket takes nothing for now.
    ///
    /// # Errors
    ///
    /// As splice(2).
    pub fn splice_from(&self, pipe: BorrowedFd<'_>, bytes: usize, then: Then) -> io::Result<usize> {
        if !self.slot.ready.get().writable {
            return Ok(0);
        }
        match sys::splice(pipe, self.stream.as_fd(), bytes, then) {
            // The pipe holds bytes, so that it is the socket that takes none. A short move, in contrast, means nothing: the
            // kernel ends it as well when the thread is to be notified of something, a timer of its executor for one
            // (splice_to_socket looks at signal_pending, and TIF_NOTIFY_SIGNAL counts). Taken for a full socket it would be
            // waited for without end: only a socket that was full says when it has room.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_writable();
                Ok(0)
            }
            moved => moved,
        }
    }

    /// About how much the socket takes now: the send buffer's size without what the other side has not acknowledged.
    pub fn room(&self) -> usize {
        let buffer = SockRef::from(&self.stream).send_buffer_size().unwrap_or(0);
        buffer.saturating_sub(sys::bytes_unacknowledged(&self.stream).unwrap_or(buffer))
    }

    fn clear_readable(&self) {
        let mut ready = self.slot.ready.get();
        ready.readable = false;
        self.slot.ready.set(ready);
    }

    fn clear_writable(&self) {
        let mut ready = self.slot.ready.get();
        ready.writable = false;
        self.slot.ready.set(ready);
    }

    /// The next read may bring something.
    pub fn is_readable(&self) -> bool {
        self.slot.ready.get().readable
    }

    /// Writes as much as the socket takes; 0: nothing for now.
    ///
    /// # Errors
    ///
    /// As send(2).
    pub fn write(&self, pieces: &[IoSlice<'_>], then: Then) -> io::Result<usize> {
        if !self.slot.ready.get().writable {
            return Ok(0);
        }
        let flags = libc::MSG_NOSIGNAL | if then == Then::More { libc::MSG_MORE } else { 0 };
        let socket = SockRef::from(&self.stream);
        let written = match pieces {
            [piece] => socket.send_with_flags(piece, flags),
            pieces => socket.send_vectored_with_flags(pieces, flags),
        };
        let wanted: usize = pieces.iter().map(|piece| piece.len()).sum();
        let blocked = match &written {
            Ok(n) => *n < wanted,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        if blocked {
            self.clear_writable();
        }
        match written {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
            written => written,
        }
    }

    /// Ends the direction away from us; what was written still arrives.
    pub fn end_writing(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// A write may take something.
    pub fn is_writable(&self) -> bool {
        self.slot.ready.get().writable
    }

    /// Lets the owner look again in the shard's next turn, though nothing has changed.
    pub fn wake_again(&self) {
        self.net.mark_runnable();
        self.slot.wake();
    }

    /// The shard's ring.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// Ready when a write may take something.
    pub fn poll_writable(&self, cx: &Context<'_>) -> Poll<()> {
        self.register(cx);
        if self.slot.ready.get().writable { Poll::Ready(()) } else { Poll::Pending }
    }

    /// The other side's address, for the log.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.stream.peer_addr().ok()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The ring holds a reference to the socket until the poll is removed: without the shutdown the end would leave late.
        let _ = self.stream.shutdown(Shutdown::Both);
        self.net.cancel(&self.slot);
        self.net.remove(&self.slot);
    }
}

fn set_keepalive(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE).with_retries(KEEPALIVE_PROBES);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

/// Urgent data, which nobody sends who speaks Kafka, stays where it was sent: otherwise the kernel would take a byte out of
/// a frame. Reads still stop before it, and splice(2) for good: whoever sends it may be closed as too slow.
fn keep_urgent_in_line(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_out_of_band_inline(true);
}
