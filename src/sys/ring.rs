//! An io_uring of one thread: accepts and readiness come out of it, nothing is read or written through it.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use io_uring::{IoUring, Probe, cqueue, opcode, squeue, types};

/// Entries of the submission queue: more are submitted early, so that this is no limit.
const SUBMISSIONS: u32 = 1024;
/// Entries of the completion queue: what does not fit is kept by the kernel and ends multishot entries early.
const COMPLETIONS: u32 = 8192;

/// Names an entry of the ring in its completions; at most [`Token::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub u64);

impl Token {
    /// The largest token.
    pub const MAX: u64 = (1 << KIND_SHIFT) - 1;
}

const KIND_SHIFT: u32 = 62;
const KIND_ACCEPT: u64 = 1 << KIND_SHIFT;
const KIND_POLL: u64 = 2 << KIND_SHIFT;
const KIND_CANCEL: u64 = 3 << KIND_SHIFT;
const KIND_MASK: u64 = 3 << KIND_SHIFT;

/// What a descriptor is ready for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Bytes, an end or an error can be read.
    pub readable: bool,
    /// Bytes can be written, or writing returns an error.
    pub writable: bool,
    /// The other side ended its direction, or the connection is broken: reads must go on until they say so.
    pub ended: bool,
}

/// What a completion says.
#[derive(Debug)]
pub enum Outcome {
    /// A connection, non-blocking and closed on exec.
    Accepted(TcpStream),
    /// A change of readiness.
    Ready(Ready),
    /// The entry failed with this error number.
    Failed(i32),
}

/// One completion.
#[derive(Debug)]
pub struct Completion {
    /// The entry's token.
    pub token: Token,
    /// What happened.
    pub outcome: Outcome,
    /// The entry goes on; otherwise it ended and must be armed again.
    pub more: bool,
}

/// An io_uring. To be made and used on one thread (SINGLE_ISSUER).
pub struct Ring {
    ring: IoUring,
}

impl Ring {
    /// Makes a ring for the calling thread.
    ///
    /// # Errors
    ///
    /// As io_uring_setup(2): the kernel is too old, io_uring is switched off, memory may not be locked.
    pub fn new() -> io::Result<Ring> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .setup_cqsize(COMPLETIONS)
            .build(SUBMISSIONS)?;
        Ok(Ring { ring })
    }

    /// The operations that this product needs and the kernel lacks, by name.
    ///
    /// # Errors
    ///
    /// The kernel cannot be asked.
    pub fn missing_operations(&self) -> io::Result<Vec<&'static str>> {
        let mut probe = Probe::new();
        self.ring.submitter().register_probe(&mut probe)?;
        let needed = [
            ("IORING_OP_ACCEPT", opcode::AcceptMulti::CODE),
            ("IORING_OP_POLL_ADD", opcode::PollAdd::CODE),
            ("IORING_OP_ASYNC_CANCEL", opcode::AsyncCancel::CODE),
        ];
        let mut missing: Vec<_> =
            needed.iter().filter(|(_, code)| !probe.is_supported(*code)).map(|(n, _)| *n).collect();
        if !self.ring.params().is_feature_ext_arg() {
            missing.push("IORING_FEAT_EXT_ARG");
        }
        if !self.ring.params().is_feature_nodrop() {
            missing.push("IORING_FEAT_NODROP");
        }
        Ok(missing)
    }

    /// Accepts from a listening socket until it is cancelled.
    pub fn accept(&mut self, socket: BorrowedFd<'_>, token: Token) {
        let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let entry = opcode::AcceptMulti::new(types::Fd(socket.as_raw_fd())).flags(flags).build();
        self.push(entry.user_data(KIND_ACCEPT | token.0));
    }

    /// Reports each change of readiness until it is cancelled.
    pub fn poll(&mut self, socket: BorrowedFd<'_>, token: Token) {
        let events = (libc::POLLIN | libc::POLLOUT | libc::POLLRDHUP) as u32;
        let entry = opcode::PollAdd::new(types::Fd(socket.as_raw_fd()), events).multi(true).build();
        self.push(entry.user_data(KIND_POLL | token.0));
    }

    /// Ends an accept. Completions of it may still come.
    pub fn cancel_accept(&mut self, token: Token) {
        let entry = opcode::AsyncCancel::new(KIND_ACCEPT | token.0).build();
        self.push(entry.user_data(KIND_CANCEL));
    }

    /// Ends a poll. Completions of it may still come.
    ///
    /// Not by IORING_OP_POLL_REMOVE: that fails (EALREADY) where the poll has something to report, as it always has for a socket
    /// that was shut down, and the poll would hold the socket for good.
    pub fn cancel_poll(&mut self, token: Token) {
        let entry = opcode::AsyncCancel::new(KIND_POLL | token.0).build();
        self.push(entry.user_data(KIND_CANCEL));
    }

    fn push(&mut self, entry: squeue::Entry) {
        loop {
            // SAFETY: no entry of ours points at memory; each names a descriptor, and the kernel takes a reference
            // of its own when the entry is submitted. A descriptor that was closed before fails with EBADF.
            if unsafe { self.ring.submission().push(&entry) }.is_ok() {
                return;
            }
            // The queue is full: give it to the kernel. Failing that (EBUSY), completions must be taken first, which
            // GETEVENTS does under DEFER_TASKRUN.
            let _ = self.ring.submit();
            self.enter_now();
        }
    }

    fn enter_now(&mut self) {
        let pending = self.ring.submission().len() as u32;
        const GETEVENTS: u32 = 1;
        // SAFETY: no argument is passed, hence nothing is pointed at.
        let _ = unsafe { self.ring.submitter().enter::<libc::sigset_t>(pending, 0, GETEVENTS, None) };
    }

    /// Submits what was pushed and takes completions: waits for the first for at most `wait`; `None` does not wait.
    pub fn enter(&mut self, wait: Option<Duration>) {
        match wait {
            None => self.enter_now(),
            Some(wait) => {
                let time = types::Timespec::new().sec(wait.as_secs()).nsec(wait.subsec_nanos());
                let arguments = types::SubmitArgs::new().timespec(&time);
                // ETIME and EINTR are ordinary ends of a wait; EBUSY means that completions wait to be taken.
                let _ = self.ring.submitter().submit_with_args(1, &arguments);
            }
        }
    }

    /// Hands each completion that has arrived to `take`.
    pub fn completions(&mut self, mut take: impl FnMut(Completion)) {
        let mut queue = self.ring.completion();
        queue.sync();
        for entry in &mut queue {
            let (data, result, flags) = (entry.user_data(), entry.result(), entry.flags());
            let outcome = match (data & KIND_MASK, result) {
                (KIND_CANCEL, _) => continue,
                (_, result) if result < 0 => Outcome::Failed(-result),
                // SAFETY: a non-negative result of an accept is a new descriptor that is ours alone.
                (KIND_ACCEPT, raw) => Outcome::Accepted(TcpStream::from(unsafe { OwnedFd::from_raw_fd(raw) })),
                (_, events) => Outcome::Ready(Ready::from_poll(events)),
            };
            take(Completion { token: Token(data & !KIND_MASK), outcome, more: cqueue::more(flags) });
        }
    }
}

impl Ready {
    fn from_poll(events: i32) -> Ready {
        let any = |bits: i16| events & i32::from(bits) != 0;
        let ended = any(libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR);
        Ready {
            readable: ended || any(libc::POLLIN),
            writable: any(libc::POLLOUT | libc::POLLHUP | libc::POLLERR),
            ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{Shutdown, TcpListener};
    use std::os::fd::AsFd;
    use std::time::Instant;

    fn next(ring: &mut Ring) -> Completion {
        let mut found = None;
        for _ in 0..100 {
            ring.enter(Some(Duration::from_millis(50)));
            ring.completions(|completion| found = Some(completion));
            if let Some(completion) = found {
                return completion;
            }
        }
        panic!("no completion within five seconds");
    }

    #[test]
    fn accepts_and_tells_readiness() {
        let mut ring = Ring::new().unwrap();
        assert_eq!(ring.missing_operations().unwrap(), Vec::<&str>::new());
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        ring.accept(listening.as_fd(), Token(7));
        ring.enter(None);
        let mut client = TcpStream::connect(listening.local_addr().unwrap()).unwrap();
        let completion = next(&mut ring);
        assert!(completion.more && completion.token == Token(7));
        let Outcome::Accepted(server) = completion.outcome else { panic!("{:?}", completion.outcome) };
        ring.poll(server.as_fd(), Token(Token::MAX));
        let Outcome::Ready(ready) = next(&mut ring).outcome else { panic!("no readiness") };
        assert!(ready.writable && !ready.readable);
        client.write_all(b"x").unwrap();
        let Outcome::Ready(ready) = next(&mut ring).outcome else { panic!("no readiness") };
        assert!(ready.readable && !ready.ended);
        drop(client);
        let Outcome::Ready(ready) = next(&mut ring).outcome else { panic!("no readiness") };
        assert!(ready.ended);
        ring.cancel_poll(Token(Token::MAX));
        let completion = next(&mut ring);
        assert!(!completion.more && matches!(completion.outcome, Outcome::Failed(libc::ECANCELED)), "{completion:?}");
    }

    #[test]
    fn a_poll_that_has_something_to_tell_ends_and_lets_its_socket_go() {
        let mut ring = Ring::new().unwrap();
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listening.local_addr().unwrap()).unwrap();
        let (server, _) = listening.accept().unwrap();
        ring.poll(server.as_fd(), Token(1));
        assert!(next(&mut ring).more);
        client.write_all(b"unread").unwrap();
        server.shutdown(Shutdown::Both).unwrap();
        ring.cancel_poll(Token(1));
        drop(server);
        while next(&mut ring).more {}
        ring.enter(None);
        // It is closed: whoever goes on writing to it gets an error.
        let end = Instant::now() + Duration::from_secs(5);
        let error = loop {
            match client.write_all(&[0]) {
                Ok(()) => assert!(Instant::now() < end, "the socket is still there"),
                Err(error) => break error.kind(),
            }
        };
        assert!(matches!(error, io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{error}");
    }

    #[test]
    fn more_entries_than_the_queue_holds_are_all_submitted() {
        let mut ring = Ring::new().unwrap();
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = TcpStream::connect(listening.local_addr().unwrap()).unwrap();
        let (server, _) = listening.accept().unwrap();
        let count = u64::from(SUBMISSIONS) * 3;
        for token in 0..count {
            ring.poll(server.as_fd(), Token(token));
        }
        let mut seen = 0;
        // Newer kernels run about twenty pieces of deferred work an enter.
        for _ in 0..count {
            ring.enter(Some(Duration::from_millis(50)));
            ring.completions(|_| seen += 1);
            if seen >= count {
                return;
            }
        }
        panic!("{seen} of {count}");
    }
}
