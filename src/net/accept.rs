//! A listening socket on the shard's ring.

use std::future::poll_fn;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::task::Poll;

use super::Net;
use super::driver::Slot;

/// What accepting brought.
#[derive(Debug)]
pub enum Accept {
    /// A connection, non-blocking.
    Connection(TcpStream),
    /// Accepting ended with this error (no descriptor was left): it goes on after [`Acceptor::resume`].
    Paused(io::Error),
    /// Accepting was cancelled, and nothing more will come.
    Ended,
}

/// Accepts until it is cancelled.
pub struct Acceptor {
    listening: TcpListener,
    slot: Rc<Slot>,
    net: Net,
}

impl Acceptor {
    /// Begins to accept from a non-blocking listening socket.
    pub fn new(net: &Net, listening: TcpListener) -> Acceptor {
        let slot = net.add_accept(listening.as_fd());
        Acceptor { listening, slot, net: net.clone() }
    }

    /// Waits for what comes next.
    pub async fn next(&self) -> Accept {
        poll_fn(|cx| {
            self.slot.register(cx.waker());
            let next = self.slot.accepted.borrow_mut().pop_front();
            match next {
                Some(Ok(stream)) => Poll::Ready(Accept::Connection(stream)),
                Some(Err(error)) if error.raw_os_error() == Some(libc::ECANCELED) => Poll::Ready(Accept::Ended),
                Some(Err(error)) if is_of_one_connection(&error) => {
                    self.net.arm_again(&self.slot, self.listening.as_fd());
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Some(Err(error)) => Poll::Ready(Accept::Paused(error)),
                None if self.slot.ended.get() => {
                    self.net.arm_again(&self.slot, self.listening.as_fd());
                    Poll::Pending
                }
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Goes on after a pause.
    pub fn resume(&self) {
        self.net.arm_again(&self.slot, self.listening.as_fd());
    }

    /// Accepts one connection directly; used when a descriptor was set free, and to empty the backlog.
    ///
    /// # Errors
    ///
    /// As accept(2); `WouldBlock` when none waits.
    pub fn accept_now(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.listening.accept()?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }

    /// Cancels accepting. [`Acceptor::next`] still brings what was accepted before, then [`Accept::Ended`].
    pub fn cancel(&self) {
        self.net.cancel(&self.slot);
        self.net.mark_runnable();
    }
}

/// Errors of accept(2) that concern the connection that was to be accepted, not the listening socket.
fn is_of_one_connection(error: &io::Error) -> bool {
    let Some(number) = error.raw_os_error() else { return false };
    [
        libc::ECONNABORTED,
        libc::EPROTO,
        libc::EINTR,
        libc::EAGAIN,
        libc::ENETDOWN,
        libc::ENOPROTOOPT,
        libc::EHOSTDOWN,
        libc::ENONET,
        libc::EHOSTUNREACH,
        libc::EOPNOTSUPP,
        libc::ENETUNREACH,
        libc::EPERM,
    ]
    .contains(&number)
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.net.cancel(&self.slot);
        self.net.remove(&self.slot);
    }
}
