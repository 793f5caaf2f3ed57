//! A thousand clients that each fetch 100 MiB and read slowly stay inside the budget of memory, with all their buffers and
//! pipes. A neighbour's answers take at most twice as long as without them, and it is not closed.

use std::io::Read as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kafka_protocol::messages::{FetchRequest, MetadataRequest};
use socket2::SockRef;

use crate::ensure;
use crate::harness::gateway::Gateway;
use crate::harness::scripted::Scripted;
use crate::harness::tools::patience;
use crate::harness::wire::Wire;
use crate::harness::{Fallible, World, until};

const BUDGET: u64 = 40 << 20;
const LIMITS: &[(&str, &str)] =
    &[("memory_bytes_max", "40MiB"), ("connections_per_source_max", "6000"), ("hold_bytes_max", "1MiB")];
/// What each reads every [`EVERY`].
const READ_BYTES: usize = 8 << 10;
const EVERY: Duration = Duration::from_millis(500);
/// What the kernel keeps for a reader: little, so that it is the gateway that must wait.
const RECEIVE_BUFFER: usize = 64 << 10;
/// Windows of time in which the neighbour's answers are measured; the middle one of each kind counts.
const WINDOWS: usize = 7;
const WINDOW: Duration = Duration::from_secs(2);
/// What a scheduler may add on a machine that does other work: less is not told from it.
const NOISE: Duration = Duration::from_millis(5);

pub fn run(world: &World) -> Fallible<()> {
    let readers: usize = std::env::var(crate::MANY)?.parse()?;
    let node = Scripted::start()?;
    let gateway = world.own_gateway_to(&node.address(), LIMITS)?;
    gateway.wait_ready()?;
    let mut neighbour = Wire::connect_as(&gateway.bootstrap(), "neighbour")?;
    let alone = middle_of_p99(&mut neighbour)?;
    let resident_before = gateway.resident_bytes()?;

    let wires = (0..readers).map(|_| reader(&gateway)).collect::<Fallible<Vec<_>>>()?;
    let (over, taken) = (AtomicBool::new(false), AtomicU64::new(0));
    let beside = thread::scope(|scope| {
        scope.spawn(|| read_slowly(wires, &over, &taken));
        let measured = beside_readers(&gateway, &mut neighbour, readers);
        over.store(true, Ordering::Relaxed);
        measured
    })?;
    let grown = beside.resident.saturating_sub(resident_before);
    println!(
        "slow readers: {readers} took {} MiB; held {} MiB of {}, resident memory grew by {} MiB; p99 {alone:?} alone, {:?} beside",
        taken.load(Ordering::Relaxed) >> 20,
        beside.held >> 20,
        BUDGET >> 20,
        grown >> 20,
        beside.p99
    );
    ensure!(grown <= BUDGET / 100 * 105, "resident memory grew by {grown} bytes, with a budget of {BUDGET}");
    ensure!(beside.held <= BUDGET, "{} bytes are held, with a budget of {BUDGET}", beside.held);
    ensure!(beside.p99 <= alone * 2 + NOISE, "the neighbour's p99 is {:?} beside readers, {alone:?} alone", beside.p99);
    Ok(())
}

/// What was seen while the readers were there.
struct Beside {
    p99: Duration,
    held: u64,
    resident: u64,
}

fn beside_readers(gateway: &Gateway, neighbour: &mut Wire, readers: usize) -> Fallible<Beside> {
    until("all readers are served", patience(60), || {
        let numbers = gateway.numbers()?;
        let requests = numbers.sum("klamm_requests_total") as usize;
        ensure!(requests >= readers, "{requests} requests came");
        let (_, active, _) = numbers.connections();
        ensure!(active as usize == readers + 1, "{active} are open: {}", numbers.all_closed());
        Ok(())
    })?;
    let over = AtomicBool::new(false);
    let (p99, most) = thread::scope(|scope| {
        let most = scope.spawn(|| most_used(gateway, &over));
        let p99 = middle_of_p99(neighbour);
        over.store(true, Ordering::Relaxed);
        Fallible::Ok((p99?, most.join().map_err(|_| "the watcher panicked")??))
    })?;
    let numbers = gateway.numbers()?;
    let (_, active, _) = numbers.connections();
    ensure!(active as usize == readers + 1, "{active} are open: {}", numbers.all_closed());
    let (held, resident) = most;
    Ok(Beside { p99, held, resident })
}

/// The most bytes that are held and resident, until it is over.
fn most_used(gateway: &Gateway, over: &AtomicBool) -> Fallible<(u64, u64)> {
    let (mut held, mut resident) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        held = (gateway.numbers()?.sum("klamm_held_bytes") as u64).max(held);
        resident = gateway.resident_bytes()?.max(resident);
        thread::sleep(Duration::from_millis(100));
    }
    Ok((held, resident))
}

/// The p99 of the neighbour's answers in the middle one of some windows.
fn middle_of_p99(neighbour: &mut Wire) -> Fallible<Duration> {
    let mut windows = (0..WINDOWS).map(|_| p99(neighbour)).collect::<Fallible<Vec<_>>>()?;
    windows.sort();
    Ok(windows[WINDOWS / 2])
}

fn p99(neighbour: &mut Wire) -> Fallible<Duration> {
    let request = MetadataRequest::default().with_topics(Some(Vec::new()));
    let (end, mut took) = (Instant::now() + WINDOW, Vec::new());
    while Instant::now() < end {
        let asked = Instant::now();
        neighbour.ask(12, &request).map_err(|error| format!("the neighbour: {error}"))?;
        took.push(asked.elapsed());
        thread::sleep(Duration::from_millis(1));
    }
    took.sort();
    Ok(took[took.len() * 99 / 100])
}

fn reader(gateway: &Gateway) -> Fallible<Wire> {
    let mut wire = Wire::connect_as(&gateway.bootstrap(), "huge")?;
    SockRef::from(&*wire.stream()).set_recv_buffer_size(RECEIVE_BUFFER)?;
    wire.send(4, &FetchRequest::default())?;
    wire.stream().set_nonblocking(true)?;
    Ok(wire)
}

/// A little from each in turn. One that was closed is seen in the gateway's numbers.
fn read_slowly(mut wires: Vec<Wire>, over: &AtomicBool, taken: &AtomicU64) {
    let mut piece = vec![0; READ_BYTES];
    let pause = EVERY / u32::try_from(wires.len().max(1)).unwrap_or(u32::MAX);
    let mut next = Instant::now();
    while !over.load(Ordering::Relaxed) {
        for wire in &mut wires {
            match wire.stream().read(&mut piece) {
                Ok(n) => taken.fetch_add(n as u64, Ordering::Relaxed),
                Err(_) => 0,
            };
            next += pause;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
}
