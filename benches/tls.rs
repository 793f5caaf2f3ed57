//! What the pump costs beside a bare server of rustls, in memory, on one core: handshakes, bulk in both directions, and the
//! memory of an idle connection.
//!
//! `cargo bench --bench tls`. The client's part is not counted. Rounds of both alternate, and the median of each is shown:
//! the ratio is what counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use klamm::config;
use klamm::tls::{CIPHERTEXT_BYTES_MAX, ServerTlsConfig, TlsConnection, Wire};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::TLS12;
use rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};

const NAME: &str = "bootstrap-passthrough.kafka.example";
const ROUNDS: usize = 9;
const HANDSHAKES: u32 = 200;
/// Bytes that travel in a round, and those of one read.
const BULK_BYTES: usize = 64 << 20;
const READ_BYTES: usize = 256 << 10;
const IDLE: i64 = 200;

/// Counts what is allocated, and what is held.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static HELD_BYTES: AtomicI64 = AtomicI64::new(0);

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

// SAFETY: passes on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    /// # Safety
    ///
    /// As the system's.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        HELD_BYTES.fetch_add(signed(layout.size()), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    /// # Safety
    ///
    /// As the system's.
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD_BYTES.fetch_sub(signed(layout.size()), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A server's end of a connection.
trait Server {
    fn new(config: &Arc<ServerConfig>) -> Self;
    /// Takes what was received, behind `kept`; plaintext goes to `plain`, answers to `wire`.
    fn receive(&mut self, input: &mut Vec<u8>, plain: &mut Vec<u8>, wire: &mut Wire, out: &mut Vec<u8>);
    /// Encrypts into `out`.
    fn send(&mut self, plain: &[u8], gather: &mut Vec<u8>, wire: &mut Wire, out: &mut Vec<u8>);
}

impl Server for TlsConnection {
    fn new(config: &Arc<ServerConfig>) -> TlsConnection {
        TlsConnection::server(config.clone()).unwrap()
    }

    fn receive(&mut self, input: &mut Vec<u8>, plain: &mut Vec<u8>, wire: &mut Wire, out: &mut Vec<u8>) {
        let received = TlsConnection::receive(self, input, plain, wire).unwrap();
        input.drain(..received.consumed);
        out.extend_from_slice(wire.filled());
        wire.clear();
    }

    fn send(&mut self, plain: &[u8], gather: &mut Vec<u8>, wire: &mut Wire, out: &mut Vec<u8>) {
        assert_eq!(TlsConnection::send(self, [plain], gather, wire).unwrap(), plain.len());
        out.extend_from_slice(wire.filled());
        wire.clear();
    }
}

impl Server for ServerConnection {
    fn new(config: &Arc<ServerConfig>) -> ServerConnection {
        let mut server = ServerConnection::new(config.clone()).unwrap();
        server.set_buffer_limit(None);
        server
    }

    fn receive(&mut self, input: &mut Vec<u8>, plain: &mut Vec<u8>, _: &mut Wire, out: &mut Vec<u8>) {
        let mut rest = &input[..];
        while !rest.is_empty() {
            self.read_tls(&mut rest).unwrap();
            let state = self.process_new_packets().unwrap();
            let start = plain.len();
            plain.resize(start + state.plaintext_bytes_to_read(), 0);
            self.reader().read_exact(&mut plain[start..]).unwrap();
        }
        input.clear();
        self.write_all_tls(out);
    }

    fn send(&mut self, plain: &[u8], _: &mut Vec<u8>, _: &mut Wire, out: &mut Vec<u8>) {
        self.writer().write_all(plain).unwrap();
        self.write_all_tls(out);
    }
}

trait WriteAll {
    fn write_all_tls(&mut self, out: &mut Vec<u8>);
}

impl WriteAll for ServerConnection {
    fn write_all_tls(&mut self, out: &mut Vec<u8>) {
        while self.wants_write() {
            self.write_tls(out).unwrap();
        }
    }
}

/// Both ends, and the shard's buffers.
struct Ground {
    server: Arc<ServerConfig>,
    full: Arc<ClientConfig>,
    resuming: Arc<ClientConfig>,
    /// Those of TLS 1.2.
    full12: Arc<ClientConfig>,
    resuming12: Arc<ClientConfig>,
}

fn ground() -> Ground {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = CertificateParams::new(vec!["*.kafka.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.path().join("a.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.path().join("a.key"), key.serialize_pem()).unwrap();
    let text = "backend_clusters: [{name: lab, bootstrap_servers: [\"kafka:9092\"]}]\nlisteners: [{name: door, addresses: \
                [\"127.0.0.1\"], ports: [9094], policies: [{type: tls_server, config: {certificates: [{certificate: \
                \"${file['a.pem']}\", key: \"${file['a.key']}\"}]}}, {type: forward_to_virtual_cluster, config: {type: sni, \
                sni_suffix: .kafka.example, broker_host_format: {type: shared_suffix}}}]}]\n";
    let path = folder.path().join("klamm.yaml");
    let snapshot = config::load_bytes(Path::new(&path), text.as_bytes()).unwrap();
    let server = ServerTlsConfig::new(snapshot.listeners[0].tls.as_ref().unwrap(), None).unwrap().config;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate.der().to_vec())).unwrap();
    let client = |versions: &[&'static SupportedProtocolVersion]| {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let builder = ClientConfig::builder_with_provider(provider.into()).with_protocol_versions(versions).unwrap();
        let resuming = builder.with_root_certificates(roots.clone()).with_no_client_auth();
        let mut full = resuming.clone();
        full.resumption = Resumption::disabled();
        (Arc::new(full), Arc::new(resuming))
    };
    let (full, resuming) = client(ALL_VERSIONS);
    let (full12, resuming12) = client(&[&TLS12]);
    Ground { server, full, resuming, full12, resuming12 }
}

/// Shakes hands; gives both ends, and the time of the server's part.
fn shake<S: Server>(ground: &Ground, client: &Arc<ClientConfig>) -> (S, ClientConnection, Duration) {
    let mut client = ClientConnection::new(client.clone(), ServerName::try_from(NAME).unwrap()).unwrap();
    let (mut input, mut plain, mut out) = (Vec::new(), Vec::new(), Vec::new());
    let mut wire = Wire::with_room(CIPHERTEXT_BYTES_MAX);
    let mut took = Duration::ZERO;
    let started = Instant::now();
    let mut server = S::new(&ground.server);
    took += started.elapsed();
    while client.is_handshaking() || client.wants_write() {
        client.write_tls(&mut input).unwrap();
        let started = Instant::now();
        server.receive(&mut input, &mut plain, &mut wire, &mut out);
        took += started.elapsed();
        let mut rest = &out[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets().unwrap();
        }
        out.clear();
    }
    (server, client, took)
}

fn handshakes<S: Server>(ground: &Ground, client: &Arc<ClientConfig>) -> f64 {
    let took: Duration = (0..HANDSHAKES).map(|_| shake::<S>(ground, client).2).sum();
    f64::from(HANDSHAKES) / took.as_secs_f64()
}

/// CPU-s a GiB, and allocations a record, of what is received.
fn receive<S: Server>(ground: &Ground) -> f64 {
    let (mut server, mut client, _) = shake::<S>(ground, &ground.full);
    client.set_buffer_limit(None);
    let data = vec![0x5a; READ_BYTES];
    let (mut input, mut plain, mut out) =
        (Vec::with_capacity(READ_BYTES * 2), Vec::with_capacity(READ_BYTES * 2), Vec::new());
    let mut wire = Wire::with_room(CIPHERTEXT_BYTES_MAX);
    let mut took = Duration::ZERO;
    for _ in 0..BULK_BYTES / READ_BYTES {
        client.writer().write_all(&data).unwrap();
        while client.wants_write() {
            client.write_tls(&mut input).unwrap();
        }
        let started = Instant::now();
        server.receive(&mut input, &mut plain, &mut wire, &mut out);
        took += started.elapsed();
        assert_eq!(plain.len(), data.len());
        plain.clear();
    }
    took.as_secs_f64() * (1u64 << 30) as f64 / BULK_BYTES as f64
}

fn send<S: Server>(ground: &Ground) -> f64 {
    let (mut server, mut client, _) = shake::<S>(ground, &ground.full);
    let data = vec![0x5a; READ_BYTES];
    let (mut gather, mut out) = (Vec::new(), Vec::with_capacity(READ_BYTES * 2));
    let mut wire = Wire::with_room(READ_BYTES * 2);
    let mut took = Duration::ZERO;
    let mut back = vec![0; READ_BYTES];
    for _ in 0..BULK_BYTES / READ_BYTES {
        let started = Instant::now();
        server.send(&data, &mut gather, &mut wire, &mut out);
        took += started.elapsed();
        let mut rest = &out[..];
        let mut arrived = 0;
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            let state = client.process_new_packets().unwrap();
            let count = state.plaintext_bytes_to_read();
            client.reader().read_exact(&mut back[arrived..arrived + count]).unwrap();
            arrived += count;
        }
        assert_eq!(arrived, data.len());
        out.clear();
    }
    took.as_secs_f64() * (1u64 << 30) as f64 / BULK_BYTES as f64
}

fn main() {
    let ground = ground();
    shake::<TlsConnection>(&ground, &ground.resuming);
    println!("{:<34} {:>9} {:>9} {:>6}", "", "pump", "rustls", "ratio");
    compare(
        "full handshakes a CPU-s",
        || handshakes::<TlsConnection>(&ground, &ground.full),
        || handshakes::<ServerConnection>(&ground, &ground.full),
    );
    compare(
        "resumed handshakes a CPU-s",
        || handshakes::<TlsConnection>(&ground, &ground.resuming),
        || handshakes::<ServerConnection>(&ground, &ground.resuming),
    );
    shake::<TlsConnection>(&ground, &ground.resuming12);
    compare(
        "TLS 1.2 full handshakes a CPU-s",
        || handshakes::<TlsConnection>(&ground, &ground.full12),
        || handshakes::<ServerConnection>(&ground, &ground.full12),
    );
    compare(
        "TLS 1.2 tickets a CPU-s",
        || handshakes::<TlsConnection>(&ground, &ground.resuming12),
        || handshakes::<ServerConnection>(&ground, &ground.resuming12),
    );
    compare("CPU-s a GiB received", || receive::<TlsConnection>(&ground), || receive::<ServerConnection>(&ground));
    compare("CPU-s a GiB sent", || send::<TlsConnection>(&ground), || send::<ServerConnection>(&ground));
    compare(
        "bytes held by an idle connection",
        || idle::<TlsConnection>(&ground),
        || idle::<ServerConnection>(&ground),
    );
    println!("allocations a received record of 16 KiB: {:.2}", allocations(&ground));
}

/// Bytes that a connection holds after its handshake.
fn idle<S: Server>(ground: &Ground) -> f64 {
    let mut servers: Vec<S> = Vec::with_capacity(usize::try_from(IDLE).unwrap());
    let before = HELD_BYTES.load(Ordering::Relaxed);
    for _ in 0..IDLE {
        servers.push(shake::<S>(ground, &ground.full).0);
    }
    let held = HELD_BYTES.load(Ordering::Relaxed) - before + IDLE * signed(size_of::<S>());
    drop(servers);
    held as f64 / IDLE as f64
}

fn allocations(ground: &Ground) -> f64 {
    const RECORDS: u64 = 160;
    let (mut server, mut client, _) = shake::<TlsConnection>(ground, &ground.full);
    client.set_buffer_limit(None);
    let mut input = Vec::new();
    for _ in 0..RECORDS {
        client.writer().write_all(&[0x5a; 16 << 10]).unwrap();
        while client.wants_write() {
            client.write_tls(&mut input).unwrap();
        }
    }
    let (mut plain, mut wire) = (Vec::with_capacity(input.len()), Wire::with_room(CIPHERTEXT_BYTES_MAX));
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    TlsConnection::receive(&mut server, &mut input, &mut plain, &mut wire).unwrap();
    (ALLOCATIONS.load(Ordering::Relaxed) - before) as f64 / RECORDS as f64
}

fn compare(what: &str, mut pump: impl FnMut() -> f64, mut rustls: impl FnMut() -> f64) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(pump());
        theirs.push(rustls());
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    println!("{what:<34} {ours:>9.2} {theirs:>9.2} {:>6.2}", ours / theirs);
}
