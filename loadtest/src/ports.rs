//! Ports on the loopback address: a block of neighbours that nobody listens on.
//!
//! Owns the choice. It stays below the range from which the kernel gives out ports by itself, where a connection of
//! another program may sit on any of them.

use crate::error::{Error, Result};
use std::net::{Ipv4Addr, TcpListener};

/// Ports from here on belong to the kernel's own choice on common settings (`net.ipv4.ip_local_port_range`: 32768).
const EPHEMERAL_FIRST: u16 = 32768;

/// The first of `count` free neighbours, at or after `from`.
pub fn free_block(from: u16, count: u16) -> Result<u16> {
    let mut first = from;
    while let Some(last) = first.checked_add(count.saturating_sub(1)).filter(|last| *last < EPHEMERAL_FIRST) {
        match (first..=last).rev().find(|port| !is_free(*port)) {
            None => return Ok(first),
            Some(busy) => first = busy + 1,
        }
    }
    Err(Error::new(format!("no {count} free neighbouring ports between {from} and {EPHEMERAL_FIRST}"))
        .try_this("Stop a program that listens there, or choose the first port with --port."))
}

/// Checks that the block which the user wants is free.
pub fn check_block(first: u16, count: u16) -> Result<u16> {
    let Some(last) = first.checked_add(count.saturating_sub(1)) else {
        return Err(Error::new(format!("{count} ports from {first} on go beyond 65535")));
    };
    match (first..=last).find(|port| !is_free(*port)) {
        None => Ok(first),
        Some(busy) => Err(Error::new(format!("port {busy} is in use (needed are {first} to {last})"))
            .try_this("Choose another with --port N, or leave --port out: free ones are then found.")),
    }
}

/// Nobody listens there, on any address of this machine.
fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

/// `host:port`, as Kafka's clients take it.
pub fn host_port(text: &str) -> std::result::Result<String, String> {
    let right = "right would be HOST:PORT, as in kafka1:9092";
    let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("it has no port; {right}"))?;
    match port.parse::<u16>() {
        Ok(1..) if !host.is_empty() => Ok(text.to_owned()),
        Ok(_) | Err(_) => Err(right.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_is_stepped_over_and_named() {
        let first = free_block(22100, 8).unwrap();
        let holder = TcpListener::bind(("127.0.0.1", first + 2)).unwrap();
        assert_eq!(free_block(first, 4).unwrap(), first + 3);
        let error = check_block(first, 4).unwrap_err();
        assert!(error.what().contains(&format!("port {} is in use", first + 2)), "{error}");
        drop(holder);
        assert_eq!(check_block(first, 4).unwrap(), first);
    }

    #[test]
    fn the_end_of_the_range_is_an_error() {
        assert!(free_block(EPHEMERAL_FIRST - 2, 4).is_err());
        assert!(check_block(65534, 4).is_err());
    }
}
