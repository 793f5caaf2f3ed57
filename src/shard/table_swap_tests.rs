//! A table is replaced under running sessions: two shards with real rings, backends that follow a script, clients on loopback.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::test_ground::{Client, LIMIT, NODE, Node, read_frame, wait_until};
use super::*;
use crate::config;
use crate::metrics::Cause;
use crate::net::mailbox;
use crate::sys;

const SHARDS: usize = 2;
/// The least that the configuration takes, and longer than that.
const REFRESH_SECONDS: u64 = 1;
const SEVERAL_REFRESHES: Duration = Duration::from_millis(2_500);

/// Two shards, the first of which listens: half of the connections are handed over.
struct Shards {
    senders: Vec<Sender<Message>>,
    ended: mpsc::Receiver<Sample>,
}

impl Shards {
    fn start(table: Table, listening: Vec<(SocketAddr, TcpListener)>) -> Shards {
        prepare();
        let table = Arc::new(table);
        let (senders, mailboxes): (Vec<_>, Vec<_>) = (0..SHARDS).map(|_| mailbox(1_000).unwrap()).unzip();
        let post = post(senders.clone());
        let resolver = Resolver::start(post.clone()).unwrap();
        let loads = Loads::new(SHARDS);
        let ((ready, readied), (end, ended)) = (mpsc::channel(), mpsc::channel());
        let mut listening = Some(listening);
        for ((shard, mailbox), core) in mailboxes.into_iter().enumerate().zip(sys::allowed_cores().into_iter().cycle())
        {
            let setup = Setup {
                shard,
                shards: SHARDS,
                mailbox,
                post: post.clone(),
                senders: senders.clone(),
                loads: loads.clone(),
                resolver: resolver.clone(),
                table: table.clone(),
                listening: listening.take().unwrap_or_default(),
                id_mask: [0; 16],
                ready: ready.clone(),
            };
            let end = end.clone();
            let work = move || async move { end.send(run(setup).await).unwrap() };
            spawn_thread(format!("shard-{shard}"), core, work).unwrap();
        }
        for _ in 0..SHARDS {
            readied.recv_timeout(LIMIT).unwrap().unwrap();
        }
        Shards { senders, ended }
    }

    fn send(&self, message: impl Fn() -> Message) {
        self.senders.iter().for_each(|sender| assert!(sender.send(message()).is_ok(), "a mailbox is full"));
    }

    /// The numbers of both shards, and the backends whose catalogue one of them keeps. What was sent before is done by then.
    fn scrape(&self) -> (Sample, Vec<BackendId>) {
        let (answer, answers) = mpsc::channel();
        self.send(|| {
            let answer = answer.clone();
            Message::Scrape(Box::new(move |scraped| answer.send(scraped).unwrap()))
        });
        let (mut sum, mut backends) = (Sample::default(), Vec::new());
        for _ in 0..SHARDS {
            let scraped = answers.recv_timeout(LIMIT).unwrap();
            sum.add(&scraped.sample);
            backends.extend(scraped.backends.iter().map(|known| known.backend));
        }
        backends.sort();
        (sum, backends)
    }

    fn replace_table(&self, table: &Table) -> Vec<BackendId> {
        self.send(|| Message::Table(Arc::new(table.clone())));
        self.scrape().1
    }
}

/// The port `kept` leads to a virtual cluster with this name and namespace on `node`, and so does `other` where it is listened on.
fn snapshot(name: &str, namespace: &str, node: &Node, kept: u16, other: Option<u16>) -> config::Snapshot {
    let listener = |listener: &str, port: u16| {
        format!(
            "{{name: {listener}, addresses: [127.0.0.1], ports: [{port}], policies: [{{type: forward_to_virtual_cluster, \
             config: {{type: port_mapping, advertised_host: localhost, bootstrap_port: none, \
             min_broker_id: {NODE}}}}}]}}"
        )
    };
    let listeners: Vec<String> =
        [Some(listener("kept", kept)), other.map(|port| listener("other", port))].into_iter().flatten().collect();
    let text = format!(
        "
backend_clusters:
  - {{name: behind-{name}, bootstrap_servers: [\"{}\"], metadata_update_interval_seconds: {REFRESH_SECONDS}}}
virtual_clusters:
  - {{name: {name}, destination: {{name: behind-{name}}}{namespace}}}
listeners: [{}]
",
        node.address,
        listeners.join(", ")
    );
    config::load_bytes(Path::new("klamm.yaml"), text.as_bytes()).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

#[test]
fn sessions_go_on_as_they_began_and_new_connections_go_by_the_new_table() {
    let (old, new) = (Node::start(11), Node::start(22));
    let listening = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [kept, other] = listening.each_ref().map(|listening| listening.local_addr().unwrap());
    let listening = listening.map(|listening| {
        listening.set_nonblocking(true).unwrap();
        (listening.local_addr().unwrap(), listening)
    });
    let first = Table::of(snapshot("one", "", &old, kept.port(), Some(other.port())), SHARDS, None).unwrap();
    let hides = ", namespace: {mode: hide_prefix}";
    let second = Table::of(snapshot("two", hides, &new, kept.port(), None), SHARDS, Some(&first)).unwrap();
    let [behind_one, behind_two] = ["behind-one", "behind-two"].map(BackendId::of);
    let shards = Shards::start(first, listening.into());

    // Two sessions in the middle of a conversation, one on each shard, and two connections that have said nothing yet.
    let mut talking = [kept, other].map(Client::connect);
    let mut silent = [kept, other].map(Client::connect);
    talking.iter_mut().for_each(|client| assert_eq!(client.ask(), 11));
    old.set_open(false);
    talking.iter_mut().for_each(|client| client.send(3));
    wait_until("heartbeats that wait for their answers", || old.groups().len() == 4);
    wait_until("four connections", || shards.scrape().0.active == 4);
    assert!(shards.scrape().0.handed_over > 0, "both shards serve");
    assert_eq!((shards.scrape().1, new.refreshes()), (vec![behind_one], 0));

    assert_eq!(shards.replace_table(&second), [behind_two]);
    for _ in 0..SHARDS {
        let mut client = Client::connect(kept);
        assert_eq!(client.ask(), 22, "the port leads elsewhere");
        let mut gone = Client::connect(other);
        assert_eq!(read_frame(&mut gone.stream), None, "the port leads nowhere");
    }
    assert_eq!(new.groups(), ["two.app"; SHARDS], "in the namespace of the new virtual cluster");
    wait_until("closes with their cause", || shards.scrape().0.closed(Cause::ListenerGone) == SHARDS as u64);

    // What had begun goes on, with what was in flight and with what begins now.
    old.set_open(true);
    for client in &mut talking {
        assert_eq!([client.answer(), client.answer(), client.answer()], [11; 3]);
        assert_eq!(client.ask(), 11);
    }
    silent.iter_mut().for_each(|client| assert_eq!(client.ask(), 11, "not dialled before"));
    assert!(old.groups().iter().all(|group| group == "app"));

    // Nobody keeps the catalogue of the backend that is gone; somebody does of the other one.
    let (before, since) = (old.refreshes(), new.refreshes());
    std::thread::sleep(SEVERAL_REFRESHES);
    assert!(old.refreshes() <= before + 1 && new.refreshes() >= since + 2, "one refresh may have been on its way");
    let before = old.refreshes();

    // And back, where the first backend begins anew.
    let again = Table::of(snapshot("one", "", &old, kept.port(), Some(other.port())), SHARDS, Some(&second)).unwrap();
    assert_eq!(shards.replace_table(&again), [behind_one]);
    [kept, other].into_iter().for_each(|to| assert_eq!(Client::connect(to).ask(), 11));
    wait_until("a refresh", || old.refreshes() > before);
    assert_eq!(shards.scrape().0.closed(Cause::ListenerGone), SHARDS as u64, "no further one");

    drop((talking, silent));
    // The shard that does not listen has nothing to do by then, and ends all the same.
    wait_until("no sessions", || shards.scrape().0.active == 0);
    shards.send(|| Message::Drain);
    let mut sum = Sample::default();
    (0..SHARDS).for_each(|_| sum.add(&shards.ended.recv_timeout(LIMIT).unwrap()));
    assert_eq!((sum.active, sum.panics), (0, 0));
}
