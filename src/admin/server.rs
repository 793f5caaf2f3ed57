//! The HTTP server of the admin address.
//!
//! Owns its connections. One request a connection, each connection a few seconds, few connections at a time: whoever
//! reaches the admin address may be slow, but neither holds it up nor costs memory without bound.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{AbortHandle, JoinSet, LocalSet};

use super::Source;
use super::answer::answer;

/// Connections at a time. One more ends the oldest, so that those who connect and say nothing shut out nobody.
const CONNECTIONS_MAX: usize = 32;
/// For the head of the request.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// For all of a connection: head, gathering the report, response.
const CONNECTION_DEADLINE: Duration = Duration::from_secs(10);
/// Memory for the head of a request; the least that hyper takes.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Rest after an accept that failed, for example because no descriptor was left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const _: () = assert!(HEAD_DEADLINE.as_millis() < CONNECTION_DEADLINE.as_millis());

/// The admin address, bound and listening.
#[derive(Debug)]
pub enum AdminListener {
    /// A TCP address.
    Tcp(std::net::TcpListener),
    /// A Unix socket. Its file belongs to whoever bound it.
    Unix(std::os::unix::net::UnixListener),
}

impl From<std::net::TcpListener> for AdminListener {
    fn from(listener: std::net::TcpListener) -> AdminListener {
        AdminListener::Tcp(listener)
    }
}

impl From<std::os::unix::net::UnixListener> for AdminListener {
    fn from(listener: std::os::unix::net::UnixListener) -> AdminListener {
        AdminListener::Unix(listener)
    }
}

/// Serves until dropped; dropping ends all connections. Runs inside a tokio runtime with I/O and time enabled, on one
/// thread (it brings its own [`LocalSet`]).
///
/// # Errors
///
/// Where the listener cannot be handed to the runtime. Errors of single connections end these only.
pub async fn serve<S: Source + 'static>(listener: AdminListener, source: Rc<S>) -> io::Result<()> {
    let tasks = LocalSet::new();
    match listener {
        AdminListener::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let accept = async || listener.accept().await.map(|(stream, _)| stream);
            tasks.run_until(accept_forever(accept, source)).await
        }
        AdminListener::Unix(listener) => {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::UnixListener::from_std(listener)?;
            let accept = async || listener.accept().await.map(|(stream, _)| stream);
            tasks.run_until(accept_forever(accept, source)).await
        }
    }
}

async fn accept_forever<S, T>(accept: impl AsyncFn() -> io::Result<T>, source: Rc<S>) -> io::Result<()>
where
    S: Source + 'static,
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut connections = Connections::default();
    loop {
        match accept().await {
            Ok(stream) => connections.add(converse(stream, Rc::clone(&source))),
            Err(error) => {
                tracing::warn!(%error, "the admin address could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The connections that are open, oldest first.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    oldest_first: VecDeque<AbortHandle>,
}

impl Connections {
    fn add(&mut self, connection: impl Future<Output = ()> + 'static) {
        while let Some(ended) = self.tasks.try_join_next() {
            if ended.is_err_and(|error| error.is_panic()) {
                tracing::error!("a panic in a connection of the admin address");
            }
        }
        self.oldest_first.retain(|task| !task.is_finished());
        while self.oldest_first.len() >= CONNECTIONS_MAX {
            if let Some(oldest) = self.oldest_first.pop_front() {
                oldest.abort();
            }
        }
        self.oldest_first.push_back(self.tasks.spawn_local(connection));
    }
}

/// One connection, from its first byte to its last.
async fn converse<S: Source>(stream: impl AsyncRead + AsyncWrite + Unpin, source: Rc<S>) {
    let respond = service_fn(async |request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), source.as_ref()).await;
        Ok::<Response<Full<Bytes>>, Infallible>(answer.into_response())
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), respond);
    match tokio::time::timeout(CONNECTION_DEADLINE, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection of the admin address ended"),
        Err(_) => tracing::debug!("a connection of the admin address took too long"),
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
