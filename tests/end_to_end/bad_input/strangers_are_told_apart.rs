//! What is not Kafka at all: TLS, HTTP, SSH and PROXY headers are each closed with a cause of their own, and no answer.

use crate::ensure;
use crate::harness::closes::{Closes, SOON};
use crate::harness::neighbour::Neighbour;
use crate::harness::scripted::Scripted;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World};

/// Who, the first bytes, and the cause.
const STRANGERS: [(&str, &[u8], &str); 9] = [
    (
        "TLS 1.3 hello",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x01\x02\x03\x04\x05\x06\x07",
        "tls_on_plain_port",
    ),
    (
        "TLS 1.0 hello",
        b"\x16\x03\x00\x00\x41\x01\x00\x00\x3d\x03\x00\x00\x01\x02\x03\x04\x05\x06\x07",
        "tls_on_plain_port",
    ),
    ("HTTP GET", b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n", "http_on_kafka_port"),
    ("HTTP POST", b"POST /topics HTTP/1.1\r\nHost: gateway\r\n\r\n", "http_on_kafka_port"),
    ("HTTP HEAD", b"HEAD / HTTP/1.0\r\n\r\n", "http_on_kafka_port"),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http_on_kafka_port"),
    ("SSH", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "ssh_on_kafka_port"),
    ("PROXY v1", b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 9092\r\n", "proxy_header"),
    (
        "PROXY v2",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x9c\x40\x23\x84",
        "proxy_header",
    ),
];

pub fn run(world: &World) -> Fallible<()> {
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), &[])?;
    gateway.wait_ready()?;
    let neighbour = Neighbour::start(&gateway.bootstrap())?;
    for (who, bytes, cause) in STRANGERS {
        let closes = Closes::before(&gateway, cause)?;
        let mut wire = Wire::connect(&gateway.bootstrap())?;
        wire.send_bytes(bytes);
        let answer = wire.closed(SOON).map_err(|error| format!("{who}: {error}"))?;
        ensure!(answer.is_empty(), "{who} is answered {answer:02x?}");
        closes.one_more(who)?;
        ensure!(closes.last_fault()?.is_none(), "{who} names no API");
    }
    neighbour.stop()
}
