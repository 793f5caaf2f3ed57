//! What the tests of a shard stand on: a backend that follows a script, and a client, both on loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// For whatever is waited for; all of it comes at once, where it comes at all.
pub const LIMIT: Duration = Duration::from_secs(20);

/// The id of every node.
pub const NODE: u8 = 7;

const HEARTBEAT: i16 = 12;
const END_TXN: i16 = 26;
const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;

/// A Kafka of one node. It answers a heartbeat with a code of its own, while its gate is open, and the end of a transaction.
pub struct Node {
    pub address: SocketAddr,
    code: i16,
    refreshes: AtomicUsize,
    /// The transactions that were ended.
    ended: AtomicUsize,
    /// The groups of the heartbeats that came.
    groups: Mutex<Vec<String>>,
    gate: (Mutex<bool>, Condvar),
}

impl Node {
    pub fn start(code: i16) -> Arc<Node> {
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        let node = Arc::new(Node {
            address: listening.local_addr().unwrap(),
            code,
            refreshes: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            groups: Mutex::default(),
            gate: (Mutex::new(true), Condvar::new()),
        });
        let serving = node.clone();
        std::thread::spawn(move || {
            for stream in listening.incoming() {
                let (node, stream) = (serving.clone(), stream.unwrap());
                std::thread::spawn(move || node.serve(stream));
            }
        });
        node
    }

    fn serve(&self, mut stream: TcpStream) {
        while let Some(frame) = read_frame(&mut stream) {
            let (head, rest) = frame.split_at(8);
            let mut response = head[4..].to_vec();
            match i16::from_be_bytes([head[0], head[1]]) {
                API_VERSIONS => {
                    response.extend([0, 0, 0, 0, 0, 4]);
                    for (key, version) in [(METADATA, 5i16), (HEARTBEAT, 0), (API_VERSIONS, 0), (END_TXN, 0)] {
                        [key, version, version].iter().for_each(|word| response.extend(word.to_be_bytes()));
                    }
                }
                METADATA => {
                    self.refreshes.fetch_add(1, Ordering::SeqCst);
                    response.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, NODE, 0, 9]);
                    response.extend(b"127.0.0.1");
                    response.extend(i32::from(self.address.port()).to_be_bytes());
                    // No rack, no cluster id, the controller, no topics.
                    response.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0, NODE, 0, 0, 0, 0]);
                }
                HEARTBEAT => {
                    // Behind the client's id, which is null.
                    let bytes = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
                    self.groups.lock().unwrap().push(String::from_utf8(rest[4..4 + bytes].to_vec()).unwrap());
                    let open = self.gate.0.lock().unwrap();
                    drop(self.gate.1.wait_while(open, |open| !*open).unwrap());
                    response.extend(self.code.to_be_bytes());
                }
                END_TXN => {
                    self.ended.fetch_add(1, Ordering::SeqCst);
                    response.extend([0, 0, 0, 0]);
                    response.extend(self.code.to_be_bytes());
                }
                other => panic!("a request with api key {other}"),
            }
            let mut framed = (response.len() as u32).to_be_bytes().to_vec();
            framed.extend(response);
            if stream.write_all(&framed).is_err() {
                return;
            }
        }
    }

    pub fn set_open(&self, open: bool) {
        *self.gate.0.lock().unwrap() = open;
        self.gate.1.notify_all();
    }

    pub fn groups(&self) -> Vec<String> {
        self.groups.lock().unwrap().clone()
    }

    pub fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }

    pub fn refreshes(&self) -> usize {
        self.refreshes.load(Ordering::SeqCst)
    }
}

pub fn read_frame(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame).ok()?;
    Some(frame)
}

pub struct Client<S = TcpStream> {
    pub stream: S,
    sent: i32,
    answered: i32,
}

impl Client {
    pub fn connect(to: SocketAddr) -> Client {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        Client::on(stream)
    }
}

impl<S: Read + Write> Client<S> {
    pub fn on(stream: S) -> Client<S> {
        Client { stream, sent: 0, answered: 0 }
    }

    /// Sends so many heartbeats of the group `app` at once.
    pub fn send(&mut self, count: usize) {
        let requests: Vec<u8> = (0..count).flat_map(|_| self.heartbeat(0, "app")).collect();
        self.stream.write_all(&requests).unwrap();
    }

    /// The next request: a heartbeat of this version and group.
    pub fn heartbeat(&mut self, version: i16, group: &str) -> Vec<u8> {
        let bytes = (group.len() as u16).to_be_bytes();
        self.request(HEARTBEAT, version, &[&bytes, group.as_bytes(), b"\0\0\0\x01\0\x02me"].concat())
    }

    /// The next request, without a client id.
    pub fn request(&mut self, key: i16, version: i16, body: &[u8]) -> Vec<u8> {
        self.sent += 1;
        let mut frame = (10 + body.len() as u32).to_be_bytes().to_vec();
        [key, version].iter().for_each(|word| frame.extend(word.to_be_bytes()));
        frame.extend(self.sent.to_be_bytes());
        frame.extend([0xff, 0xff]);
        frame.extend(body);
        frame
    }

    /// The code of the next answer, which answers the oldest request.
    pub fn answer(&mut self) -> i16 {
        let body = self.answer_body();
        i16::from_be_bytes(body.try_into().expect("an error code and nothing else"))
    }

    /// The next answer, which answers the oldest request, without its head.
    pub fn answer_body(&mut self) -> Vec<u8> {
        let frame = read_frame(&mut self.stream).expect("an answer, and not the end of the connection");
        self.answered += 1;
        assert_eq!(frame[..4], self.answered.to_be_bytes());
        frame[4..].to_vec()
    }

    pub fn ask(&mut self) -> i16 {
        self.send(1);
        self.answer()
    }
}

pub fn wait_until(what: &str, is: impl Fn() -> bool) {
    let until = Instant::now() + LIMIT;
    while !is() {
        assert!(Instant::now() < until, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
