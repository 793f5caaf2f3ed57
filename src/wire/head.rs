//! The fixed part at the front of a request or a response, and what stands there when it is no Kafka at all.

use super::reader::{ReadError, Reader};

/// Bytes of the length that stands before each frame.
pub const LENGTH_BYTES: usize = 4;
/// Length, api key, api version, correlation id.
pub const REQUEST_HEAD_BYTES: usize = 12;
/// Length, correlation id.
pub const RESPONSE_HEAD_BYTES: usize = 8;
/// The shortest length a request can state: api key, api version, correlation id.
pub const REQUEST_LENGTH_MIN: i32 = 8;
/// The shortest length a response can state: correlation id.
pub const RESPONSE_LENGTH_MIN: i32 = 4;

/// The fixed part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// Bytes behind the length itself.
    pub length: i32,
    /// Which API.
    pub api_key: i16,
    /// Which version of it.
    pub api_version: i16,
    /// As the client chose it.
    pub correlation_id: i32,
}

/// The fixed part of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// Bytes behind the length itself.
    pub length: i32,
    /// Of the request that it answers.
    pub correlation_id: i32,
}

/// The length at the front of `bytes`; `None` while not all of it is here.
pub fn length(bytes: &[u8]) -> Option<i32> {
    bytes.first_chunk().map(|length| i32::from_be_bytes(*length))
}

impl RequestHead {
    /// The head at the front of `bytes`; `None` while not all of it is here.
    pub fn read(bytes: &[u8]) -> Option<RequestHead> {
        let [l0, l1, l2, l3, k0, k1, v0, v1, c0, c1, c2, c3] = *bytes.first_chunk::<REQUEST_HEAD_BYTES>()?;
        Some(RequestHead {
            length: i32::from_be_bytes([l0, l1, l2, l3]),
            api_key: i16::from_be_bytes([k0, k1]),
            api_version: i16::from_be_bytes([v0, v1]),
            correlation_id: i32::from_be_bytes([c0, c1, c2, c3]),
        })
    }
}

impl ResponseHead {
    /// The head at the front of `bytes`; `None` while not all of it is here.
    pub fn read(bytes: &[u8]) -> Option<ResponseHead> {
        let [l0, l1, l2, l3, c0, c1, c2, c3] = *bytes.first_chunk::<RESPONSE_HEAD_BYTES>()?;
        Some(ResponseHead {
            length: i32::from_be_bytes([l0, l1, l2, l3]),
            correlation_id: i32::from_be_bytes([c0, c1, c2, c3]),
        })
    }
}

/// What stands behind the header of a request, which is whole: behind the fixed part, the client id, and in `flexible`
/// versions tags.
///
/// # Errors
///
/// The header does not end within the frame, or cannot be read.
pub fn request_body(frame: &[u8], flexible: bool) -> Result<&[u8], ReadError> {
    let mut client_id = Reader::new(frame.get(REQUEST_HEAD_BYTES..).ok_or(ReadError::Cut)?, false);
    // Never compact (RequestHeader.json).
    client_id.nullable_string()?;
    let mut tags = Reader::new(client_id.rest(), flexible);
    tags.skip_tags()?;
    Ok(tags.rest())
}

/// Another protocol that is easily sent to a Kafka port by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// A TLS handshake record.
    Tls,
    /// An HTTP request, 1.x or 2.
    Http,
    /// An SSH banner.
    Ssh,
    /// A PROXY protocol header, version 1 or 2.
    Proxy,
}

/// What the first four bytes of a connection tell, when they are not the length of a Kafka request. As a length each
/// would be above 200 million bytes.
pub fn stranger(first: [u8; 4]) -> Option<Stranger> {
    match &first {
        [0x16, 0x03, _, _] => Some(Stranger::Tls),
        b"GET " | b"POST" | b"HEAD" | b"PUT " | b"DELE" | b"OPTI" | b"PATC" | b"CONN" | b"TRAC" | b"HTTP" | b"PRI " => {
            Some(Stranger::Http)
        }
        b"SSH-" => Some(Stranger::Ssh),
        b"PROX" | b"\r\n\r\n" => Some(Stranger::Proxy),
        _ => None,
    }
}
