//! A request in the middle of a pipelined connection waits for a decision that comes from outside: a shard with its real ring,
//! a backend that follows a script, clients on loopback.

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};

use super::test_ground::{Client, LIMIT, NODE, Node, wait_until};
use super::*;
use crate::auth::Identity;
use crate::config;
use crate::metrics::Cause;
use crate::net::mailbox;
use crate::rewrite::{Access, Decision};
use crate::session::{self, Arrival};
use crate::sys;

/// What the node answers a heartbeat with.
const CODE: i16 = 11;
/// TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
const REFUSED: i16 = 53;
const END_TXN: i16 = 26;
/// She alone may end transactions.
const ALICE: &str = "CN=alice";
/// Heartbeats of this version wait for a decision.
const ASKED: i16 = 1;
/// Heartbeats of this version are denied, and have no answer that says so.
const DENIED: i16 = 2;
/// In it, whatever comes without being waited for has come.
const A_WHILE: Duration = Duration::from_millis(300);

/// Decides by the version, and by who asks.
struct Decider {
    decision: Cell<Decision>,
    /// The decision is for one request: the next ones wait again.
    once: Cell<bool>,
    asked: Cell<usize>,
}

impl Access for Decider {
    fn request(&self, identity: &Identity, key: i16, version: i16) -> Decision {
        match (key, version) {
            (END_TXN, _) if identity.proven_principal() != Some(ALICE) => Decision::Denied(REFUSED),
            (_, DENIED) if identity.proven_principal().is_none() => Decision::Denied(REFUSED),
            (_, ASKED) => {
                self.asked.set(self.asked.get() + 1);
                if self.once.take() { self.decision.replace(Decision::NotYet) } else { self.decision.get() }
            }
            _ => Decision::Allowed,
        }
    }

    fn topic(&self, _identity: &Identity, _key: i16, _name: &[u8]) -> bool {
        true
    }
}

/// What runs on the shard's thread.
struct Ground {
    context: Rc<Context>,
    shard: Rc<ShardState>,
    decider: Rc<Decider>,
    table: Table,
}

type Work = Box<dyn FnOnce(&Ground) + Send>;

/// A shard whose sessions are begun by hand.
struct Shard {
    sender: Sender<Work>,
    address: SocketAddr,
}

impl Shard {
    /// With these limits, before that node.
    fn start(limits: &str, node: &Node) -> Shard {
        Shard::start_with(limits, "", Path::new("."), node)
    }

    /// With a further policy of its listener too, whose files stand in `folder`.
    fn start_with(limits: &str, policy: &str, folder: &Path, node: &Node) -> Shard {
        prepare();
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let table = Table::of(snapshot(limits, policy, folder, node, address.port()), 1, None).unwrap();
        let (sender, mailbox) = mailbox::<Work>(100).unwrap();
        let core = sys::allowed_cores()[0];
        spawn_thread("shard".into(), core, move || serve(table, mailbox)).unwrap();
        Shard { sender, address }
    }

    /// What `look` finds on the shard's thread.
    fn on<T: Send + 'static>(&self, look: impl FnOnce(&Ground) -> T + Send + 'static) -> T {
        let (answer, answers) = mpsc::channel();
        let work: Work = Box::new(move |ground| answer.send(look(ground)).unwrap());
        assert!(self.sender.send(work).is_ok(), "the mailbox is full");
        answers.recv_timeout(LIMIT).unwrap()
    }

    fn connect(&self) -> Client {
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::connect(listening.local_addr().unwrap());
        let (stream, address) = (listening.accept().unwrap().0, self.address);
        stream.set_nonblocking(true).unwrap();
        self.on(move |ground| {
            let (ingress, server_tls) = ground.table.ingress(address).unwrap();
            ground.shard.count_accept();
            let arrival = Arrival { stream, ingress, server_tls };
            executor::spawn(&ground.shard.net, session::run(ground.context.clone(), arrival));
        });
        client
    }

    fn decide(&self, decision: Decision) {
        self.on(move |ground| {
            ground.decider.decision.set(decision);
            ground.shard.decided.notify();
        });
    }

    fn allow_one(&self) {
        self.on(|ground| ground.decider.once.set(true));
        self.decide(Decision::Allowed);
    }

    fn asked(&self) -> usize {
        self.on(|ground| ground.decider.asked.get())
    }

    fn numbers(&self) -> Sample {
        self.on(|ground| ground.shard.numbers.sample())
    }

    fn set_phase(&self, phase: Phase) {
        self.on(move |ground| ground.shard.set_phase(phase));
    }

    fn wait_for_close(&self, cause: Cause) {
        wait_until(cause.label(), || self.numbers().closed(cause) == 1);
        assert_eq!((self.numbers().active, self.numbers().held_bytes), (0, 0));
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        let stop: Work = Box::new(|ground| {
            ground.shard.set_phase(Phase::Over);
            ground.shard.net.stop();
        });
        let _ = self.sender.send(stop);
    }
}

async fn serve(table: Table, mailbox: Mailbox<Work>) {
    let (net, numbers) = (Net::new().unwrap(), Rc::new(Numbers::default()));
    // All messages about backends are for this shard, and come by the same way.
    let (post_sender, posted) = crate::net::mailbox(1_000).unwrap();
    let post: Post = Arc::new(move |_, message| post_sender.send(message));
    let resolver = Resolver::start(post.clone()).unwrap();
    let upstream = Upstream::new(&net, (0, 1), post, resolver, numbers.clone());
    let shard = Rc::new(ShardState::new(net.clone(), numbers, (0, 1), [0; 16]));
    let (upstream, keepers) = upstream.replaced_by(&table.backends);
    let decider =
        Rc::new(Decider { decision: Cell::new(Decision::NotYet), once: Cell::default(), asked: Cell::default() });
    let mut context = Context::new(shard.clone(), upstream, &table);
    context.access = Some(decider.clone());
    keepers.into_iter().for_each(|keeper| executor::spawn(&net, keeper.run()));
    let ground = Rc::new(Ground { context: Rc::new(context), shard, decider, table });
    let receiving = ground.clone();
    executor::spawn(
        &net,
        take_all(AsyncFd::new(&net, posted), move |message| receiving.context.upstream.receive(message)),
    );
    executor::spawn(&net, take_all(AsyncFd::new(&net, mailbox), move |work| work(&ground)));
    net.drive().await;
}

async fn take_all<T>(mailbox: AsyncFd<Mailbox<T>>, take: impl Fn(T)) {
    loop {
        mailbox.readable().await;
        mailbox.get().clear();
        while let Some(message) = mailbox.get().take() {
            take(message);
        }
    }
}

fn snapshot(limits: &str, policy: &str, folder: &Path, node: &Node, port: u16) -> config::Snapshot {
    let text = format!(
        "
node: {{limits: {{{limits}}}}}
backend_clusters: [{{name: behind, bootstrap_servers: [\"{}\"]}}]
listeners:
  - name: door
    addresses: [127.0.0.1]
    ports: [{port}]
    policies:{policy}
      - type: forward_to_virtual_cluster
        config: {{type: port_mapping, advertised_host: localhost, bootstrap_port: none, min_broker_id: {NODE}}}
",
        node.address,
    );
    config::load_bytes(&folder.join("klamm.yaml"), text.as_bytes()).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

/// Sends heartbeats of these versions, each of a group of its own, at once: `a`, `b`, and so on.
fn pipeline(client: &mut Client, versions: &[i16]) {
    let groups = ["a", "b", "c", "d", "e", "f"];
    let requests = versions.iter().zip(groups).flat_map(|(version, group)| client.heartbeat(*version, group));
    let requests: Vec<u8> = requests.collect();
    client.stream.write_all(&requests).unwrap();
}

/// The client sees the end, and no byte before it.
fn ended(client: &mut Client) {
    assert_eq!(client.stream.read(&mut [0; 1]).unwrap_or(0), 0, "an end, or a reset");
}

#[test]
fn requests_before_it_are_answered_and_those_behind_it_wait_in_their_order() {
    let node = Node::start(CODE);
    let shard = Shard::start("", &node);
    // First with all that is read before the node is dialled, then with what comes to a session that runs.
    for used in [false, true] {
        let (mut client, known) = (shard.connect(), node.groups().len());
        shard.decide(Decision::NotYet);
        if used {
            assert_eq!(client.ask(), CODE);
        }
        let known = known + usize::from(used);
        pipeline(&mut client, &[0, 0, ASKED, 0, ASKED, 0]);
        assert_eq!([client.answer(), client.answer()], [CODE; 2]);
        let asked = shard.asked();
        shard.decide(Decision::NotYet);
        wait_until("another question", || shard.asked() == asked + 1);
        std::thread::sleep(A_WHILE);
        assert_eq!((&node.groups()[known..], shard.asked()), (&["a", "b"].map(String::from)[..], asked + 1));

        shard.decide(Decision::Allowed);
        assert_eq!([client.answer(), client.answer(), client.answer(), client.answer()], [CODE; 4]);
        assert_eq!(node.groups()[known..], ["a", "b", "c", "d", "e", "f"]);
        drop(client);
    }
    wait_until("two closes", || shard.numbers().closed(Cause::ClientClosed) == 2);
}

/// A broker answers what it was asked before the client ended its direction; so do we, whatever that waits for.
#[test]
fn what_was_asked_before_the_client_ended_its_direction_is_answered() {
    let node = Node::start(CODE);
    let shard = Shard::start("", &node);
    let mut client = shard.connect();
    assert_eq!(client.ask(), CODE);
    node.set_open(false);
    shard.decide(Decision::NotYet);
    pipeline(&mut client, &[0, 0, ASKED, 0]);
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    std::thread::sleep(A_WHILE);
    assert_eq!(shard.numbers().active, 1);
    node.set_open(true);
    assert_eq!([client.answer(), client.answer()], [CODE; 2]);
    shard.decide(Decision::Allowed);
    assert_eq!([client.answer(), client.answer()], [CODE; 2]);
    ended(&mut client);
    shard.wait_for_close(Cause::ClientClosed);
}

#[test]
fn what_is_behind_it_stays_with_the_client() {
    const FRAMES: usize = 1_000;
    const FRAME_BYTES: usize = 32_000;
    /// What is read at once, and what was read before it was clear that it is Kafka.
    const HELD_BYTES_MAX: u64 = (128 + 64 + 4) << 10;
    let node = Node::start(CODE);
    let shard = Shard::start("", &node);
    let mut client = shard.connect();
    assert_eq!(client.ask(), CODE);
    let mut requests = vec![client.heartbeat(ASKED, "asked")];
    let group = "g".repeat(FRAME_BYTES);
    requests.extend((0..FRAMES).map(|_| client.heartbeat(0, &group)));
    let (mut stream, written) = (client.stream.try_clone().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = written.clone();
    let writer = std::thread::spawn(move || {
        for request in requests {
            stream.write_all(&request).unwrap();
            counted.fetch_add(request.len(), Ordering::SeqCst);
        }
    });
    wait_until("a writer that stands still", || {
        let before = written.load(Ordering::SeqCst);
        std::thread::sleep(A_WHILE);
        before > 0 && written.load(Ordering::SeqCst) == before
    });
    assert!(written.load(Ordering::SeqCst) < FRAMES * FRAME_BYTES, "the rest is the client's");
    let numbers = shard.numbers();
    assert!(numbers.held_bytes > 0 && numbers.held_bytes <= HELD_BYTES_MAX, "{} bytes", numbers.held_bytes);
    assert!(numbers.client_bytes_in <= HELD_BYTES_MAX, "{} bytes were read", numbers.client_bytes_in);
    // A word that brings nothing reads nothing.
    shard.decide(Decision::NotYet);
    std::thread::sleep(A_WHILE);
    assert_eq!(shard.numbers().client_bytes_in, numbers.client_bytes_in);
    assert_eq!(node.groups().len(), 1);

    shard.decide(Decision::Allowed);
    (0..=FRAMES).for_each(|_| assert_eq!(client.answer(), CODE));
    writer.join().unwrap();
    assert_eq!(node.groups().len(), FRAMES + 2);
    wait_until("nothing is held", || shard.numbers().held_bytes == 0);
}

#[test]
fn a_drain_ends_it_as_if_it_had_not_come() {
    let node = Node::start(CODE);
    let shard = Shard::start("connect: 1s", &node);
    // With nothing in flight.
    let mut client = shard.connect();
    pipeline(&mut client, &[0, ASKED, 0]);
    assert_eq!(client.answer(), CODE);
    // With something in flight: it is delivered, however long that takes.
    let mut busy = shard.connect();
    assert_eq!(busy.ask(), CODE);
    node.set_open(false);
    pipeline(&mut busy, &[0, ASKED, 0]);
    wait_until("a heartbeat in flight", || node.groups().len() == 3);

    shard.set_phase(Phase::Draining);
    ended(&mut client);
    wait_until("one close", || shard.numbers().closed(Cause::Drained) == 1);
    std::thread::sleep(Duration::from_millis(1_500));
    shard.decide(Decision::Allowed);
    assert_eq!(shard.numbers().active, 1);
    node.set_open(true);
    assert_eq!(busy.answer(), CODE);
    ended(&mut busy);
    wait_until("both closes", || shard.numbers().closed(Cause::Drained) == 2);
    assert_eq!(node.groups(), ["a", "app", "a"], "nothing of what waited");
}

#[test]
fn no_deadline_of_the_clients_passes_while_it_waits_but_one_of_ours_does() {
    const CONNECT: Duration = Duration::from_millis(2_500);
    const MOST_OF_IT: Duration = Duration::from_millis(1_700);
    let node = Node::start(CODE);
    let shard = Shard::start("connect: 2500ms, idle: 1s, request_grace: 100ms", &node);
    let mut client = shard.connect();
    assert_eq!(client.ask(), CODE);
    // Two that wait, and behind them half a request.
    let [first, second] = ["first", "second"].map(|group| client.heartbeat(ASKED, group));
    let cut = client.heartbeat(0, "cut");
    client.stream.write_all(&[&first[..], &second, &cut[..9]].concat()).unwrap();
    std::thread::sleep(MOST_OF_IT);
    shard.allow_one();
    assert_eq!(client.answer(), CODE);
    // The second has all of the time again, and the half request has its own once there is room.
    std::thread::sleep(MOST_OF_IT);
    client.stream.write_all(&cut[9..]).unwrap();
    shard.allow_one();
    assert_eq!([client.answer(), client.answer()], [CODE; 2]);

    // However many words come for others, it has no more than that.
    let (began, third) = (Instant::now(), client.heartbeat(ASKED, "third"));
    client.stream.write_all(&third).unwrap();
    wait_until("its end", || {
        shard.decide(Decision::NotYet);
        shard.numbers().closed(Cause::DecisionDeadline) == 1
    });
    assert!(began.elapsed() >= CONNECT);
    ended(&mut client);
    shard.wait_for_close(Cause::DecisionDeadline);
    assert_eq!(node.groups(), ["app", "first", "second", "cut"]);
}

#[test]
fn a_denied_request_is_answered_in_its_turn_or_closes() {
    let node = Node::start(CODE);
    let shard = Shard::start("", &node);
    let mut client = shard.connect();
    let allowed = client.heartbeat(0, "a");
    let denied = client.request(END_TXN, 0, b"\0\x01t\0\0\0\0\0\0\0\x01\0\0\x01");
    let asked = client.heartbeat(ASKED, "b");
    client.stream.write_all(&[allowed, denied, asked].concat()).unwrap();
    assert_eq!(client.answer(), CODE);
    assert_eq!(client.answer_body(), [0, 0, 0, 0, 0, REFUSED as u8], "no throttle time, and the code");
    // The word for the third denies it: there is no answer for that.
    shard.decide(Decision::Denied(REFUSED));
    ended(&mut client);
    shard.wait_for_close(Cause::RefusedWithoutResponse);

    let mut client = shard.connect();
    pipeline(&mut client, &[0, DENIED]);
    wait_until("a second close", || shard.numbers().closed(Cause::RefusedWithoutResponse) == 2);
    wait_until("what was allowed", || node.groups().len() == 2);
    std::thread::sleep(A_WHILE);
    assert_eq!(node.groups(), ["a", "a"], "nothing that is denied");
}

/// The certificates of a listener, and of two clients.
mod certificates {
    use std::path::Path;
    use std::sync::Arc;

    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ClientConfig, RootCertStore};

    /// Of the listener, as it is told to clients.
    pub const NAME: &str = "localhost";
    /// The listener's policy that goes by them.
    pub const POLICY: &str = "
      - type: tls_server
        config:
          certificates: [{certificate: \"${file['door.pem']}\", key: \"${file['door.key']}\"}]
          client_authentication: {mode: required, tls_trust_bundles: [\"${file['authority.pem']}\"]}";

    /// Writes those of the listener to `folder`; what each of the clients, who have these names, shakes hands with.
    pub fn make(folder: &Path, clients: [&str; 2]) -> [Arc<ClientConfig>; 2] {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let signed = |name: &str, common_name: Option<&str>| {
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.distinguished_name = rcgen::DistinguishedName::new();
            if let Some(common_name) = common_name {
                params.distinguished_name.push(DnType::CommonName, common_name);
            }
            let key = KeyPair::generate().unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let (door, key) = signed(NAME, None);
        std::fs::write(folder.join("authority.pem"), authority.pem()).unwrap();
        std::fs::write(folder.join("door.pem"), door.pem()).unwrap();
        std::fs::write(folder.join("door.key"), key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        clients.map(|client| {
            let (certificate, key) = signed("client.example", Some(client));
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            let config = config.with_root_certificates(roots.clone());
            Arc::new(config.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap())
        })
    }
}

#[test]
fn who_a_certificate_names_decides() {
    let (node, folder) = (Node::start(CODE), tempfile::tempdir().unwrap());
    let configs = certificates::make(folder.path(), ["alice", "bob"]);
    let shard = Shard::start_with("", certificates::POLICY, folder.path(), &node);
    for (config, may) in configs.into_iter().zip([true, false]) {
        let tcp = shard.connect().stream;
        let name = certificates::NAME.try_into().unwrap();
        let mut client = Client::on(StreamOwned::new(ClientConnection::new(config, name).unwrap(), tcp));
        let group = client.heartbeat(0, "a");
        let end = client.request(END_TXN, 0, b"\0\x01t\0\0\0\0\0\0\0\x01\0\0\x01");
        let behind = client.heartbeat(0, "b");
        client.stream.write_all(&[group, end, behind].concat()).unwrap();
        assert_eq!(client.answer(), CODE);
        let code = if may { CODE } else { REFUSED };
        assert_eq!(client.answer_body(), [0, 0, 0, 0, 0, code as u8], "no throttle time, and the code");
        assert_eq!(client.answer(), CODE);
    }
    assert_eq!(node.ended(), 1, "the other one never came here");
}
