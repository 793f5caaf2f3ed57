//! One GET over HTTP/1.1, for `/ready` of the admin address.
//!
//! Owns just that: a request on a connection of its own, the status, and the body up to the end of the stream.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Asks for a path. The answer is the status and the body.
///
/// # Errors
///
/// In words: no connection, no answer in time, or something that is not HTTP.
pub fn get(address: SocketAddr, path: &str, time: Duration) -> Result<(u16, String), String> {
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&address, time)?;
        stream.set_read_timeout(Some(time))?;
        stream.set_write_timeout(Some(time))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| format!("http://{address}{path}: {error}"))?;
    parse(&answer).ok_or_else(|| format!("http://{address}{path}: the answer is not HTTP"))
}

fn parse(answer: &[u8]) -> Option<(u16, String)> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, body.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_are_found() {
        assert_eq!(parse(b"HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\nno\n"), Some((503, "no".to_owned())));
        assert_eq!(parse(b"SSH-2.0-x\r\n\r\n"), None);
        assert_eq!(parse(b"HTTP/1.1 2"), None);
    }
}
