//! Which proxy, and how it is set: what stands in a column of a comparison.
//!
//! Owns the names, on the command line and in tables.

use crate::lab::haproxy;
use crate::wire::TOPIC;
use serde::Serialize;
use std::path::PathBuf;

/// What stands between client and broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nothing: what generator and broker can do.
    Direct,
    /// HAProxy, `mode tcp`, one thread.
    Haproxy,
    /// The same with splice-auto, splice-request and splice-response.
    HaproxySplice,
    /// Klamm, passthrough.
    Klamm,
    /// Klamm, a namespace that hides its prefix.
    KlammHide,
}

impl Kind {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 5] = [Self::Direct, Self::Haproxy, Self::HaproxySplice, Self::Klamm, Self::KlammHide];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Haproxy => "haproxy",
            Self::HaproxySplice => "haproxy-splice",
            Self::Klamm => "klamm",
            Self::KlammHide => "klamm-hide",
        }
    }

    /// Whether it is a Klamm.
    pub fn is_klamm(self) -> bool {
        matches!(self, Self::Klamm | Self::KlammHide)
    }

    /// Whether it can be measured on this machine.
    pub fn is_there(self) -> bool {
        !matches!(self, Self::Haproxy | Self::HaproxySplice) || haproxy::version().is_some()
    }
}

/// A proxy and its settings.
#[derive(Clone, Debug, Serialize)]
pub struct Variant {
    /// Its name in tables.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Settings of Klamm's `node`: `shards`, or `limits.` and a key.
    pub settings: Vec<(String, String)>,
    /// The klamm program; nothing: the library that this program was built with.
    pub binary: Option<PathBuf>,
    /// Virtual clusters, each with a namespace and a listener of its own. Passthrough has one always.
    pub virtual_clusters: usize,
    /// It runs under callgrind.
    pub counted: bool,
}

impl From<Kind> for Variant {
    fn from(kind: Kind) -> Self {
        let name = kind.name().to_owned();
        Self { name, kind, settings: Vec::new(), binary: None, virtual_clusters: 1, counted: false }
    }
}

impl Variant {
    /// How many virtual clusters it has.
    pub fn clusters(&self) -> usize {
        if self.kind == Kind::KlammHide { self.virtual_clusters.max(1) } else { 1 }
    }

    /// The topics that its backend has.
    pub fn topics(&self) -> Vec<String> {
        match self.kind {
            Kind::KlammHide => (0..self.clusters()).map(topic_on_backend).collect(),
            Kind::Direct | Kind::Haproxy | Kind::HaproxySplice | Kind::Klamm => vec![TOPIC.to_owned()],
        }
    }

    /// Reads `NAME=KEY=VALUE,...`, where a key is `mode` (passthrough or hide_prefix, which is the default), `binary`,
    /// `virtual_clusters`, `shards`, or `limits.` and a limit.
    pub fn parse(text: &str) -> Result<Self, String> {
        let right = "right would be NAME=KEY=VALUE,..., as in copying=limits.hold_bytes_max=1MiB";
        let (name, rest) = text.split_once('=').ok_or_else(|| format!("it has no '='; {right}"))?;
        if name.is_empty() || name.len() > 24 || Kind::ALL.iter().any(|kind| kind.name() == name) {
            return Err(format!(
                "{name:?} cannot be its name (1 to 24 letters, not one of the proxies that are there)"
            ));
        }
        let mut variant = Self { name: name.to_owned(), ..Self::from(Kind::KlammHide) };
        for part in rest.split(',') {
            let (key, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is no KEY=VALUE; {right}"))?;
            match (key, value) {
                ("mode", "passthrough") => variant.kind = Kind::Klamm,
                ("mode", "hide_prefix") => variant.kind = Kind::KlammHide,
                ("mode", other) => return Err(format!("mode is passthrough or hide_prefix, not {other}")),
                ("binary", path) => variant.binary = Some(path.into()),
                ("virtual_clusters", count) => {
                    let count = count.parse().ok().filter(|count| (1..=10_000).contains(count));
                    variant.virtual_clusters = count.ok_or("virtual_clusters is a number from 1 to 10000")?;
                }
                (key, value) => variant.settings.push(setting(&format!("{key}={value}"))?),
            }
        }
        Ok(variant)
    }
}

/// Reads a setting of `node`: `shards=2`, `limits.in_flight_max=16`.
pub fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is no KEY=VALUE"))?;
    let known = key == "shards" || key.strip_prefix("limits.").is_some_and(|limit| !limit.is_empty());
    match (known, value.is_empty()) {
        (true, false) => Ok((key.to_owned(), value.to_owned())),
        (true, true) => Err(format!("{key} has no value")),
        (false, _) => Err(format!("{key:?} cannot be set here: there are shards and limits.KEY")),
    }
}

/// The name of a virtual cluster.
pub fn cluster_name(number: usize) -> String {
    format!("vc-{number:04}")
}

/// The topic of a virtual cluster, as the backend knows it.
pub fn topic_on_backend(number: usize) -> String {
    format!("{}.{TOPIC}", cluster_name(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_read_or_refused() {
        let variant = Variant::parse("narrow=mode=passthrough,limits.in_flight_max=4,shards=2").unwrap();
        assert_eq!((variant.name.as_str(), variant.kind), ("narrow", Kind::Klamm));
        assert_eq!(variant.settings[1], ("shards".to_owned(), "2".to_owned()));
        assert_eq!(Variant::parse("old=binary=/x/klamm").unwrap().binary, Some("/x/klamm".into()));
        for (text, why) in [
            ("narrow", "no '='"),
            ("=limits.a=b", "cannot be its name"),
            ("klamm=limits.a=b", "cannot be its name"),
            ("a=limits.b", "no KEY=VALUE"),
            ("a=mode=x", "mode is"),
            ("a=admin=x", "cannot be set here"),
            ("a=limits.x=", "no value"),
            ("a=virtual_clusters=0", "1 to 10000"),
        ] {
            let error = Variant::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
