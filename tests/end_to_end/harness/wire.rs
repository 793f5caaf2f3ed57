//! Raw connections that speak Kafka's protocol byte by byte, so that a test sees every byte that a client would.
//!
//! Owns framing and headers. Reads what it is sent without trust in it: a test's peer may be broken on purpose.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

use super::Fallible;
use super::tls::Stream;
use crate::ensure;

/// Longest answer that is believed.
const FRAME_BYTES_MAX: usize = 200 << 20;
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(40);

/// A client connection.
pub struct Wire {
    stream: Stream,
    client_id: String,
    correlation_id: i32,
}

/// An answer, and the frame that it was read from.
pub struct Answer<T> {
    pub body: T,
    pub frame: Bytes,
}

impl Wire {
    /// Connects to host:port.
    pub fn connect(address: &str) -> Fallible<Wire> {
        Wire::connect_as(address, "recorder")
    }

    /// Connects with a client id of one's own.
    pub fn connect_as(address: &str, client_id: &str) -> Fallible<Wire> {
        let (host, _) = address.rsplit_once(':').ok_or("an address without a port")?;
        Ok(Wire::over(Stream::to(host, socket(address)?)?, client_id))
    }

    /// On a connection that there is already.
    pub fn over(stream: Stream, client_id: &str) -> Wire {
        Wire { stream, client_id: client_id.to_owned(), correlation_id: 0 }
    }

    /// The socket, for tests that do what no client does.
    pub fn stream(&mut self) -> &mut TcpStream {
        self.stream.socket()
    }

    /// Asks and waits for the answer.
    pub fn ask<R: Request>(&mut self, version: i16, request: &R) -> Fallible<Answer<R::Response>> {
        let id = self.send(version, request)?;
        self.answer::<R>(version, id)
    }

    /// Sends a request; gives its correlation id.
    pub fn send<R: Request>(&mut self, version: i16, request: &R) -> Fallible<i32> {
        let mut body = BytesMut::new();
        request.encode(&mut body, version).map_err(|error| format!("{} v{version}: {error}", R::KEY))?;
        self.send_body(R::KEY, version, R::header_version(version), &body)
    }

    /// Sends a request whose body is given as bytes.
    pub fn send_body(&mut self, key: i16, version: i16, header_version: i16, body: &[u8]) -> Fallible<i32> {
        self.correlation_id += 1;
        let frame = request_frame(key, version, header_version, self.correlation_id, &self.client_id, body)?;
        self.stream.write_all(&frame)?;
        Ok(self.correlation_id)
    }

    /// Reads the answer to the request with that correlation id, which must be the next one.
    pub fn answer<R: Request>(&mut self, version: i16, id: i32) -> Fallible<Answer<R::Response>> {
        let frame = self.frame()?;
        let mut rest = frame.clone();
        let header = ResponseHeader::decode(&mut rest, R::Response::header_version(version))
            .map_err(|error| format!("header of {} v{version}: {error}", R::KEY))?;
        ensure!(header.correlation_id == id, "answer {} came to request {id}", header.correlation_id);
        let body =
            R::Response::decode(&mut rest, version).map_err(|error| format!("{} v{version}: {error}", R::KEY))?;
        ensure!(!rest.has_remaining(), "{} v{version}: {} bytes too many", R::KEY, rest.remaining());
        Ok(Answer { body, frame })
    }

    /// Reads one frame, without its length.
    pub fn frame(&mut self) -> Fallible<Bytes> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).map_err(|error| format!("no answer: {error}"))?;
        let length = usize::try_from(i32::from_be_bytes(length)).map_err(|_| "a negative length")?;
        ensure!(length <= FRAME_BYTES_MAX, "an answer of {length} bytes");
        let mut frame = vec![0; length];
        self.stream.read_exact(&mut frame).map_err(|error| format!("half an answer: {error}"))?;
        Ok(frame.into())
    }

    /// Sends bytes as they are. The peer may have closed already: that is for the caller to see when it reads.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Ends our direction.
    pub fn finish(&mut self) {
        let _ = self.stream.socket().shutdown(Shutdown::Write);
    }

    /// Waits until the peer closes, and gives what it sent before.
    pub fn closed(&mut self, limit: Duration) -> Fallible<Vec<u8>> {
        let end = Instant::now() + limit;
        let mut received = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            ensure!(!left.is_zero(), "still open after {limit:?}");
            self.stream.socket().set_read_timeout(Some(left))?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(received),
                Ok(n) => received.extend(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(received),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A socket that is connected to host:port, and waits for nothing for ever.
pub fn socket(address: &str) -> Fallible<TcpStream> {
    let address: SocketAddr = address.to_socket_addrs()?.next().ok_or("no address")?;
    let socket = TcpStream::connect_timeout(&address, ANSWER)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(ANSWER))?;
    socket.set_write_timeout(Some(ANSWER))?;
    Ok(socket)
}

/// A whole request frame, its length included.
pub fn request_frame(
    key: i16,
    version: i16,
    header_version: i16,
    correlation_id: i32,
    client_id: &str,
    body: &[u8],
) -> Fallible<Bytes> {
    let header = RequestHeader::default()
        .with_request_api_key(key)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_string(client_id.to_owned())));
    let mut content = BytesMut::new();
    header.encode(&mut content, header_version).map_err(|error| format!("header: {error}"))?;
    content.extend_from_slice(body);
    Ok(with_length(&content))
}

/// A frame: the length, then the content.
pub fn with_length(content: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(4 + content.len());
    frame.put_i32(i32::try_from(content.len()).expect("a test's frame is small"));
    frame.extend_from_slice(content);
    frame.freeze()
}

/// Kafka's own string type.
pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Where `needle` stands in `bytes`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}
