//! The recording client: asks the same thing through the gateway and of the node itself, and holds one against the other.
//!
//! The node's own answer is the proof that a question provokes addresses at all: a question whose direct answer holds
//! no address of a node would prove nothing, and fails.

use bytes::BytesMut;
use kafka_protocol::protocol::Request;

use crate::ensure;
use crate::harness::Fallible;
use crate::harness::lab::CANARIES;
use crate::harness::wire::{Answer, Wire, find};

/// A node as an answer names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    pub node: i32,
    pub host: String,
    pub port: i32,
}

/// What a question's answers must be like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The same nodes as the direct answer, at the gateway's addresses.
    SameNodes,
    /// The same where they have room: what stands at the end of a frame whose length has left is a hint (KIP-951), and is
    /// left out where the gateway's addresses are longer than the nodes' own.
    SameNodesIfThereIsRoom,
    /// No node at all.
    Nothing,
}

/// Which of the two connections.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Direct,
    Through,
}

/// A connection through the gateway and one to the node behind it.
pub struct Recorder {
    through: Wire,
    direct: Wire,
    /// What clients of the gateway are told of each node.
    told: Vec<Named>,
    /// Questions that were asked.
    pub asked: usize,
}

impl Recorder {
    /// Connects both.
    pub fn connect(through: &str, direct: &str, told: Vec<Named>) -> Fallible<Recorder> {
        let (through, direct) = (Wire::connect(through)?, Wire::connect(direct)?);
        Ok(Recorder { through, direct, told, asked: 0 })
    }

    /// Asks both. `names` finds the nodes in an answer.
    pub fn ask<R: Request>(
        &mut self,
        version: i16,
        request: &R,
        expected: Expected,
        names: impl Fn(&R::Response) -> Vec<Named>,
    ) -> Fallible<()> {
        let mut body = BytesMut::new();
        request.encode(&mut body, version).map_err(|error| format!("api {} v{version}: {error}", R::KEY))?;
        self.ask_body::<R>(version, |_| body.to_vec(), version, expected, names)
    }

    /// The same with a body that is given as bytes, for each side its own; the answer is read as that of version
    /// `read_as`, for a version that kafka-protocol does not know and that has the same answer.
    pub fn ask_body<R: Request>(
        &mut self,
        version: i16,
        body: impl Fn(Side) -> Vec<u8>,
        read_as: i16,
        expected: Expected,
        names: impl Fn(&R::Response) -> Vec<Named>,
    ) -> Fallible<()> {
        let what = format!("api {} v{version}", R::KEY);
        let ask = |wire: &mut Wire, side| {
            let id = wire.send_body(R::KEY, version, R::header_version(read_as), &body(side))?;
            wire.answer::<R>(read_as, id)
        };
        let direct = ask(&mut self.direct, Side::Direct).map_err(|error| format!("{what}, directly: {error}"))?;
        let through = ask(&mut self.through, Side::Through).map_err(|error| format!("{what}: {error}"))?;
        self.compare(&what, &direct, &through, expected, names)
    }

    fn compare<T>(
        &mut self,
        what: &str,
        direct: &Answer<T>,
        through: &Answer<T>,
        expected: Expected,
        names: impl Fn(&T) -> Vec<Named>,
    ) -> Fallible<()> {
        let theirs = names(&direct.body);
        ensure!(!theirs.is_empty(), "{what}: the node itself names nobody: this question proves nothing");
        ensure!(
            leak(&direct.frame).is_some(),
            "{what}: no canary in the node's own answer: this question proves nothing"
        );
        let mut wanted: Vec<Named> = match expected {
            Expected::Nothing => Vec::new(),
            Expected::SameNodesIfThereIsRoom if names(&through.body).is_empty() => Vec::new(),
            Expected::SameNodes | Expected::SameNodesIfThereIsRoom => {
                let ours = |named: &Named| self.told.iter().find(|told| told.node == named.node).cloned();
                theirs.iter().filter_map(ours).collect()
            }
        };
        let mut ours = names(&through.body);
        wanted.sort();
        ours.sort();
        ensure!(ours == wanted, "{what}: names {ours:?}, not {wanted:?}");
        let leaked = leak(&through.frame);
        ensure!(
            leaked.is_none(),
            "{what}: {} is in the answer's bytes: {:02x?}",
            leaked.unwrap_or_default(),
            through.frame
        );
        self.asked += 1;
        Ok(())
    }
}

/// The canary that is in these bytes, if one is.
pub fn leak(bytes: &[u8]) -> Option<&'static str> {
    CANARIES.into_iter().find(|canary| find(bytes, canary.as_bytes()).is_some())
}
