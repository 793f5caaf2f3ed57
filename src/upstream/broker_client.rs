//! A client of a node for Klamm's own requests: one at a time, each with its response.
//!
//! Owns the bound of a response and the time for all of them. May not interpret a response.

use std::io::{self, IoSlice};
use std::ops::RangeInclusive;
use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, RequestHeader};
use kafka_protocol::protocol::{Encodable, StrBytes};

use super::dial_error::DialError;
use super::{Backend, Dialer, answers};
use crate::cluster::{ApiRange, HostPort, NodeApis};
use crate::net::{Socket, Then};
use crate::wire::{self, LENGTH_BYTES, RESPONSE_HEAD_BYTES, ResponseHead};

/// A longer response to one of our own small requests is refused.
const RESPONSE_BYTES_MAX: usize = 4 << 20;

/// A connection of our own that sends one request at a time.
pub struct BrokerClient<'a> {
    /// A longer response is refused.
    pub response_bytes_max: usize,
    dialer: &'a Dialer,
    backend: &'a Backend,
    host: &'a HostPort,
    socket: Socket,
    limit: Instant,
    correlation_id: i32,
}

impl<'a> BrokerClient<'a> {
    /// Connects; all responses must be there at `limit`.
    pub async fn dial(
        dialer: &'a Dialer,
        backend: &'a Backend,
        host: &'a HostPort,
        limit: Instant,
    ) -> Result<BrokerClient<'a>, DialError> {
        let socket = dialer.dial(backend, host, limit).await?;
        Ok(BrokerClient {
            response_bytes_max: RESPONSE_BYTES_MAX,
            dialer,
            backend,
            host,
            socket,
            limit,
            correlation_id: 0,
        })
    }

    /// Version 0 first: it is the one that every broker serves.
    async fn api_ranges(&mut self) -> Result<Vec<ApiRange>, DialError> {
        let body = self.call(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default()).await?;
        answers::api_ranges(&body).map_err(|why| DialError::unavailable(format!("{}: ApiVersions: {why}", self.host)))
    }

    /// The highest of these versions that the node offers.
    pub async fn version(&mut self, key: ApiKey, of: RangeInclusive<i16>) -> Result<i16, DialError> {
        let ranges = self.api_ranges().await?;
        let offered = ranges.iter().find(|range| range.key == key as i16);
        let version = offered.map(|range| (range.max.min(*of.end()), range.min));
        match version.filter(|(version, min)| version >= min && of.contains(version)) {
            Some((version, _)) => Ok(version),
            None => {
                let (host, min, max) = (self.host, of.start(), of.end());
                Err(DialError::unavailable(format!("{host}: it offers no {key:?} version from {min} to {max}")))
            }
        }
    }

    /// All that the node offers.
    pub async fn apis(&mut self) -> Result<NodeApis, DialError> {
        let ranges = self.api_ranges().await?;
        let mut apis = NodeApis {
            ranges,
            supported_features: Vec::new(),
            finalized_features_epoch: -1,
            finalized_features: Vec::new(),
            zk_migration_ready: false,
        };
        let version = apis.range(ApiKey::ApiVersions as i16).map_or(0, |range| range.max.min(4));
        if version >= 3 {
            let request = ApiVersionsRequest::default()
                .with_client_software_name(StrBytes::from_static_str("klamm"))
                .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
            // The answer's header is always version 0 (KIP-511).
            let body = self.call(ApiKey::ApiVersions, version, &request).await?;
            if let Err(why) = answers::features(&body, &mut apis) {
                // Seen from librdkafka's mock cluster. Without features clients use what every version has.
                tracing::debug!(host = %self.host, %why, "its features cannot be read; none are offered");
                apis.supported_features.clear();
                apis.finalized_features.clear();
                apis.finalized_features_epoch = -1;
            }
        }
        Ok(apis)
    }

    /// Sends a request and returns the response's body. All APIs used here have response header 0: just the correlation id.
    pub async fn call(&mut self, key: ApiKey, version: i16, body: &impl Encodable) -> Result<Bytes, DialError> {
        self.correlation_id += 1;
        let request = encode(key, version, self.correlation_id, body);
        let request = request.map_err(|error| DialError::unavailable(format!("{key:?}: {error}")))?;
        let answered = self.dialer.net.until(self.limit, self.exchange(&request)).await;
        let late = || Err(io::Error::new(io::ErrorKind::TimedOut, "no response in time"));
        answered.unwrap_or_else(late).map_err(|error| self.dialer.connection_error(self.backend, self.host, &error))
    }

    async fn exchange(&self, request: &[u8]) -> io::Result<Bytes> {
        let mut rest = request;
        while !rest.is_empty() {
            match self.socket.write(&[IoSlice::new(rest)], Then::Nothing)? {
                0 => self.socket.writable().await,
                n => rest = rest.get(n..).ok_or_else(beyond_the_buffer)?,
            }
        }
        let mut answer = BytesMut::new();
        loop {
            if let Some(length) = wire::length(&answer) {
                let length = usize::try_from(length).ok().filter(|n| (4..=self.response_bytes_max).contains(n));
                let length = length.ok_or_else(|| self.bad_length(&answer))?;
                if answer.len() >= LENGTH_BYTES + length {
                    if ResponseHead::read(&answer).is_none_or(|head| head.correlation_id != self.correlation_id) {
                        return Err(io::Error::other("the response belongs to another request"));
                    }
                    answer.truncate(LENGTH_BYTES + length);
                    return Ok(answer.split_off(RESPONSE_HEAD_BYTES).freeze());
                }
            }
            let mut piece = [0u8; 4096];
            match self.socket.read(&mut piece) {
                Some(Ok(0)) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                Some(n) => answer.extend_from_slice(piece.get(..n?).ok_or_else(beyond_the_buffer)?),
                None => self.socket.readable().await,
            }
        }
    }

    fn bad_length(&self, answer: &[u8]) -> io::Error {
        if begins_like_tls_alert(answer) && !self.socket.is_secure() {
            let name = &self.backend.shared.config.name;
            return io::Error::other(format!("it speaks TLS there: write backend_clusters[{name}].tls"));
        }
        io::Error::other("the response's length is out of range")
    }
}

/// A socket says that it took, or brought, more than it was given.
fn beyond_the_buffer() -> io::Error {
    io::Error::other("a socket counts bytes beyond the buffer: please report it")
}

/// A server that speaks TLS answers a plain request with an alert.
fn begins_like_tls_alert(answer: &[u8]) -> bool {
    matches!(answer, [21, 3, 0..=4, ..])
}

fn encode(key: ApiKey, version: i16, correlation_id: i32, body: &impl Encodable) -> Result<BytesMut, String> {
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("klamm")));
    let mut payload = BytesMut::new();
    header.encode(&mut payload, key.request_header_version(version)).map_err(|error| error.to_string())?;
    body.encode(&mut payload, version).map_err(|error| error.to_string())?;
    let mut frame = BytesMut::with_capacity(4 + payload.len());
    frame.put_i32(i32::try_from(payload.len()).map_err(|error| error.to_string())?);
    frame.extend_from_slice(&payload);
    Ok(frame)
}
