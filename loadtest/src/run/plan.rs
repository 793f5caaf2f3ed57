//! The load that the options ask for, and what they cannot ask for.
//!
//! Owns the checks that no single option can make.

use super::Args;
use crate::error::{Error, Result};
use crate::load::{Pace, Work};
use crate::trial::Workload;
use crate::wire::FRAME_BYTES_MAX;

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shape {
    /// Produce requests.
    Produce,
    /// Fetch requests.
    Fetch,
    /// Metadata requests.
    Metadata,
    /// Idle connections.
    Idle,
    /// Connections that come and go.
    Storm,
}

/// How a Produce request is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Acks {
    /// Not at all.
    #[value(name = "0")]
    None,
    /// By the leader.
    #[value(name = "1")]
    Leader,
    /// By all replicas in sync.
    #[value(name = "all")]
    All,
}

/// Threads of a storm.
const STORM_CLIENTS_MAX: u32 = 512;

/// The load that the options ask for; an error when they do not go together, with what would.
pub fn workload(args: &Args) -> Result<Workload> {
    if args.idempotent && args.acks != Acks::All {
        return Err(Error::new("an idempotent producer waits for all replicas: add --acks all"));
    }
    if args.load == Shape::Storm && args.connections > STORM_CLIENTS_MAX {
        let most = format!("a storm has at most {STORM_CLIENTS_MAX} connections at a time");
        return Err(Error::new(most).try_this("It opens as many as can be, or --rate of them a second."));
    }
    let records = args.batch_records as usize;
    let bytes = args.record_bytes.saturating_mul(records);
    if bytes > FRAME_BYTES_MAX / 2 {
        return Err(Error::new(format!(
            "a batch of {bytes} bytes is more than the {} of a frame",
            FRAME_BYTES_MAX / 2
        )));
    }
    let value_bytes = args.record_bytes;
    let work = match args.load {
        Shape::Produce | Shape::Idle | Shape::Storm => {
            let acks = match args.acks {
                Acks::None => 0,
                Acks::Leader => 1,
                Acks::All => -1,
            };
            Work::Produce { acks, idempotent: args.idempotent, records, value_bytes }
        }
        Shape::Fetch => Work::Fetch {
            version: args.fetch_version,
            session: args.fetch_session,
            bytes_max: Workload::fetch_bytes_max(value_bytes),
            // A client of a real cluster asks a leader for the partition that it leads.
            partitions: if args.bootstrap.is_empty() { args.fetch_partitions } else { 1 },
        },
        Shape::Metadata => Work::Metadata,
    };
    let pace = match args.rate {
        None => Pace::Closed { pipeline: args.pipeline.unwrap_or(1) as usize },
        Some(rate) => Pace::Open { rate, pipeline: args.pipeline.unwrap_or(5) as usize },
    };
    let connections = args.connections as usize;
    Ok(Workload { work, pace, connections, fetched_bytes: value_bytes })
}

/// A load in words.
pub fn about(workload: &Workload, args: &Args) -> String {
    let what = match (&workload.work, args.load) {
        (_, Shape::Idle) => "idle connections".to_owned(),
        (_, Shape::Storm) => "a storm of connections".to_owned(),
        (Work::Produce { acks, idempotent, records, value_bytes }, _) => {
            let acks = if *acks < 0 { "all".to_owned() } else { acks.to_string() };
            let kind = if *idempotent { ", idempotent" } else { "" };
            format!("Produce {records} x {value_bytes} bytes, acks={acks}{kind}")
        }
        (Work::Fetch { version, session, .. }, _) => {
            let with = if *session { "with" } else { "without" };
            format!("Fetch v{version} {with} a session, about {} bytes an answer", workload.fetched_bytes)
        }
        (Work::Metadata, _) => "Metadata of one topic".to_owned(),
    };
    let pace = match workload.pace {
        Pace::Closed { pipeline } => format!("closed loop, {pipeline} in flight on each"),
        Pace::Open { rate, pipeline } => format!("open loop, {rate}/s, at most {pipeline} in flight on each"),
    };
    let target = if args.bootstrap.is_empty() {
        format!("{} before a synthetic broker", args.target.name())
    } else {
        args.bootstrap.join(",")
    };
    format!("{what}; {} connections, {pace}; {target}", workload.connections)
}

/// Bytes, with or without a unit.
pub fn size(text: &str) -> std::result::Result<usize, String> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: usize = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return Err("a size is a number, or one with B, KiB or MiB".to_owned()),
    };
    let bytes = number.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
    bytes.filter(|bytes| (1..=FRAME_BYTES_MAX / 2).contains(bytes)).ok_or_else(|| "from 1B to 256MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_bounds() {
        assert_eq!(size("1024"), Ok(1024));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("1MiB"), Ok(1 << 20));
        for wrong in ["", "0", "-1", "1GB", "1.5MiB", "257MiB", "99999999999999999999999"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
