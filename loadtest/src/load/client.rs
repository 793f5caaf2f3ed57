//! One connection of the generator: what is in flight, what is due, and what has not left.
//!
//! Owns the order: answers come in the order of the requests, each with its correlation id.

use super::Done;
use super::inbound::Inbound;
use super::sessions::Session;
use crate::error::{Error, Result};
use crate::wire;
use crate::wire::outbound::Outbound;
use std::collections::VecDeque;
use std::net::TcpStream;
use std::time::Instant;

/// Requests that may be due on a connection and not sent: more mean that the rate is far too high.
const DUE_MAX: usize = 100_000;

/// One connection.
pub struct Client {
    stream: TcpStream,
    session: Box<dyn Session>,
    /// Correlation id and due time of each request that waits for its answer, the oldest first.
    in_flight: VecDeque<(u32, Instant)>,
    /// When each request that has not left was due, the oldest first; empty in a closed loop.
    due: VecDeque<Instant>,
    next_id: u32,
    inbound: Inbound,
    out: Outbound,
}

impl Client {
    /// A connection whose handshake is done.
    pub fn new(stream: TcpStream, session: Box<dyn Session>) -> Self {
        let (in_flight, due, inbound) = (VecDeque::new(), VecDeque::new(), Inbound::default());
        Self { stream, session, in_flight, due, next_id: 0, inbound, out: Outbound::default() }
    }

    /// Takes what has come, and calls `answered` with the time at which the request of each answer was due.
    pub fn answers(&mut self, buffer: &mut [u8], mut answered: impl FnMut(Instant)) -> Result<Done> {
        let mut done = Done::default();
        let (in_flight, session) = (&mut self.in_flight, &mut self.session);
        self.inbound.read(&mut self.stream, buffer, |frame| {
            let (id, due) = in_flight.pop_front().ok_or_else(|| Error::new("an answer came to no request"))?;
            let received = wire::u32_at(frame, wire::ANSWER_ID_AT);
            if received != Some(id) {
                return Err(Error::new(format!("an answer has the correlation id {received:?} instead of {id}")));
            }
            let part = session.receive(frame).map_err(|why| Error::new(format!("a wrong answer: {why}")))?;
            done.requests += part.requests;
            done.bytes += part.bytes;
            answered(due);
            Ok(())
        })?;
        Ok(done)
    }

    /// Closed loop: sends until so many are in flight.
    pub fn fill(&mut self, pipeline: usize) -> Result<()> {
        let most = pipeline.min(self.session.in_flight_max());
        while self.in_flight.len() < most {
            self.send(Instant::now())?;
        }
        self.flush()
    }

    /// Open loop: a request has become due.
    pub fn due(&mut self, at: Instant) -> Result<()> {
        if self.due.len() >= DUE_MAX {
            return Err(Error::new(format!("{DUE_MAX} requests are due on one connection: the rate is far too high"))
                .try_this("Take a lower --rate or more --connections."));
        }
        self.due.push_back(at);
        Ok(())
    }

    /// Open loop: sends what is due, as long as no more than so many are in flight.
    pub fn send_due(&mut self, pipeline: usize) -> Result<()> {
        let most = pipeline.min(self.session.in_flight_max());
        while self.in_flight.len() < most
            && let Some(due) = self.due.pop_front()
        {
            self.send(due)?;
        }
        self.flush()
    }

    /// Answers are outstanding.
    pub fn waits(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// When everything that has no answer yet was due.
    pub fn outstanding(&self) -> impl Iterator<Item = Instant> {
        self.in_flight.iter().map(|(_, due)| *due).chain(self.due.iter().copied())
    }

    fn send(&mut self, due: Instant) -> Result<()> {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        if self.session.send(id, &mut self.out).map_err(Error::new)? {
            self.in_flight.push_back((id, due));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.out.flush(&mut self.stream).map(drop).map_err(|error| Error::new(format!("cannot send: {error}")))
    }
}
