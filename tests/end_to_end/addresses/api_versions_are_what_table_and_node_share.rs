//! ApiVersions: what is offered is what the table and the node have in common, whichever version asks; a version above
//! ours gets the answer of v0 with UNSUPPORTED_VERSION, as Kafka gives it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};

use crate::ensure;
use crate::harness::wire::{Wire, text};
use crate::harness::{Fallible, World};

const UNSUPPORTED_VERSION: i16 = 35;
/// The highest that Kafka 4.3.1 defines is 4.
const ABOVE_OURS: i16 = 5;

/// Where the table differs from the definitions: api, lowest version, why.
const EXCEPTIONS: [(ApiKey, i16, &str); 2] = [
    (
        ApiKey::Produce,
        0,
        "librdkafka takes a node that offers no version below 3 for one that is too new: Kafka does the same",
    ),
    (ApiKey::SaslHandshake, 1, "after version 0 come tokens without a frame, which no walk could follow"),
];

/// Lowest and highest version by api key.
type Ranges = BTreeMap<i16, (i16, i16)>;

pub fn run(world: &World) -> Fallible<()> {
    let (gateway, lab) = (world.gateway()?, world.lab()?);
    let table = client_facing()?;
    for (through, direct) in [
        (gateway.bootstrap(), lab.address(1)),
        (gateway.node_address(1)?, lab.address(1)),
        (gateway.node_address(2)?, lab.address(2)),
        (gateway.node_address(3)?, lab.address(3)),
    ] {
        let theirs = offered(&direct)?;
        let expected = shared(&table, &theirs);
        for version in 0..=4 {
            let request = ApiVersionsRequest::default()
                .with_client_software_name(text("recorder"))
                .with_client_software_version(text("1"));
            let answer = Wire::connect(&through)?.ask(version, &request)?.body;
            ensure!(answer.error_code == 0, "v{version}: error {}", answer.error_code);
            let ours = ranges(&answer);
            ensure!(ours == expected, "v{version} at {through} offers {ours:?}, not {expected:?}");
        }
        ensure!(expected.get(&0).is_some_and(|produce| produce.0 == 0), "Produce from {:?}", expected.get(&0));
        above_ours(&through, &expected)?;
    }
    Ok(())
}

fn above_ours(address: &str, expected: &Ranges) -> Fallible<()> {
    let mut wire = Wire::connect(address)?;
    let id = wire.send_body(ApiKey::ApiVersions as i16, ABOVE_OURS, 2, &[1, 1, 0])?;
    let answer = wire.answer::<ApiVersionsRequest>(0, id)?.body;
    ensure!(answer.error_code == UNSUPPORTED_VERSION, "v{ABOVE_OURS}: error {}", answer.error_code);
    let own = expected.get(&(ApiKey::ApiVersions as i16));
    let said = ranges(&answer);
    ensure!(said.get(&(ApiKey::ApiVersions as i16)) == own, "v{ABOVE_OURS} is answered without our range: {said:?}");
    // The connection lives on, and the version that was learned works.
    let answer = wire.ask(
        4,
        &ApiVersionsRequest::default().with_client_software_name(text("a")).with_client_software_version(text("1")),
    )?;
    ensure!(answer.body.error_code == 0, "after v{ABOVE_OURS}: error {}", answer.body.error_code);
    Ok(())
}

/// What a node offers.
fn offered(address: &str) -> Fallible<Ranges> {
    Ok(ranges(&Wire::connect(address)?.ask(0, &ApiVersionsRequest::default())?.body))
}

fn ranges(answer: &ApiVersionsResponse) -> Ranges {
    answer.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect()
}

fn shared(table: &Ranges, theirs: &Ranges) -> Ranges {
    let both = table.iter().filter_map(|(key, ours)| {
        let theirs = theirs.get(key)?;
        let range = (ours.0.max(theirs.0), ours.1.min(theirs.1));
        (range.0 <= range.1).then_some((*key, range))
    });
    both.collect()
}

/// The table as it must be: what the definitions of Kafka 4.3.1 themselves say is stable and listened for on a
/// broker's port.
fn client_facing() -> Fallible<Ranges> {
    let folder = match std::env::var_os("KLAMM_KAFKA_MESSAGES") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/lab/kafka-4.3.1/messages/common/message"),
    };
    ensure!(folder.is_dir(), "no definitions in {}: tests/run fetches them", folder.display());
    let mut ranges = Ranges::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let definition = Definition::read(&fs::read_to_string(&path)?)?;
        if let Some((key, versions)) = definition.and_then(Definition::client_facing) {
            ranges.insert(key, versions);
        }
    }
    ensure!(ranges.len() > 60, "only {} requests are defined", ranges.len());
    for (key, min, _why) in EXCEPTIONS {
        ranges.entry(key as i16).and_modify(|range| range.0 = min);
    }
    Ok(ranges)
}

/// What matters here of a message's definition.
struct Definition {
    key: i16,
    versions: (i16, i16),
    broker: bool,
    unstable: bool,
}

impl Definition {
    /// Reads a definition, which is JSON with comments; `None` when it is not a request's.
    fn read(definition: &str) -> Fallible<Option<Definition>> {
        let lines = definition.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
        let json: serde_json::Value = serde_json::from_str(&lines.collect::<Vec<_>>().join("\n"))?;
        if json["type"] != "request" {
            return Ok(None);
        }
        let versions = json["validVersions"].as_str().ok_or("a request without validVersions")?;
        let (min, max) = versions.split_once('-').unwrap_or((versions, versions));
        let (Ok(min), Ok(max)) = (min.parse(), max.parse()) else { return Ok(None) };
        Ok(Some(Definition {
            key: json["apiKey"].as_i64().ok_or("a request without apiKey")?.try_into()?,
            versions: (min, max),
            broker: json["listeners"].as_array().is_some_and(|listeners| listeners.iter().any(|l| l == "broker")),
            unstable: json["latestVersionUnstable"] == true,
        }))
    }

    fn client_facing(self) -> Option<(i16, (i16, i16))> {
        let max = if self.unstable { self.versions.1 - 1 } else { self.versions.1 };
        (self.broker && max >= self.versions.0).then_some((self.key, (self.versions.0, max)))
    }
}
