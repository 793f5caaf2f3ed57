//! The head of a request: whether it is one that is served. Asked of the first bytes of a connection too, before a backend
//! is dialled for them.

use super::rules::{Class, Rule, class};
use crate::metrics::Cause;
use crate::wire::key::API_VERSIONS;
use crate::wire::{REQUEST_LENGTH_MIN, RequestHead, Stranger, length, stranger};

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// The head of a request that is served.
    Request,
    /// Not enough to tell.
    TooShort,
}

/// Looks at the first bytes of a connection.
///
/// # Errors
///
/// The cause with which it must be closed.
pub fn opening(first: &[u8], frame_bytes_max: u32) -> Result<Opening, Cause> {
    Ok(match head(first, true, frame_bytes_max)? {
        Some(_) => Opening::Request,
        None => Opening::TooShort,
    })
}

/// The head at the front of `bytes` and its rule; `None` while not all of it is here. A version that the rule does not
/// serve comes out for ApiVersions alone: it is answered all the same (KIP-511).
///
/// # Errors
///
/// The cause with which the connection must be closed.
pub(super) fn head(
    bytes: &[u8],
    first: bool,
    frame_bytes_max: u32,
) -> Result<Option<(RequestHead, &'static Rule)>, Cause> {
    let Some(length) = length(bytes) else { return Ok(None) };
    if first && let Some(stranger) = bytes.first_chunk().and_then(|first| stranger(*first)) {
        return Err(match stranger {
            Stranger::Tls => Cause::TlsOnPlainPort,
            Stranger::Http => Cause::HttpOnKafkaPort,
            Stranger::Ssh => Cause::SshOnKafkaPort,
            Stranger::Proxy => Cause::ProxyHeader,
        });
    }
    if length < REQUEST_LENGTH_MIN || i64::from(length) > i64::from(frame_bytes_max) {
        return Err(Cause::FrameLength);
    }
    let Some(head) = RequestHead::read(bytes) else { return Ok(None) };
    let rule = match class(head.api_key) {
        Class::Served(rule) => rule,
        Class::Internal => return Err(Cause::InternalApi),
        Class::Unknown => return Err(Cause::UnknownApi),
    };
    let answered_all_the_same = rule.key == API_VERSIONS && head.api_version > rule.max;
    if !rule.serves(head.api_version) && !answered_all_the_same {
        return Err(Cause::UnknownVersion);
    }
    Ok(Some((head, rule)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_may_be_as_long_as_the_limit_says() {
        let frame = |length: i32| [&length.to_be_bytes()[..], &[0, 18, 0, 0, 0, 0, 0, 1]].concat();
        for (length, expected) in [
            (1_000, Ok(Opening::Request)),
            (1_001, Err(Cause::FrameLength)),
            (REQUEST_LENGTH_MIN, Ok(Opening::Request)),
            (REQUEST_LENGTH_MIN - 1, Err(Cause::FrameLength)),
        ] {
            assert_eq!(opening(&frame(length), 1_000), expected, "{length}");
        }
        assert_eq!(opening(&frame(1_000)[..7], 1_000), Ok(Opening::TooShort));
    }
}
