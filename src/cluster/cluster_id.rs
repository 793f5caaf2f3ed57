//! The cluster id that the clients of a namespaced virtual cluster see.

use sha2::{Digest, Sha256};

/// Bytes of a cluster id before it is written as text, as Kafka's own (a UUID).
const BYTES: usize = 16;
/// base64url (RFC 4648, section 5).
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The id of `virtual_cluster` on the backend that calls itself `backend`: 22 characters, as Kafka writes its own; the
/// first 16 bytes of a SHA-256 over both names, so that every Klamm answers the same one and it reveals nothing of the
/// backend's.
pub fn virtual_cluster_id(backend: &str, virtual_cluster: &str) -> Box<str> {
    // Neither name holds the byte between them: two pairs never make one input.
    let hash = Sha256::new().chain_update(backend).chain_update([0]).chain_update(virtual_cluster).finalize();
    let id: Vec<u8> = hash.into_iter().take(BYTES).collect();
    base64url(&id).into()
}

/// Without padding, as Kafka writes it.
fn base64url(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        let digit = |at: usize| DIGITS.get((bits >> (18 - 6 * at) & 63) as usize).map(|digit| char::from(*digit));
        text.extend((0..=three.len()).filter_map(digit));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_that_of_the_rfc_without_padding() {
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")] {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xfb, 0xff, 0xfe]), "-__-");
    }

    #[test]
    fn the_id_is_as_long_as_kafkas_and_of_both_names() {
        // printf 'lab\0vc-alice' | openssl dgst -sha256 -binary | head -c 16 | basenc --base64url
        assert_eq!(&*virtual_cluster_id("lab", "vc-alice"), "HpInJpSSdwUwClsCFZMKHw");
        let others = [("lab", "vc-bob"), ("lab2", "vc-alice"), ("labv", "c-alice"), ("", "labvc-alice")];
        for (backend, name) in others {
            let id = virtual_cluster_id(backend, name);
            assert_eq!(id.len(), 22);
            assert_ne!(id, virtual_cluster_id("lab", "vc-alice"), "{backend} {name}");
        }
    }
}
