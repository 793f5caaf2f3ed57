//! Pipes, and moving bytes between a socket and a pipe without reading them.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Makes a pipe, non-blocking and closed on exec.
///
/// # Errors
///
/// No descriptor is left.
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let mut ends = [0; 2];
    // SAFETY: the pointer is to two ints, which live through the call.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_NONBLOCK | libc::O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave these descriptors to us and to nobody else.
    let [reader, writer] = ends.map(|raw| unsafe { OwnedFd::from_raw_fd(raw) });
    Ok((reader.into(), writer.into()))
}

/// Asks for a pipe of this size, and says which size it has: above its limits the kernel leaves it as it is.
pub fn resize_pipe(pipe: &impl AsFd, bytes: usize) -> usize {
    let raw = pipe.as_fd().as_raw_fd();
    let wanted = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    // SAFETY: fcntl takes no pointer for these two commands.
    let has = unsafe {
        libc::fcntl(raw, libc::F_SETPIPE_SZ, wanted);
        libc::fcntl(raw, libc::F_GETPIPE_SZ)
    };
    usize::try_from(has).unwrap_or(0)
}

/// What follows bytes that are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Nothing that is known of: they leave at once.
    #[default]
    Nothing,
    /// More, without which nobody can use them: the kernel may keep what fills no packet until it comes, for 200 ms at most
    /// (SPLICE_F_MORE, and MSG_MORE of send(2)).
    More,
}

impl Then {
    /// Whether there is more.
    pub fn more_if(more: bool) -> Then {
        if more { Then::More } else { Then::Nothing }
    }
}

/// Moves at most `bytes` from one to the other without waiting; one of them is a pipe. 0: the source has ended.
///
/// # Errors
///
/// As splice(2); `WouldBlock` when the source has nothing or the target takes nothing.
pub fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, bytes: usize, then: Then) -> io::Result<usize> {
    let flags =
        libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK | if then == Then::More { libc::SPLICE_F_MORE } else { 0 };
    let (from, to, none) = (from.as_raw_fd(), to.as_raw_fd(), std::ptr::null_mut());
    loop {
        // SAFETY: no offset is passed, hence nothing is pointed at.
        let moved = unsafe { libc::splice(from, none, to, none, bytes, flags) };
        match usize::try_from(moved) {
            Ok(moved) => return Ok(moved),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    }
}

fn ask(descriptor: BorrowedFd<'_>, request: libc::Ioctl) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: both requests that are passed here write one int, to which the pointer is.
    if unsafe { libc::ioctl(descriptor.as_raw_fd(), request, &mut bytes) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(bytes).unwrap_or(0))
}

/// Bytes that wait to be read.
///
/// # Errors
///
/// As ioctl(2) with FIONREAD.
pub fn bytes_to_read(descriptor: &impl AsFd) -> io::Result<usize> {
    ask(descriptor.as_fd(), libc::FIONREAD)
}

/// Bytes that were sent and not yet acknowledged.
///
/// # Errors
///
/// As ioctl(2) with SIOCOUTQ.
pub fn bytes_unacknowledged(socket: &impl AsFd) -> io::Result<usize> {
    ask(socket.as_fd(), libc::TIOCOUTQ)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    fn connection() -> (TcpStream, TcpStream) {
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listening.local_addr().unwrap()).unwrap();
        let (far, _) = listening.accept().unwrap();
        (near, far)
    }

    #[test]
    fn bytes_go_from_socket_to_socket_through_a_pipe() {
        let ((mut client, source), (sink, mut server)) = (connection(), connection());
        let (reader, writer) = pipe().unwrap();
        source.set_nonblocking(true).unwrap();
        let empty = splice(source.as_fd(), writer.as_fd(), 100, Then::Nothing).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        client.write_all(b"records").unwrap();
        let mut peeked = [0; 7];
        source.set_nonblocking(false).unwrap();
        while source.peek(&mut peeked).unwrap() < 7 {}
        source.set_nonblocking(true).unwrap();
        assert_eq!(splice(source.as_fd(), writer.as_fd(), 5, Then::Nothing).unwrap(), 5);
        assert_eq!(bytes_to_read(&reader).unwrap(), 5);
        assert_eq!(splice(reader.as_fd(), sink.as_fd(), 100, Then::Nothing).unwrap(), 5);
        assert_eq!(bytes_to_read(&reader).unwrap(), 0);
        let mut came = [0; 5];
        server.read_exact(&mut came).unwrap();
        assert_eq!(&came, b"recor");
        assert_eq!(splice(source.as_fd(), writer.as_fd(), 5, Then::Nothing).unwrap(), 2);
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let (_reader, other) = pipe().unwrap();
        source.set_nonblocking(false).unwrap();
        assert_eq!(
            splice(source.as_fd(), other.as_fd(), 5, Then::Nothing).unwrap(),
            0,
            "the end of a connection is its own answer"
        );
    }

    #[test]
    fn a_pipe_has_the_size_that_the_kernel_says() {
        let (_reader, writer) = pipe().unwrap();
        assert_eq!(resize_pipe(&writer, 1), crate::sys::page_size() as usize);
        assert_eq!(resize_pipe(&writer, 128 << 10), 128 << 10);
        assert_eq!(resize_pipe(&writer, usize::MAX), 128 << 10, "beyond all limits nothing changes");
    }

    #[test]
    fn what_was_sent_and_not_taken_is_counted() {
        let (client, mut server) = connection();
        client.set_nonblocking(true).unwrap();
        assert_eq!(bytes_unacknowledged(&client).unwrap(), 0);
        let mut sent = 0;
        while let Ok(n) = (&client).write(&[7; 1 << 16]) {
            sent += n;
        }
        let waiting = bytes_unacknowledged(&client).unwrap();
        assert!(waiting > 0 && waiting <= sent, "{waiting} of {sent}");
        server.read_exact(&mut vec![0; sent]).unwrap();
        while bytes_unacknowledged(&client).unwrap() > 0 {}
    }
}
