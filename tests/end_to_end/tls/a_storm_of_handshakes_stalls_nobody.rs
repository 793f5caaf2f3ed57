//! Hundreds of clients begin to shake hands in one moment: a session that runs goes on between their handshakes, and all of
//! them are let in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::front::{Front, at, hosts, send};
use crate::ensure;
use crate::harness::tools::patience;
use crate::harness::{Fallible, World, until};

/// Each takes about half a millisecond of RSA. Done one behind the other, they let the neighbour have one answer.
const CLIENTS: usize = 400;
const NAME: &str = "bootstrap-alice.kafka.example";

pub fn run(world: &World) -> Fallible<()> {
    let front = Front::start(world, "accepts_per_second_max: 100000")?;
    let mut neighbour = front.client(at::NEW, NAME, &front.settings(None))?;
    hosts(&mut neighbour)?;

    // All connect, and are accepted, before any of them says hello.
    let settings = front.settings(None);
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = ClientConnection::new(settings.clone(), ServerName::try_from(NAME)?)?;
        let mut hello = Vec::new();
        client.write_tls(&mut hello)?;
        clients.push((front.dial(at::NEW)?, client, hello));
    }
    until("all are accepted", patience(20), || {
        let active = front.gateway.numbers()?.sum("klamm_connections_active");
        ensure!(active == (CLIENTS + 1) as f64, "{active} are");
        Ok(())
    })?;

    let (over, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (ended, counted) = (over.clone(), answers.clone());
    let at_work = thread::spawn(move || -> Fallible<Duration> {
        let mut longest = Duration::ZERO;
        while !ended.load(Ordering::Relaxed) {
            let asked = Instant::now();
            hosts(&mut neighbour)?;
            longest = longest.max(asked.elapsed());
            counted.fetch_add(1, Ordering::Relaxed);
        }
        Ok(longest)
    });
    until("the neighbour is at work", patience(10), || {
        ensure!(answers.load(Ordering::Relaxed) > 10, "it is not");
        Ok(())
    })?;

    let (began, before) = (Instant::now(), answers.load(Ordering::Relaxed));
    clients.iter_mut().for_each(|(stream, _, hello)| send(stream, hello));
    // The last one's answer: places are given out in the order of the hellos, and each answer costs a signature.
    for (stream, _, _) in &clients {
        ensure!(stream.peek(&mut [0; 1])? == 1, "a client was closed");
    }
    let (took, during) = (began.elapsed(), answers.load(Ordering::Relaxed) - before);
    over.store(true, Ordering::Relaxed);
    let longest = at_work.join().map_err(|_| "the neighbour panicked")??;
    ensure!(during >= 10, "{during} answers in {took:?} of {CLIENTS} handshakes, one after {longest:?}");
    ensure!(longest < took / 2, "an answer took {longest:?} while {CLIENTS} handshakes took {took:?}");

    // Everybody is let in.
    for (stream, client, _) in clients {
        ensure!(hosts(&mut rustls::StreamOwned::new(client, stream))?.len() == 2, "no answer");
    }
    Ok(())
}
