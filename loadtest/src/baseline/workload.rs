//! What is sent in the comparison.
//!
//! Owns the list: adding a workload is adding a line.

/// A workload of the comparison.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Workload {
    /// Its name in tables and on the command line.
    pub name: &'static str,
    /// What it is, in words.
    pub about: &'static str,
    /// Bytes of the one record's value in each request.
    pub value_bytes: usize,
    /// Connections.
    pub connections: usize,
    /// Requests in flight on each.
    pub pipeline: usize,
}

/// All of them.
pub const ALL: [Workload; 3] = [
    Workload {
        name: "small-5",
        about: "produce 1 KiB, acks=1, 64 connections, 5 in flight each",
        value_bytes: 1024,
        connections: 64,
        pipeline: 5,
    },
    Workload {
        name: "small-1",
        about: "produce 1 KiB, acks=1, 64 connections, 1 in flight each",
        value_bytes: 1024,
        connections: 64,
        pipeline: 1,
    },
    Workload {
        name: "large",
        about: "produce 1 MiB, acks=1, 8 connections, 1 in flight each",
        value_bytes: 1 << 20,
        connections: 8,
        pipeline: 1,
    },
];
