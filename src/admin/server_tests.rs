//! The server over real sockets on loopback, asked by blocking clients on other threads.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Instant;

use super::super::{BackendReport, Report};
use super::*;

/// A control thread whose backend cluster is known or not, and whose shards take their time.
#[derive(Clone, Copy)]
struct Fixed {
    catalogue_version: u64,
    takes: Duration,
}

impl Source for Fixed {
    async fn report(&self) -> Report {
        tokio::time::sleep(self.takes).await;
        let lab = BackendReport { catalogue_version: self.catalogue_version, ..BackendReport::default() };
        let lab = BackendReport { name: "lab".into(), ..lab };
        Report { backends: vec![lab], accepting: true, ..Report::default() }
    }
}

const KNOWN: Fixed = Fixed { catalogue_version: 1, takes: Duration::ZERO };

/// A server on a thread of its own; ends when dropped.
struct Served {
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Served {
    fn start(listener: impl Into<AdminListener>, source: Fixed) -> Served {
        let listener = listener.into();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    ended = serve(listener, Rc::new(source)) => panic!("the server ended: {ended:?}"),
                    _ = stopped => {}
                }
            });
        });
        Served { stop: Some(stop), thread: Some(thread) }
    }

    fn on_loopback(source: Fixed) -> (Served, SocketAddr) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (Served::start(listener, source), address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(thread::JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))), "the server's thread panicked");
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(CONNECTION_DEADLINE + Duration::from_secs(5))).unwrap();
    stream
}

fn ask(mut stream: impl Read + Write, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

fn get(address: SocketAddr, method: &str, path: &str) -> String {
    ask(connect(address), &format!("{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
}

/// The header's value, whatever the case of its name.
fn header<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    let head = response.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name))).map(|(_, v)| v)
}

#[test]
fn each_path_answers() {
    let (_served, address) = Served::on_loopback(KNOWN);
    let live = get(address, "GET", "/live");
    assert!(live.starts_with("HTTP/1.1 200 OK\r\n") && live.ends_with("\r\n\r\nlive\n"), "{live}");
    assert_eq!(header(&live, "connection"), Some("close"));
    let ready = get(address, "GET", "/ready?verbose");
    assert!(ready.starts_with("HTTP/1.1 200 ") && ready.ends_with("\r\n\r\nready\n"), "{ready}");
    let metrics = get(address, "GET", "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200 ") && metrics.ends_with("\n# EOF\n"), "{metrics}");
    assert_eq!(header(&metrics, "content-type"), Some(super::super::exposition::CONTENT_TYPE));
    let head = get(address, "HEAD", "/live");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(header(&head, "content-length"), Some("5"));
}

#[test]
fn not_ready_says_why_and_live_stays_live() {
    let (_served, address) = Served::on_loopback(Fixed { catalogue_version: 0, ..KNOWN });
    let ready = get(address, "GET", "/ready");
    assert!(ready.starts_with("HTTP/1.1 503 ") && ready.contains("backend cluster lab has no catalogue"), "{ready}");
    assert!(get(address, "GET", "/live").starts_with("HTTP/1.1 200 "));
}

#[test]
fn what_is_wrong_gets_a_hint() {
    let (_served, address) = Served::on_loopback(KNOWN);
    let lost = get(address, "GET", "/");
    assert!(lost.starts_with("HTTP/1.1 404 ") && lost.contains("/live, /ready and /metrics"), "{lost}");
    let posted = get(address, "POST", "/ready");
    assert!(posted.starts_with("HTTP/1.1 405 ") && posted.contains("GET and HEAD only"), "{posted}");
    assert_eq!(header(&posted, "allow"), Some("GET, HEAD"));

    let mut stream = connect(address);
    // The server may close while this is being written.
    let _ = stream.write_all(format!("GET /live?{} HTTP/1.1\r\n\r\n", "x".repeat(4 * HEAD_BYTES_MAX)).as_bytes());
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response);
    assert!(!response.starts_with(b"HTTP/1.1 200"), "a head above the limit was served");
    assert!(get(address, "GET", "/live").starts_with("HTTP/1.1 200 "));
}

#[test]
fn silent_and_slow_clients_shut_out_nobody_and_are_closed() {
    let (_served, address) = Served::on_loopback(KNOWN);
    let started = Instant::now();
    let silent: Vec<TcpStream> = (0..3 * CONNECTIONS_MAX).map(|_| connect(address)).collect();
    let mut slow = connect(address);
    slow.write_all(b"GET /live HTT").unwrap();
    assert!(get(address, "GET", "/live").starts_with("HTTP/1.1 200 "));
    assert!(started.elapsed() < HEAD_DEADLINE / 2, "{:?}", started.elapsed());

    // A byte now and then keeps nobody: the deadline holds for the whole head.
    let limit = HEAD_DEADLINE + Duration::from_secs(3);
    while slow.write_all(b"x").is_ok() {
        assert!(started.elapsed() < limit, "a slow client is still connected");
        thread::sleep(Duration::from_millis(200));
    }
    assert!(started.elapsed() >= HEAD_DEADLINE, "a slow client has its time: {:?}", started.elapsed());
    for mut stream in silent {
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        let timed_out =
            ended.is_err_and(|error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut));
        assert!(!timed_out, "a silent client is still connected");
    }
}

#[test]
fn a_report_that_takes_time_holds_up_no_other_connection() {
    let (_served, address) = Served::on_loopback(Fixed { takes: Duration::from_secs(2), ..KNOWN });
    let started = Instant::now();
    let waiting = thread::spawn(move || get(address, "GET", "/ready"));
    thread::sleep(Duration::from_millis(200));
    assert!(get(address, "GET", "/live").starts_with("HTTP/1.1 200 "));
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
    assert!(waiting.join().unwrap().starts_with("HTTP/1.1 200 "));
    assert!(started.elapsed() >= Duration::from_secs(2));
}

#[test]
fn a_unix_socket_serves_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let _served = Served::start(std::os::unix::net::UnixListener::bind(&path).unwrap(), KNOWN);
    let response = ask(UnixStream::connect(&path).unwrap(), "GET /live HTTP/1.0\r\n\r\n");
    assert!(response.ends_with("live\n"), "{response}");
}
