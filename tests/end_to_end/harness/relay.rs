//! A relay between all clients of the shared gateway and the gateway, which reads along: whatever a client is sent is
//! searched for addresses (or names) that it must not learn. So every test with every client is a test of what answers
//! tell.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::lab::CANARIES;
use super::wire::find;
use super::{Fallible, locked};

/// The shared gateway listens here, and advertises where the relay listens.
pub const BEHIND: &str = "127.0.0.9";
/// Bytes around a find that are kept for the report.
const AROUND: usize = 48;

/// What a long name begins with.
const LONG: &str = "a-long-name-";
/// A topic's name of that many bytes needs one byte for its compact length; on the backend, with a prefix, it needs two.
const LONG_BYTES: usize = 120;
/// Its compact length, 121, in two bytes.
pub const LONG_PADDED: [u8; 2] = [0x80 | 121, 0];

/// A topic's name whose compact length is padded when a Fetch response with it streams through the gateway.
pub fn long_name(of: &str) -> String {
    format!("{LONG}{of:-<width$}", width = LONG_BYTES - LONG.len())
}

/// What was seen.
#[derive(Default)]
pub struct Seen {
    /// Bytes sent to clients.
    pub bytes: AtomicU64,
    /// Connections relayed.
    pub connections: AtomicU64,
    /// Each find: the canary, and the bytes around it.
    pub leaks: Mutex<Vec<String>>,
    /// The long names that came behind a compact length of one byte more than it needs.
    pub padded: Mutex<BTreeSet<String>>,
    canaries: Vec<String>,
}

/// Relays each of these ports of `host` to the same port of [`BEHIND`], for as long as the process lives.
pub fn start(host: &str, ports: impl Iterator<Item = u16>) -> Fallible<Arc<Seen>> {
    start_with(host, ports, &[])
}

/// The same, with more that no client may be sent.
pub fn start_with(host: &str, ports: impl Iterator<Item = u16>, canaries: &[&str]) -> Fallible<Arc<Seen>> {
    let all = CANARIES.iter().chain([&BEHIND]).chain(canaries);
    let seen = Arc::new(Seen { canaries: all.map(|canary| (*canary).to_owned()).collect(), ..Seen::default() });
    for port in ports {
        let listener = TcpListener::bind((host, port))?;
        let seen = Arc::clone(&seen);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || {
                    let _ = relay(client, port, &seen);
                });
            }
        });
    }
    Ok(seen)
}

/// Relays one connection to its end.
fn relay(client: TcpStream, port: u16, seen: &Arc<Seen>) -> std::io::Result<()> {
    let gateway = TcpStream::connect((BEHIND, port))?;
    client.set_nodelay(true)?;
    gateway.set_nodelay(true)?;
    seen.connections.fetch_add(1, Ordering::Relaxed);
    let (from_client, to_gateway) = (client.try_clone()?, gateway.try_clone()?);
    let requests = thread::spawn(move || pass(from_client, to_gateway, |_| {}));
    let mut end_of_last = Vec::new();
    let answers = pass(gateway, client, |bytes| {
        seen.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        search(&mut end_of_last, bytes, port, seen);
    });
    let _ = requests.join();
    answers
}

/// Passes bytes on until one side ends, then ends both.
fn pass(mut from: TcpStream, mut to: TcpStream, mut look: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    let outcome = loop {
        match from.read(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(n) => {
                look(&buffer[..n]);
                if let Err(error) = to.write_all(&buffer[..n]) {
                    break Err(error);
                }
            }
            Err(error) => break Err(error),
        }
    };
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
    outcome
}

/// Searches these bytes and where they join the last ones.
fn search(end_of_last: &mut Vec<u8>, bytes: &[u8], port: u16, seen: &Seen) {
    let all = [end_of_last.as_slice(), bytes].concat();
    for canary in &seen.canaries {
        if let Some(at) = find(&all, canary.as_bytes()) {
            let around = &all[at.saturating_sub(AROUND)..all.len().min(at + AROUND)];
            locked(&seen.leaks).push(format!("{canary} at port {port}: {}", around.escape_ascii()));
        }
    }
    let padded = [&LONG_PADDED[..], LONG.as_bytes()].concat();
    let whole = LONG_PADDED.len() + LONG_BYTES;
    if let Some(name) = find(&all, &padded).and_then(|at| all.get(at + LONG_PADDED.len()..at + whole)) {
        locked(&seen.padded).insert(String::from_utf8_lossy(name).into_owned());
    }
    // One byte less than the longest of all: a shorter one may be found twice, but none is missed.
    let longest = seen.canaries.iter().map(String::len).max().unwrap_or(1).max(whole);
    *end_of_last = all[all.len().saturating_sub(longest - 1)..].to_vec();
}
