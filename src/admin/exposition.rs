//! All numbers as OpenMetrics text.
//!
//! Owns the metrics' names and help texts. Labels are shard indices, causes and names from the configuration, never
//! anything that a client sent: the number of series is fixed at the start.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::process::Process;
use super::{BackendReport, CertificateReport, ReloadReport, Report, Side};
use crate::metrics::{Cause, Kind, Sample};

/// The media type of [`exposition`].
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Shown for each shard on its own, so that an uneven spread of connections is seen; all others are sums.
const PER_SHARD: [&str; 2] = ["connections_accepted", "connections_active"];

/// The exposition of one report.
///
/// # Errors
///
/// None in practice: writing to a string does not fail. The error is the encoder's.
pub(super) fn exposition(report: Report, process: Process) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Shown { report, process }));
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

#[derive(Debug)]
struct Shown {
    report: Report,
    process: Process,
}

impl Collector for Shown {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut families = Families(encoder);
        shards(&mut families, &self.report.shards)?;
        backends(&mut families, &self.report.backends)?;
        reloads(&mut families, self.report.reloads)?;
        certificates(&mut families, &self.report.certificates)?;
        whole(&mut families, &self.report)?;
        process(&mut families, self.process)
    }
}

fn shards(families: &mut Families<'_>, shards: &[Option<Sample>]) -> fmt::Result {
    let mut sum = Sample::default();
    for sample in shards.iter().flatten() {
        sum.add(sample);
    }
    for number in Sample::DESCRIBED {
        let name = format!("klamm_{}", number.name);
        if PER_SHARD.contains(&number.name) {
            let series = shards.iter().enumerate().filter_map(|(at, sample)| {
                let sample = sample.as_ref()?;
                Some(([("shard", at.to_string())], (number.value)(sample)))
            });
            families.labelled(number.kind, &name, number.help, series)?;
        } else {
            families.plain(number.kind, &name, number.help, (number.value)(&sum))?;
        }
    }
    let causes = Cause::ALL.iter().map(|cause| ([("cause", cause.label().to_owned())], sum.closed(*cause)));
    let help = "Connections closed, by cause. Accepted = active + closed, over all shards that answered.";
    families.labelled(Kind::Counter, "klamm_connections_closed", help, causes)?;

    families.plain(Kind::Gauge, "klamm_shards", "Shards of this process.", shards.len() as u64)?;
    let silent = shards.iter().filter(|sample| sample.is_none()).count();
    let help = "Shards that did not answer this scrape in time. Their numbers are missing from every sum here, \
                which therefore may be lower than at the scrape before.";
    families.plain(Kind::Gauge, "klamm_shards_unresponsive", help, silent as u64)
}

fn backends(families: &mut Families<'_>, backends: &[BackendReport]) -> fmt::Result {
    let label = |backend: &BackendReport| [("backend_cluster", backend.name.clone())];
    let help = "Version of the catalogue of a backend cluster; grows with each change, 0 while it is unknown.";
    let versions = backends.iter().map(|backend| (label(backend), backend.catalogue_version));
    families.labelled(Kind::Gauge, "klamm_catalogue_version", help, versions)?;
    let nodes = backends.iter().map(|backend| (label(backend), backend.nodes as u64));
    families.labelled(Kind::Gauge, "klamm_catalogue_nodes", "Nodes of a backend cluster.", nodes)?;
    let help = "When a catalogue was last refreshed with success, in Unix time; missing before the first time.";
    let refreshed = backends.iter().filter_map(|backend| Some((label(backend), backend.refreshed_at_seconds?)));
    families.labelled(Kind::Gauge, "klamm_catalogue_refreshed_timestamp_seconds", help, refreshed)
}

fn reloads(families: &mut Families<'_>, reloads: ReloadReport) -> fmt::Result {
    let counted = [("ok", reloads.succeeded), ("failed", reloads.failed)];
    let series = counted.into_iter().map(|(result, count)| ([("result", result.to_owned())], count));
    families.labelled(
        Kind::Counter,
        "klamm_reloads",
        "Reloads of the configuration, by what became of them.",
        series,
    )?;
    let help = "When the configuration was last read with success, in Unix time; at first the start.";
    families.plain(Kind::Gauge, "klamm_reload_success_timestamp_seconds", help, reloads.succeeded_at_seconds)?;
    let help = "Places where the configuration that was read last differs from what runs, and a restart is needed.";
    families.plain(Kind::Gauge, "klamm_reload_differences", help, reloads.differing)
}

fn certificates(families: &mut Families<'_>, certificates: &[CertificateReport]) -> fmt::Result {
    let labels = |report: &CertificateReport| {
        let side = match report.side {
            Side::Client => "client",
            Side::Backend => "backend",
        };
        [("side", side.to_owned()), ("name", report.holder.clone())]
    };
    let earliest = certificates.iter().filter_map(|report| {
        let (_, not_after) = report.subjects.iter().min_by_key(|(_, not_after)| *not_after)?;
        Some((labels(report), *not_after))
    });
    let help = "When the certificate ends that ends first, in Unix time, of those a listener shows to clients (side \
                client) and of that shown to a backend cluster (side backend).";
    families.gauges("klamm_certificates_expiry_timestamp_seconds", help, earliest)?;
    let each = certificates.iter().flat_map(|report| {
        report.subjects.iter().map(move |(subject, not_after)| {
            let [side, name] = labels(report);
            ([side, name, ("subject", subject.clone())], *not_after)
        })
    });
    let help = "When a certificate ends, in Unix time, by subject; of each holder those that end first.";
    families.gauges("klamm_certificate_expiry_timestamp_seconds", help, each)
}

fn whole(families: &mut Families<'_>, report: &Report) -> fmt::Result {
    let help = "Log lines lost because they came faster than they could be written.";
    families.plain(Kind::Counter, "klamm_log_lines_lost", help, report.log_lines_lost)?;
    let help = "1 while all listeners accept.";
    families.plain(Kind::Gauge, "klamm_accepting", help, u64::from(report.accepting))?;
    let help = "1 from the moment a drain began.";
    families.plain(Kind::Gauge, "klamm_draining", help, u64::from(report.draining))?;
    let help = "When this process started, in Unix time.";
    families.plain(Kind::Gauge, "process_start_time_seconds", help, report.started_at_seconds)?;
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    let encoder = families.0.encode_descriptor("klamm_build", "This build of Klamm.", None, MetricType::Info)?;
    version.encode(encoder)
}

/// The names that every Prometheus client library uses for the process.
fn process(families: &mut Families<'_>, process: Process) -> fmt::Result {
    if let Some(seconds) = process.cpu_seconds {
        families.plain(Kind::Counter, "process_cpu_seconds", "User and system CPU time.", seconds)?;
    }
    if let Some(bytes) = process.resident_bytes {
        families.plain(Kind::Gauge, "process_resident_memory_bytes", "Resident memory.", bytes)?;
    }
    if let Some(count) = process.open_descriptors {
        families.plain(Kind::Gauge, "process_open_fds", "Open descriptors.", count)?;
    }
    Ok(())
}

/// Writes one family at a time: its head, then its series.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn plain<V: EncodeCounterValue + EncodeGaugeValue>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        value: V,
    ) -> fmt::Result {
        match kind {
            Kind::Counter => {
                let encoder = self.0.encode_descriptor(name, help.trim(), None, MetricType::Counter)?;
                ConstCounter::new(value).encode(encoder)
            }
            Kind::Gauge => {
                let encoder = self.0.encode_descriptor(name, help.trim(), None, MetricType::Gauge)?;
                ConstGauge::new(value).encode(encoder)
            }
        }
    }

    fn labelled<V: EncodeCounterValue + EncodeGaugeValue>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        series: impl Iterator<Item = ([(&'static str, String); 1], V)>,
    ) -> fmt::Result {
        let metric_type = match kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
        };
        let mut family = self.0.encode_descriptor(name, help.trim(), None, metric_type)?;
        for (labels, value) in series {
            let encoder = family.encode_family(&labels)?;
            match kind {
                Kind::Counter => ConstCounter::new(value).encode(encoder)?,
                Kind::Gauge => ConstGauge::new(value).encode(encoder)?,
            }
        }
        Ok(())
    }

    fn gauges<const LABELS: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: impl Iterator<Item = ([(&'static str, String); LABELS], i64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in series {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "exposition_tests.rs"]
mod tests;
