//! What is measured: one row for each workload, under the ids of the figures.
//!
//! Owns the list: adding a workload is adding a row.

use crate::load::{Pace, Work};
use crate::target::{Kind, Variant};
use crate::trial::Workload;
use serde::Serialize;

/// Behind the name of a proxy that takes part twice.
pub const AGAIN: &str = "-again";
/// Idle connections.
const IDLE: usize = 2000;
/// Bytes of a frame that streams.
const STREAMED_BYTES: usize = 99 << 20;

/// A figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Id {
    /// CPU for each GiB.
    P1,
    /// CPU for each small request at full speed.
    P2,
    /// The same at a fixed rate.
    P3,
    /// What a namespace costs.
    P5,
    /// User-mode instructions.
    P6,
    /// Latency.
    P7,
    /// Kernel entries.
    P8,
    /// Memory of idle connections.
    P9,
    /// Memory of streaming connections.
    P10,
    /// Shards and virtual clusters.
    P13,
}

impl Id {
    const ALL: [Self; 10] =
        [Self::P1, Self::P2, Self::P3, Self::P5, Self::P6, Self::P7, Self::P8, Self::P9, Self::P10, Self::P13];
}

/// What the user wants to be measured: all that gives a figure, or one workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A figure.
    Figure(Id),
    /// A workload's name.
    Workload(&'static str),
}

impl Wanted {
    /// Reads one, as the command line has it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let figure = Id::ALL.into_iter().find(|id| format!("{id:?}").eq_ignore_ascii_case(text)).map(Self::Figure);
        let names = || all().into_iter().map(|experiment| experiment.name);
        figure.or_else(|| names().find(|name| *name == text).map(Self::Workload)).ok_or_else(|| {
            let figures = Id::ALL.map(|id| format!("{id:?}")).join(", ");
            format!("there are the figures {figures}, and the workloads {}", names().collect::<Vec<_>>().join(", "))
        })
    }

    fn is(self, experiment: &Experiment) -> bool {
        match self {
            Self::Figure(id) => experiment.ids.contains(&id),
            Self::Workload(name) => experiment.name == name,
        }
    }
}

/// What is taken from a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// CPU.
    Cpu,
    /// Latency.
    Latency,
    /// Kernel entries.
    Entries,
    /// User-mode instructions.
    Instructions,
    /// Memory of idle connections.
    Idle,
    /// Memory while frames stream.
    Streaming,
}

impl Quantity {
    /// It depends on what else the machine does, so that those who are compared take turns while all are alive. What is
    /// exact, or of one alone, is taken from one after the other.
    pub fn is_in_turns(self) -> bool {
        matches!(self, Self::Cpu | Self::Latency)
    }
}

/// A workload and what it is for.
#[derive(Clone, Debug, Serialize)]
pub struct Experiment {
    /// Its name.
    pub name: &'static str,
    /// What it is, in words.
    pub about: String,
    /// The figures that it gives.
    pub ids: Vec<Id>,
    /// What is taken from its rounds.
    pub quantity: Quantity,
    /// The load.
    #[serde(flatten)]
    pub workload: Workload,
}

impl Experiment {
    /// Those that take part in it, with what it adds of its own.
    pub fn proxies(&self, all: &[Variant]) -> Vec<Variant> {
        let hide = |name: &str| Variant { name: name.to_owned(), ..Variant::from(Kind::KlammHide) };
        let common = all.iter().find(|variant| variant.kind.is_klamm()).map(|variant| variant.settings.clone());
        let mut wanted: Vec<Variant> = match (self.name, self.quantity) {
            ("virtual-clusters" | "instructions-clusters", _) => {
                vec![hide("clusters-1"), Variant { virtual_clusters: 10_000, ..hide("clusters-10000") }]
            }
            ("shards", _) => {
                let settings = vec![("shards".to_owned(), "2".to_owned())];
                vec![hide("shards-1"), Variant { settings, ..hide("shards-2") }]
            }
            (_, Quantity::Cpu | Quantity::Latency) => all.to_vec(),
            // Without a process there is nothing to count.
            (_, Quantity::Entries | Quantity::Instructions | Quantity::Idle | Quantity::Streaming) => {
                all.iter().filter(|variant| variant.kind != Kind::Direct).cloned().collect()
            }
        };
        for variant in &mut wanted {
            if self.quantity == Quantity::Instructions {
                variant.counted = true;
            }
            if self.ids.contains(&Id::P13) {
                variant.settings.splice(0..0, common.clone().unwrap_or_default());
            }
        }
        // One of them twice: what the two differ by is chance, and nothing smaller means anything.
        let twin = wanted.iter().find(|variant| variant.kind != Kind::Direct && self.quantity.is_in_turns());
        let twin = twin.map(|twin| Variant { name: format!("{}{AGAIN}", twin.name), ..twin.clone() });
        wanted.extend(twin);
        wanted
    }

    /// Bytes that make a difference to CPU time: there CPU is given for each GiB.
    pub fn is_bulk(&self) -> bool {
        self.ids.contains(&Id::P1)
    }
}

/// Those that are wanted; all, when none is named.
pub fn chosen(only: &[Wanted]) -> Vec<Experiment> {
    let wanted = |experiment: &Experiment| only.is_empty() || only.iter().any(|one| one.is(experiment));
    all().into_iter().filter(wanted).collect()
}

fn produce(value_bytes: usize, connections: usize, pace: Pace) -> Workload {
    let work = Work::Produce { acks: 1, idempotent: false, records: 1, value_bytes };
    Workload { work, pace, connections, fetched_bytes: 1 }
}

fn fetch(version: i16, value_bytes: usize, connections: usize, pace: Pace) -> Workload {
    let bytes_max = Workload::fetch_bytes_max(value_bytes);
    let work = Work::Fetch { version, session: false, bytes_max, partitions: 1 };
    Workload { work, pace, connections, fetched_bytes: value_bytes }
}

fn all() -> Vec<Experiment> {
    use Id::{P1, P2, P3, P5, P6, P7, P8, P9, P10, P13};
    use Quantity::{Cpu, Entries, Idle, Instructions, Latency, Streaming};
    const ACKED: &str = "Produce 1 KiB, acks=1, 64 connections";
    const SMALL: &str = "Produce 1 KiB, 64 connections";
    let row = |name, about: String, ids: &[Id], quantity, workload| {
        let ids = ids.to_vec();
        Experiment { name, about, ids, quantity, workload }
    };
    let (one, five) = (Pace::Closed { pipeline: 1 }, Pace::Closed { pipeline: 5 });
    let at = |rate| produce(1024, 64, Pace::Open { rate, pipeline: 5 });
    let small = |pace| produce(1024, 64, pace);
    let fetched = "Fetch v12, answers of 1 KiB, 64 connections, 1 in flight on each, full speed".to_owned();
    let streamed = "Fetch v12, answers of 99 MiB, 1 connection".to_owned();
    let spread = || format!("{SMALL} over all virtual clusters, 5 in flight on each");
    let mut all = vec![
        row("produce-1k-5", format!("{ACKED}, 5 in flight on each, full speed"), &[P2, P5], Cpu, small(five)),
        row("produce-1k-1", format!("{ACKED}, 1 in flight on each, full speed"), &[P2, P5], Cpu, small(one)),
        row("produce-1k-10000", format!("{ACKED}, 10,000/s"), &[P3], Cpu, at(10_000)),
        row("produce-1k-20000", format!("{ACKED}, 20,000/s"), &[P3], Cpu, at(20_000)),
        row("latency-10000", format!("{ACKED}, 10,000/s: latency"), &[P7], Latency, at(10_000)),
        row("fetch-1k-1", fetched, &[P5], Cpu, fetch(12, 1024, 64, one)),
    ];
    for (value_bytes, size, produced, fetched12, fetched17) in [
        (64 << 10, "64 KiB", "produce-64k", "fetch12-64k", "fetch17-64k"),
        (256 << 10, "256 KiB", "produce-256k", "fetch12-256k", "fetch17-256k"),
        (1 << 20, "1 MiB", "produce-1m", "fetch12-1m", "fetch17-1m"),
    ] {
        let ids: &[Id] = if value_bytes == 1 << 20 { &[P1, P5] } else { &[P1] };
        let about = format!("Produce {size}, acks=1, 8 connections, 1 in flight on each");
        all.push(row(produced, about, ids, Cpu, produce(value_bytes, 8, one)));
        for (version, name) in [(12, fetched12), (17, fetched17)] {
            let about = format!("Fetch v{version}, answers of {size}, 8 connections");
            all.push(row(name, about, ids, Cpu, fetch(version, value_bytes, 8, one)));
        }
    }
    let idle = "2,000 idle connections, each after ApiVersions".to_owned();
    let stream = "Produce 99 MiB, 1 connection".to_owned();
    all.extend([
        row("instructions-5", format!("{SMALL}, 5 in flight on each"), &[P6], Instructions, small(five)),
        row("instructions-1", format!("{SMALL}, 1 in flight on each"), &[P6], Instructions, small(one)),
        row("entries-5", format!("{SMALL}, 5 in flight on each"), &[P8], Entries, small(five)),
        row("entries-1", format!("{SMALL}, 1 in flight on each"), &[P8], Entries, small(one)),
        row("idle", idle, &[P9], Idle, produce(1024, IDLE, one)),
        row("stream-produce", stream, &[P10], Streaming, produce(STREAMED_BYTES, 1, one)),
        row("stream-fetch", streamed, &[P10], Streaming, fetch(12, STREAMED_BYTES, 1, one)),
        row("shards", format!("{SMALL}, 5 in flight on each"), &[P13], Cpu, small(five)),
        row("virtual-clusters", spread(), &[P13], Cpu, small(five)),
        row("instructions-clusters", spread(), &[P13], Instructions, small(five)),
    ]);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_figure_has_a_workload_and_each_workload_a_name_of_its_own() {
        let names: BTreeSet<&str> = all().iter().map(|experiment| experiment.name).collect();
        assert_eq!(names.len(), all().len());
        for id in Id::ALL {
            assert!(!chosen(&[Wanted::Figure(id)]).is_empty(), "{id:?}");
        }
        for name in names {
            assert_eq!(chosen(&[Wanted::parse(name).unwrap()]).iter().map(|one| one.name).collect::<Vec<_>>(), [name]);
        }
        assert_eq!(chosen(&[]).len(), all().len());
        assert_eq!(Wanted::parse("p10"), Ok(Wanted::Figure(Id::P10)));
        let refused = Wanted::parse("P4").unwrap_err();
        assert!(refused.contains("P13") && refused.contains("produce-64k"), "{refused}");
    }
}
