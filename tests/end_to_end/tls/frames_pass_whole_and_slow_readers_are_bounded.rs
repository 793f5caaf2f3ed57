//! Frames of all sizes come out of TLS as they went in, whatever is read at once; a client that reads slowly makes the gateway
//! hold little; no byte of it passes through a pipe.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use rustls::ClientConnection;

use super::front::{Front, Secure, at, hosts};
use crate::data_path::{request, same};
use crate::ensure;
use crate::harness::{Fallible, World, locked};

const NAME: &str = "bootstrap-alice.kafka.example";
/// Bodies around what is read at once, and around records of TLS.
const SIZES: [usize; 14] = [
    0,
    1,
    63,
    65,
    1_000,
    (16 << 10) - 61,
    16 << 10,
    (16 << 10) + 300,
    (32 << 10) - 1,
    40 << 10,
    (128 << 10) + 1,
    256 << 10,
    (1 << 20) + 13,
    3 << 20,
];
const SLOW_BYTES: usize = 32 << 20;
/// Of a connection with a slow reader: records in part, what was read and what was not taken, on both sides.
const HELD_BYTES_MAX: u64 = 768 << 10;

pub fn run(world: &World) -> Fallible<()> {
    for limits in ["read_bytes_max: 64", "read_bytes_max: 17000", "read_bytes_max: 128KiB, splice_bytes_min: 1"] {
        let front = Front::start(world, limits)?;
        let told = |error| format!("{limits}: {error}");
        let requests = SIZES.iter().zip(1..).map(|(bytes, id)| request("mirror", id, *bytes));
        mirrored(&front, &requests.collect::<Fallible<Vec<_>>>()?, |_| Ok(())).map_err(told)?;
    }
    let front = Front::start(world, "splice_bytes_min: 1")?;
    let mut held = 0;
    let rests = |_| {
        // The sockets fill, and nothing moves any more.
        thread::sleep(Duration::from_millis(300));
        held = (front.gateway.numbers()?.sum("klamm_held_bytes") as u64).max(held);
        Ok(())
    };
    mirrored(&front, &[request("mirror", 1, SLOW_BYTES)?], rests)?;
    ensure!((1..=HELD_BYTES_MAX).contains(&held), "{held} bytes were held");
    let spliced = front.gateway.numbers()?.sum("klamm_spliced_bytes_total");
    ensure!(spliced == 0.0, "{spliced} bytes passed unread");
    Ok(())
}

/// Sends all requests before their answers are looked at, which must be their own bytes; `rests` is called now and then.
fn mirrored(front: &Front, requests: &[Bytes], mut rests: impl FnMut(usize) -> Fallible<()>) -> Fallible<()> {
    const REST_EVERY: usize = 8 << 20;
    let mut client = front.client(at::NAMES, NAME, &front.settings(None))?;
    hosts(&mut client)?;
    let Secure { conn, sock } = client;
    let connection = Arc::new(Mutex::new(conn));
    let (writing, sent, own) = (sock.try_clone()?, requests.concat(), connection.clone());
    let writer = thread::spawn(move || write(&own, writing, &sent));
    let mut reader = Reader { connection, sock, plain: Vec::new() };
    for request in requests {
        let mut answer = vec![0; request.len() - 4];
        let mut at = 0;
        while at < answer.len() {
            let end = answer.len().min(at + REST_EVERY);
            reader.fill(&mut answer[at..end]).map_err(|error| format!("{} bytes: {error}", request.len()))?;
            at = end;
            rests(at)?;
        }
        same(&answer[4..], request)?;
    }
    Ok(writer.join().map_err(|_| "the writer panicked")??)
}

fn write(connection: &Mutex<ClientConnection>, mut sock: TcpStream, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let mut wire = Vec::new();
        {
            let mut connection = locked(connection);
            let n = connection.writer().write(&bytes[..bytes.len().min(50_021)])?;
            bytes = &bytes[n..];
            while connection.wants_write() {
                connection.write_tls(&mut wire)?;
            }
        }
        sock.write_all(&wire)?;
    }
    Ok(())
}

struct Reader {
    connection: Arc<Mutex<ClientConnection>>,
    sock: TcpStream,
    /// Plaintext that came behind what was asked for.
    plain: Vec<u8>,
}

impl Reader {
    /// Fills it with plaintext.
    fn fill(&mut self, into: &mut [u8]) -> Fallible<()> {
        let mut wire = vec![0; 4096];
        while self.plain.len() < into.len() {
            let n = self.sock.read(&mut wire)?;
            ensure!(n > 0, "it ends");
            let mut rest = &wire[..n];
            let mut connection = locked(&self.connection);
            while !rest.is_empty() {
                connection.read_tls(&mut rest)?;
                connection.process_new_packets()?;
                // Nothing more for now is told as an error.
                let _ = connection.reader().read_to_end(&mut self.plain);
            }
        }
        into.copy_from_slice(&self.plain[..into.len()]);
        self.plain.drain(..into.len());
        Ok(())
    }
}
