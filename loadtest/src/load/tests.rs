//! The generator on the synthetic broker: every kind of load goes round, and what is wrong is noticed.

use super::*;
use crate::lab::sink::{Script, Sink};
use crate::trial::Workload;
use crate::wire::{ANSWER_ID_AT, TOPIC};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// How long enough answers may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn produce(acks: i16, idempotent: bool, value_bytes: usize) -> Work {
    Work::Produce { acks, idempotent, records: 1, value_bytes }
}

fn fetch(version: i16, session: bool, partitions: i32) -> Work {
    Work::Fetch { version, session, bytes_max: 1 << 20, partitions }
}

fn load(address: SocketAddr, workload: &Workload) -> Load {
    let topic = fetch::Topic { name: TOPIC.as_bytes().to_vec(), id: [0; 16] };
    Load {
        places: vec![Place { address, topic, partition: 0 }],
        parties: 1,
        connections: workload.connections,
        work: workload.work.clone(),
        pace: workload.pace,
        core: None,
    }
}

/// What all parties have done.
fn all(generator: &Generator) -> Done {
    generator.done().into_iter().sum()
}

/// Waits until so many answers have come, or the load has failed.
fn wait_for(generator: &Generator, answers: u64) {
    let begin = Instant::now();
    while all(generator).requests < answers && !generator.is_finished() && begin.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs until so many answers have come.
fn run(workload: &Workload, answers: u64) -> (Result<Windows>, Result<()>, Done) {
    let sink = Sink::start(None, workload.script(vec![TOPIC.to_owned()]).unwrap()).unwrap();
    let generator = Generator::start(load(sink.address(), workload)).unwrap();
    generator.measure();
    wait_for(&generator, answers);
    let done = all(&generator);
    (generator.finish().map(|mut all| all.remove(0)), sink.stop(), done)
}

fn goes_round(work: Work, pace: Pace, connections: usize, fetched_bytes: usize) -> Done {
    let about = format!("{work:?} {pace:?}");
    let (latencies, sink, done) = run(&Workload { work, pace, connections, fetched_bytes }, 60);
    latencies.unwrap_or_else(|error| panic!("{about}: {error}"));
    sink.unwrap_or_else(|error| panic!("{about}: {error}"));
    assert!(done.requests >= 60, "{about}: {done:?}");
    done
}

#[test]
fn produce_goes_round_with_every_acknowledgement() {
    let (one, five) = (Pace::Closed { pipeline: 1 }, Pace::Closed { pipeline: 5 });
    for (work, pace, connections) in [
        (produce(1, false, 1024), five, 8),
        (produce(-1, false, 1024), one, 8),
        (produce(0, false, 1024), one, 3),
        (produce(-1, true, 1024), Pace::Closed { pipeline: 100 }, 3),
        (produce(-1, true, 100_000), five, 2),
        (produce(0, false, 100_000), one, 1),
        (produce(1, false, 1 << 20), one, 2),
        (produce(1, false, 1024), Pace::Open { rate: 2000, pipeline: 5 }, 4),
    ] {
        let done = goes_round(work.clone(), pace, connections, 1);
        let Work::Produce { value_bytes, .. } = work else { panic!("{work:?}") };
        assert_eq!(done.bytes, done.requests * value_bytes as u64);
    }
}

#[test]
fn fetch_and_metadata_go_round() {
    let pace = Pace::Closed { pipeline: 3 };
    for (version, session, partitions, bytes) in [
        (12, false, 1, 1024),
        (12, true, 20, 1024),
        (13, false, 20, 10),
        (17, false, 1, 300_000),
        (17, true, 3, 1 << 20),
    ] {
        let done = goes_round(fetch(version, session, partitions), pace, 3, bytes);
        assert!(done.bytes >= done.requests * bytes as u64, "{done:?}");
    }
    goes_round(fetch(17, true, 5), Pace::Open { rate: 1000, pipeline: 5 }, 4, 5000);
    goes_round(Work::Metadata, pace, 3, 1);
}

/// A broker that does the handshake and then answers every Produce with these bytes, or closes.
fn liar(answer: Option<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let read = |stream: &mut TcpStream| -> std::io::Result<Vec<u8>> {
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
            stream.read_exact(&mut frame).map(|()| frame)
        };
        let request = read(&mut stream).unwrap();
        let mut offers = crate::wire::cluster::api_versions_answer(3).unwrap();
        offers[4..8].copy_from_slice(&request[4..8]);
        stream.write_all(&offers).unwrap();
        while read(&mut stream).is_ok() {
            match &answer {
                Some(answer) => stream.write_all(answer).unwrap(),
                None => break,
            }
        }
    });
    address
}

fn fails(answer: Option<Vec<u8>>, why: &str) {
    let workload =
        Workload { work: produce(1, false, 10), pace: Pace::Closed { pipeline: 1 }, connections: 1, fetched_bytes: 1 };
    let generator = Generator::start(load(liar(answer), &workload)).unwrap();
    wait_for(&generator, u64::MAX);
    let error = generator.finish().err().unwrap();
    assert!(error.what().contains(why), "{error}");
}

#[test]
fn a_wrong_answer_is_noticed() {
    let request = crate::wire::produce::RequestHead {
        acks: 1,
        topic: TOPIC.as_bytes(),
        partition: 0,
        sequence: -1,
        records: 1,
        records_at: 0,
    };
    let answer = |id, offset, change: fn(&mut Vec<u8>)| {
        let mut frame = Vec::new();
        crate::wire::produce::answer(id, &request, offset, &mut frame);
        change(&mut frame);
        Some(frame)
    };
    fails(answer(9, 0, |_| ()), "correlation id Some(9) instead of 0");
    fails(answer(0, 0, |frame| frame[ANSWER_ID_AT + 6] = b'x'), "a wrong answer");
    fails(answer(0, -1, |_| ()), "offset -1 was acknowledged after offset -1");
    fails(answer(0, 0, |frame| frame[0] = 0x7f), "frame of");
    fails(None, "closed under load");
}

#[test]
fn silence_and_a_rate_that_is_too_high_are_errors() {
    // A broker that never answers: the open loop's schedule goes on all the same.
    fails(Some(Vec::new()), "no answer came for 5 s");
    let workload = Workload {
        work: produce(1, false, 10),
        pace: Pace::Open { rate: 10_000_000, pipeline: 1 },
        connections: 1,
        fetched_bytes: 1,
    };
    let (latencies, sink, _) = run(&workload, u64::MAX);
    assert!(latencies.err().unwrap().what().contains("the rate is far too high"));
    sink.unwrap();
}

/// What leaves late was due all the same: a broker that pauses is seen in the latency.
#[test]
fn a_pause_counts_for_everything_that_was_due_in_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let workload = Workload {
        work: produce(1, false, 10),
        pace: Pace::Open { rate: 1000, pipeline: 1 },
        connections: 1,
        fetched_bytes: 1,
    };
    let sink = Sink::start(None, Script { produced: None, ..Script::default() }).unwrap();
    let (address, behind) = (listener.local_addr().unwrap(), sink.address());
    std::thread::spawn(move || {
        let (mut front, _) = listener.accept().unwrap();
        let mut back = TcpStream::connect(behind).unwrap();
        let (mut from, mut to) = (back.try_clone().unwrap(), front.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        let mut buffer = [0; 4096];
        let begin = Instant::now();
        while let Ok(count @ 1..) = front.read(&mut buffer) {
            // Once, for 600 ms.
            if begin.elapsed() > Duration::from_millis(200) && begin.elapsed() < Duration::from_millis(800) {
                std::thread::sleep(Duration::from_millis(600));
            }
            if back.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
    });
    let generator = Generator::start(load(address, &workload)).unwrap();
    generator.measure();
    wait_for(&generator, 1200);
    let latencies = generator.finish().unwrap();
    // Of 1,200 requests 600 were due during the pause; a loop that waits for answers would have seen one slow request.
    let slow = latencies[0].whole().quantile_us(0.9).unwrap();
    assert!(slow > 100_000, "{slow}");
    sink.stop().unwrap();
}

#[test]
fn of_parties_one_works_while_the_others_wait() {
    for pace in [Pace::Closed { pipeline: 2 }, Pace::Open { rate: 5_000, pipeline: 2 }] {
        let workload = Workload { work: produce(1, false, 64), pace, connections: 6, fetched_bytes: 1 };
        let sink = Sink::start(None, workload.script(vec![TOPIC.to_owned()]).unwrap()).unwrap();
        let generator = Generator::start(Load { parties: 3, ..load(sink.address(), &workload) }).unwrap();
        let (begin, mut before, mut alone, mut together) = (Instant::now(), generator.done(), 0, 0);
        while begin.elapsed() < Duration::from_millis(1500) {
            let looked = Instant::now();
            std::thread::sleep(Duration::from_millis(5));
            let done = generator.done();
            let busy = done.iter().zip(&before).filter(|(now, then)| now.requests > then.requests).count();
            // A look that came late proves nothing.
            if looked.elapsed() < Duration::from_millis(20) {
                (alone, together) = (alone + usize::from(busy == 1), together + usize::from(busy > 1));
            }
            before = done;
        }
        assert!(before.iter().all(|done| done.requests > 0), "{pace:?}: {before:?}");
        assert!(alone > 5 * together, "{pace:?}: {alone} looks saw one at work, {together} more than one");
        generator.finish().unwrap();
        sink.stop().unwrap();
    }
}

#[test]
fn a_party_that_is_not_answered_is_noticed_though_the_others_are() {
    for pace in [Pace::Closed { pipeline: 1 }, Pace::Open { rate: 1000, pipeline: 1 }] {
        let workload = Workload { work: produce(1, false, 10), pace, connections: 2, fetched_bytes: 1 };
        let sink = Sink::start(None, workload.script(vec![TOPIC.to_owned()]).unwrap()).unwrap();
        let [good, silent] = [sink.address(), liar(Some(Vec::new()))].map(|address| load(address, &workload));
        let places = [good.places.clone(), silent.places].concat();
        let generator = Generator::start(Load { places, parties: 2, ..good }).unwrap();
        wait_for(&generator, u64::MAX);
        let done = generator.done();
        assert!(done[0].requests > 0 && done[1].requests == 0, "{done:?}");
        let error = generator.finish().err().unwrap();
        assert!(error.what().contains("no answer came for 5 s"), "{error}");
        sink.stop().unwrap();
    }
}
