//! The frames of the synthetic load: made once, sent many times with other numbers in them.
//!
//! Owns what they contain. kafka-protocol writes and reads what is rare; Produce and Fetch are read where they lie.

pub mod batch;
pub mod cluster;
pub mod fetch;
pub mod outbound;
pub mod produce;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use klamm::wire::{push_varint, varint_bytes};

/// The topic of the synthetic load.
pub const TOPIC: &str = "castle";
/// What this program calls itself.
pub const CLIENT_ID: &str = "klamm-loadtest";
/// Where the correlation id of a request stands.
pub const REQUEST_ID_AT: usize = 8;
/// Where the correlation id of an answer stands.
pub const ANSWER_ID_AT: usize = 4;
/// Longest frame that this program takes.
pub const FRAME_BYTES_MAX: usize = 512 << 20;

/// A message that cannot be written or read, in words.
pub type Result<T> = std::result::Result<T, String>;

fn string(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A request with correlation id 0, length included.
fn request<M: Encodable>(key: ApiKey, version: i16, message: &M) -> Result<Vec<u8>> {
    let mut body = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_client_id(Some(string(CLIENT_ID)))
        .encode(&mut body, key.request_header_version(version))
        .and_then(|()| message.encode(&mut body, version))
        .map_err(|error| format!("cannot write {key:?} {version}: {error}"))?;
    framed(&body)
}

/// An answer with correlation id 0, length included.
fn answer<M: Encodable>(key: ApiKey, version: i16, message: &M) -> Result<Vec<u8>> {
    let mut body = BytesMut::new();
    ResponseHeader::default()
        .encode(&mut body, key.response_header_version(version))
        .and_then(|()| message.encode(&mut body, version))
        .map_err(|error| format!("cannot write the answer to {key:?} {version}: {error}"))?;
    framed(&body)
}

fn framed(body: &[u8]) -> Result<Vec<u8>> {
    let length = u32::try_from(body.len()).map_err(|_| "a frame above 4 GiB".to_owned())?;
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(body);
    Ok(frame)
}

fn read_answer<M: Decodable>(key: ApiKey, version: i16, frame: &[u8]) -> Result<M> {
    let mut body = Bytes::copy_from_slice(frame.get(4..).ok_or("a frame without a length")?);
    ResponseHeader::decode(&mut body, key.response_header_version(version))
        .and_then(|_| M::decode(&mut body, version))
        .map_err(|error| format!("the answer to {key:?} {version} cannot be read: {error}"))
}

fn read_request<M: Decodable>(key: ApiKey, version: i16, frame: &[u8]) -> Result<M> {
    let mut body = Bytes::copy_from_slice(frame.get(4..).ok_or("a frame without a length")?);
    RequestHeader::decode(&mut body, key.request_header_version(version))
        .and_then(|_| M::decode(&mut body, version))
        .map_err(|error| format!("the {key:?} {version} request cannot be read: {error}"))
}

/// Writes an unsigned varint.
fn put_varint(to: &mut Vec<u8>, value: usize) {
    let value = u32::try_from(value).unwrap_or(u32::MAX);
    push_varint(to, value, varint_bytes(value));
}

/// Writes a compact string.
fn put_compact(to: &mut Vec<u8>, text: &[u8]) {
    put_varint(to, text.len() + 1);
    to.extend_from_slice(text);
}

/// Puts a number into a frame.
pub fn put<const N: usize>(frame: &mut [u8], at: usize, number: [u8; N]) {
    if let Some(place) = frame.get_mut(at..at + N) {
        place.copy_from_slice(&number);
    }
}

/// A big-endian number of four bytes.
pub fn u32_at(frame: &[u8], at: usize) -> Option<u32> {
    frame.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Bytes of a frame that begins here, its length field included; nothing as long as the length is not there.
pub fn frame_bytes(begin: &[u8]) -> Result<Option<usize>> {
    let Some(length) = u32_at(begin, 0) else { return Ok(None) };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if (4..=FRAME_BYTES_MAX).contains(&length) {
        Ok(Some(length + 4))
    } else {
        Err(format!("a frame of {length} bytes"))
    }
}
