//! Names that hang, fail or lie beside names that do not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use super::*;

/// What a healthy name needs at most, however busy the machine of the test is.
const SOON: Duration = Duration::from_secs(5);

/// Names that begin with `hang` are not resolved before it is opened.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn pass(&self) {
        let open = self.0.lock().unwrap();
        drop(self.1.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }
}

struct Ground {
    resolver: Resolver,
    answers: Receiver<(usize, Arc<str>, Answer)>,
    gate: Arc<Gate>,
    /// Names that were resolved.
    resolved: Arc<AtomicUsize>,
}

fn ground() -> Ground {
    let (sender, answers) = mpsc::channel();
    posting(move |shard, message| {
        send(&sender, shard, message);
        Ok(())
    })(answers)
}

fn send(sender: &Sender<(usize, Arc<str>, Answer)>, shard: usize, message: Message) {
    let Message::Resolved { host, addresses } = message else { panic!("no answer") };
    let _ = sender.send((shard, host, addresses));
}

fn posting(
    post: impl Fn(usize, Message) -> Result<(), Message> + Send + Sync + 'static,
) -> impl FnOnce(Receiver<(usize, Arc<str>, Answer)>) -> Ground {
    let (gate, resolved) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
    let (hanging, counted) = (gate.clone(), resolved.clone());
    let resolver = Resolver::start_with(Arc::new(post), move |host| {
        counted.fetch_add(1, Ordering::SeqCst);
        if host.starts_with("hang") {
            hanging.pass();
        }
        if host.contains("fail") { Err("no such name".to_owned()) } else { Ok(vec![[127, 0, 0, 1].into()]) }
    });
    let resolver = resolver.unwrap();
    move |answers| Ground { resolver, answers, gate, resolved }
}

impl Ground {
    fn ask(&self, host: &str, backend: &str, shard: usize) {
        assert!(self.resolver.query(host.into(), BackendId::of(backend), shard));
    }

    fn next(&self) -> (usize, String, bool) {
        let (shard, host, answer) = self.answers.recv_timeout(SOON).expect("an answer");
        (shard, host.to_string(), answer.is_ok())
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.gate.open();
    }
}

#[test]
fn names_that_hang_hold_up_no_other_backend_clusters_names() {
    let ground = ground();
    // More names of one backend cluster than there are threads, none of them ever answered.
    (0..3 * RUNNING_MAX).for_each(|n| ground.ask(&format!("hang-{n}"), "dns-a", 0));
    for n in 0..100 {
        let host = format!("well-{n}");
        ground.ask(&host, "dns-b", 1);
        assert_eq!(ground.next(), (1, host, true));
    }
}

#[test]
fn names_that_failed_after_long_leave_half_of_the_threads() {
    let ground = ground();
    let suspects: Vec<(String, String)> =
        (0..RUNNING_MAX).map(|n| (format!("hang-and-fail-{n}"), format!("dns-{n}"))).collect();
    ground.gate.open();
    suspects.iter().for_each(|(host, backend)| ground.ask(host, backend, 0));
    suspects.iter().for_each(|_| assert!(!ground.next().2));
    // Now they hang, each of a backend cluster of its own.
    *ground.gate.0.lock().unwrap() = false;
    suspects.iter().for_each(|(host, backend)| ground.ask(host, backend, 0));
    for n in 0..20 {
        let host = format!("fresh-{n}");
        ground.ask(&host, "dns-fresh", 0);
        assert_eq!(ground.next(), (0, host, true));
    }
}

#[test]
fn a_name_that_fails_is_answered_beside_one_that_does_not() {
    let ground = ground();
    ground.ask("fail", "dns-a", 0);
    ground.ask("well", "dns-b", 0);
    let mut answers = [ground.next(), ground.next()];
    answers.sort();
    assert_eq!(answers, [(0, "fail".into(), false), (0, "well".into(), true)]);
}

#[test]
fn shards_that_ask_for_one_name_cost_one_query() {
    let ground = ground();
    (0..4).for_each(|shard| ground.ask("hang", "dns-a", shard));
    // What comes behind them has been taken when it is answered, and so have they.
    ground.ask("well", "dns-b", 0);
    assert_eq!(ground.next().1, "well");
    ground.gate.open();
    let mut shards: Vec<usize> = (0..4).map(|_| ground.next().0).collect();
    shards.sort_unstable();
    assert_eq!(shards, [0, 1, 2, 3]);
    assert_eq!(ground.resolved.load(Ordering::SeqCst), 2);
}

#[test]
fn a_shard_whose_mailbox_is_full_holds_up_no_other() {
    let (sender, answers) = mpsc::channel();
    let full = Arc::new(Mutex::new(true));
    let is_full = full.clone();
    let ground = posting(move |shard, message| {
        if shard == 0 && *is_full.lock().unwrap() {
            return Err(message);
        }
        send(&sender, shard, message);
        Ok(())
    })(answers);
    ground.ask("a", "dns-a", 0);
    for n in 0..10 {
        ground.ask(&format!("b-{n}"), "dns-a", 1);
        assert_eq!(ground.next().0, 1);
    }
    *full.lock().unwrap() = false;
    assert_eq!(ground.next(), (0, "a".into(), true), "it is delivered when there is room");
}

#[test]
fn the_threads_end_with_the_last_resolver() {
    let alive = Arc::new(());
    let (held, counted) = (alive.clone(), Arc::downgrade(&alive));
    drop(alive);
    let resolver = Resolver::start_with(Arc::new(|_, _| Ok(())), move |_| {
        let _held = &held;
        Ok(Vec::new())
    });
    let resolver = resolver.unwrap();
    let second = resolver.clone();
    drop(resolver);
    assert!(second.query("well".into(), BackendId::of("dns-a"), 0));
    assert_eq!(counted.strong_count(), 1);
    drop(second);
    // Each thread that resolves holds it.
    let until = Instant::now() + SOON;
    while counted.strong_count() > 0 {
        assert!(Instant::now() < until, "threads are left");
        std::thread::sleep(Duration::from_millis(5));
    }
}
