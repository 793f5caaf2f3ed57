//! Scenarios, read from data: what is said on one side of a namespace, and what is to be read on the other.
//!
//! `tests/rewriting/scenarios/README.md` has the words of the files. A scenario is a template: arrays get many entries or
//! none, names are drawn from the cast, fields that it does not mention hold anything and must arrive as they were.

mod play;

use std::path::Path;

use klamm::cluster::{AddressMap, Namespace, NodeApis};
use klamm::rewrite::{NamespaceRule, NamespaceView, Rule, SessionView, rules};
use klamm::wire::{Asked, Direction, Exchange};
use play::Play;
use serde::Deserialize;
use serde_yaml::Value as Yaml;

use super::cast::{Cast, namespaces};
use super::{Dice, entry, request_frame, response_frame};
use crate::definitions::codec::{Struct, Value};
use crate::definitions::{Definitions, Message};

/// The cluster id that clients of a namespace see, and the host that all nodes have for them.
const CLUSTER_ID: &str = "dmlydHVhbC1jbHVzdGVy";
pub const CLIENT_HOST: &str = "gateway.example";
/// Topic ids that were asked for are combined with this.
const ID_MASK: [u8; 16] = [0x5a; 16];
/// The session in the scenarios' Fetch responses.
pub const FETCH_SESSION: i32 = 24_149;
/// The tag that fills what a shorter address saved.
const FILLER: u32 = 0x3fff;

/// The view of a session that the scenarios are about.
pub fn view<'a>(map: &'a AddressMap, apis: &'a NodeApis, names: &'a Namespace) -> SessionView<'a> {
    let named = NamespaceView { names, cluster_id: CLUSTER_ID, id_mask: ID_MASK };
    SessionView { namespace: Some(named), frame_bytes_max: 1 << 26, hold_bytes_max: 1 << 26, ..super::view(map, apis) }
}

/// One scenario of a file.
struct Scenario {
    file: String,
    rule: &'static Rule,
    first: i16,
    last: i16,
    namespaces: Vec<String>,
    asked: Asked,
    request: Option<Yaml>,
    response: Option<Yaml>,
}

/// One message on its way through a namespace.
pub struct Case {
    /// Where it is from, for those who read that it failed.
    pub name: String,
    pub key: i16,
    pub version: i16,
    /// What the request's exchange is told, or the response's was.
    pub entry: Exchange,
    /// The frame that is said, and the one that is to be read.
    pub given: Vec<u8>,
    pub then: Vec<u8>,
    value: Struct,
    /// Lengths in it may be padded, and what is not needed is filled.
    padded: bool,
    /// Bytes of the frame that is to be read, where topics' lengths are padded.
    bytes: Option<usize>,
}

/// All scenarios, and the definitions by which they are made.
pub struct Scenarios {
    pub definitions: Definitions,
    all: Vec<Scenario>,
}

impl Scenarios {
    /// Those of all files.
    pub fn read() -> Scenarios {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rewriting/scenarios");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
        files.sort();
        let mut all = Vec::new();
        for path in files {
            let name = path.file_name().unwrap().to_string_lossy();
            let text = std::fs::read_to_string(&path).unwrap();
            all.extend(read(&name, &text).unwrap_or_else(|what| panic!("{what}")));
        }
        Scenarios { definitions: Definitions::read().unwrap(), all }
    }

    /// Those of one API.
    pub fn of(mut self, key: i16) -> Scenarios {
        self.all.retain(|one| one.rule.key == key);
        self
    }

    /// What is wrong with a file of this text.
    pub fn fault(text: &str) -> Option<String> {
        let scenarios = |all| Scenarios { definitions: Definitions::read().unwrap(), all };
        let played = |all: Scenarios| {
            let each = |direction| all.try_each(direction, &namespaces(), 0..20, 0, |_, _| {});
            each(Direction::Request).and_then(|()| each(Direction::Response))
        };
        read("file.yaml", text).map(scenarios).and_then(played).err()
    }

    /// Whether a scenario shows this message.
    pub fn cover(&self, rule: &Rule, version: i16, direction: Direction) -> bool {
        let of = self.all.iter().filter(|one| one.rule.key == rule.key && (one.first..=one.last).contains(&version));
        of.into_iter().any(|one| one.body(direction).is_some())
    }

    /// Plays each scenario of this direction in each version and in each of these namespaces that it is for.
    pub fn each(
        &self,
        direction: Direction,
        namespaces: &[(&'static str, Namespace)],
        seeds: std::ops::Range<u64>,
        shown_error: i16,
        play: impl FnMut(&Namespace, &Case),
    ) {
        self.try_each(direction, namespaces, seeds, shown_error, play).unwrap_or_else(|what| panic!("{what}"));
    }

    fn try_each(
        &self,
        direction: Direction,
        namespaces: &[(&'static str, Namespace)],
        seeds: std::ops::Range<u64>,
        shown_error: i16,
        mut play: impl FnMut(&Namespace, &Case),
    ) -> Result<(), String> {
        for (at, scenario) in self.all.iter().enumerate() {
            let mut each = |named: &(&str, Namespace), version: i16, seed: u64| {
                let mut dice = Dice::new(seed * 10_007 + at as u64 * 101 + version.unsigned_abs() as u64);
                let case = scenario.case(&self.definitions, named, direction, version, &mut dice, shown_error)?;
                if let Some(mut case) = case {
                    case.name += &format!(", seed {seed}");
                    play(&named.1, &case);
                }
                Ok::<_, String>(())
            };
            for named in namespaces.iter().filter(|(name, _)| scenario.namespaces.iter().any(|one| one == name)) {
                for version in scenario.first..=scenario.last {
                    seeds.clone().try_for_each(|seed| each(named, version, seed))?;
                }
            }
        }
        Ok(())
    }
}

impl Case {
    /// Holds a frame that came against the one that is to be read.
    pub fn check(&self, definitions: &Definitions, direction: Direction, frame: &[u8]) {
        if let Some(bytes) = self.bytes {
            assert_eq!(frame.len(), bytes, "{}: the lengths of topics are padded otherwise", self.name);
        }
        if frame == self.then {
            return;
        }
        let message = message(definitions, direction, self.key);
        // Both headers are as long as that of the frame that is expected.
        let header = self.then.len() - message.encode(self.version, &self.value).bytes.len();
        let mut value = self.value.clone();
        let mut read =
            message.decode(self.version, &frame[header..]).unwrap_or_else(|what| panic!("{}: {what}", self.name));
        let length = i32::from_be_bytes(*frame.first_chunk().unwrap());
        assert_eq!((usize::try_from(length).unwrap() + 4, &frame[4..header]), (frame.len(), &self.then[4..header]));
        if self.padded {
            for one in [&mut read, &mut value] {
                one.unknown.remove(&FILLER);
                let endpoints = one.fields.entry("NodeEndpoints".into()).or_insert_with(|| Value::Array(Vec::new()));
                let Value::Array(endpoints) = endpoints else { unreachable!("endpoints are an array") };
                for endpoint in endpoints {
                    let Value::Struct(endpoint) = endpoint else { unreachable!("endpoints are structs") };
                    endpoint.unknown.clear();
                }
            }
        }
        assert!(self.padded || read != value, "{}: the same in other bytes", self.name);
        if let Some(difference) = difference(&Value::Struct(value), &Value::Struct(read)) {
            panic!("{}: {difference}", self.name);
        }
    }
}

/// Where two values differ first: what was expected and what came.
fn difference(expected: &Value, came: &Value) -> Option<String> {
    match (expected, came) {
        (Value::Struct(expected), Value::Struct(came)) if expected.unknown == came.unknown => {
            let names = expected.fields.keys().chain(came.fields.keys());
            let null = Value::Null;
            names.into_iter().find_map(|name| {
                let [a, b] = [expected, came].map(|side| side.fields.get(name).unwrap_or(&null));
                difference(a, b).map(|what| format!("{name}/{what}"))
            })
        }
        (Value::Array(expected), Value::Array(came)) if expected.len() == came.len() => {
            let mut pairs = expected.iter().zip(came).enumerate();
            pairs.find_map(|(at, (a, b))| difference(a, b).map(|what| format!("{at}/{what}")))
        }
        (Value::Text(a), Value::Text(b)) if a != b => {
            Some(format!(" {:?} is expected, {:?} came", String::from_utf8_lossy(a), String::from_utf8_lossy(b)))
        }
        (Value::Array(a), Value::Array(b)) => Some(format!(" {} entries are expected, {} came", a.len(), b.len())),
        (a, b) => (a != b).then(|| format!(" {a:?} is expected, {b:?} came")),
    }
}

/// Bytes that the lengths of topics take more than they need, where topics stream: in a Produce request one more than as they
/// came, in a response as many.
fn padding(direction: Direction, key: i16, given: &Struct, then: &Struct) -> usize {
    let more = match (direction, key) {
        (Direction::Request, 0) => 1,
        (Direction::Request, _) => return 0,
        (Direction::Response, _) => 0,
    };
    let widths = |message: &Struct| -> Vec<usize> {
        let topics = message.fields.get("TopicData").or_else(|| message.fields.get("Responses"));
        let Some(Value::Array(topics)) = topics else { return Vec::new() };
        let name = |topic: &Value| match topic {
            Value::Struct(topic) => topic.fields.get("Name").or_else(|| topic.fields.get("Topic")).cloned(),
            _ => None,
        };
        let names = topics.iter().filter_map(name);
        names.map(|name| if matches!(name, Value::Text(text) if text.len() + 1 > 0x7f) { 2 } else { 1 }).collect()
    };
    widths(given).into_iter().zip(widths(then)).map(|(came, needs)| came + more - needs).sum()
}

fn message(definitions: &Definitions, direction: Direction, key: i16) -> &Message {
    match direction {
        Direction::Request => &definitions.requests[&key],
        Direction::Response => &definitions.responses[&key],
    }
}

/// A file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    api: String,
    scenarios: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    versions: Option<Yaml>,
    #[serde(default)]
    when: When,
    request: Option<Yaml>,
    response: Option<Yaml>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    #[serde(default)]
    asked: Asks,
    namespaces: Option<Vec<String>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
enum Asks {
    #[default]
    Nothing,
    Groups,
    TransactionalIds,
    OtherProtocol,
}

/// The scenarios of one file.
fn read(file: &str, text: &str) -> Result<Vec<Scenario>, String> {
    let says = |what: String| format!("scenarios/{file}: {what}");
    let mut yaml: Yaml = serde_yaml::from_str(text).map_err(|error| says(error.to_string()))?;
    yaml.apply_merge().map_err(|error| says(error.to_string()))?;
    let File { api, scenarios } = serde_yaml::from_value(yaml).map_err(|error| says(error.to_string()))?;
    let rule = rules().iter().find(|rule| rule.name == api);
    let rule = rule.ok_or_else(|| says(format!("no API of Kafka is called {api}")))?;
    let NamespaceRule::Served(served) = rule.named else {
        return Err(says(format!("the table does not serve {api} in a namespace")));
    };
    scenarios.into_iter().map(|written| scenario(file, rule, served, written).map_err(says)).collect()
}

fn scenario(file: &str, rule: &'static Rule, served: i16, written: Written) -> Result<Scenario, String> {
    let Written { versions, when, request, response } = written;
    let (first, last) = match versions {
        None => (rule.min, served),
        Some(versions) => {
            let text = versions.as_i64().map(|one| one.to_string()).or(versions.as_str().map(str::to_owned));
            let text = text.unwrap_or_default();
            let (first, last) = text.split_once('-').unwrap_or((&text, &text));
            let range = first.parse().ok().zip(last.parse().ok());
            range.ok_or("versions are a number, or two with a hyphen between")?
        }
    };
    if first < rule.min || last > served || first > last {
        let (min, name) = (rule.min, rule.name);
        return Err(format!("a namespace serves {name} in versions {min}-{served}, not in {first}-{last}"));
    }
    let known: Vec<_> = namespaces().map(|(name, _)| name.to_owned()).to_vec();
    let namespaces = when.namespaces.unwrap_or_else(|| known.clone());
    if let Some(other) = namespaces.iter().find(|name| !known.contains(name)) {
        return Err(format!("there is no namespace {other}: there are {}", known.join(", ")));
    }
    let asked = match when.asked {
        Asks::Nothing => Asked::Nothing,
        Asks::Groups => Asked::Groups,
        Asks::TransactionalIds => Asked::TransactionalIds,
        Asks::OtherProtocol => Asked::OtherProtocol,
    };
    Ok(Scenario { file: file.to_owned(), rule, first, last, namespaces, asked, request, response })
}

impl Scenario {
    fn body(&self, direction: Direction) -> Option<&Yaml> {
        match direction {
            Direction::Request => self.request.as_ref(),
            Direction::Response => self.response.as_ref(),
        }
    }

    /// `None`: it does not show this direction, or this namespace has no names of a kind that it needs.
    fn case(
        &self,
        definitions: &Definitions,
        (namespace, names): &(&str, Namespace),
        direction: Direction,
        version: i16,
        dice: &mut Dice,
        shown_error: i16,
    ) -> Result<Option<Case>, String> {
        let Some(body) = self.body(direction) else { return Ok(None) };
        let message = message(definitions, direction, self.rule.key);
        let cast = Cast { names, said: direction == Direction::Request };
        let mut play = Play::new(definitions, &cast, (self.first, self.last), version, dice);
        (play.flexible, play.shown_error, play.asked) = (message.flexible.has(version), shown_error, self.asked);
        let Some((given, value)) = play.message(message, body).map_err(|what| {
            format!("scenarios/{}: {direction:?} of versions {}-{}: {what}", self.file, self.first, self.last)
        })?
        else {
            return Ok(None);
        };
        let key = self.rule.key;
        let endpoints = value.fields.contains_key("NodeEndpoints");
        let streams = matches!(key, 0 | 1) && *namespace == "prefix_alone";
        let padding = match streams && message.flexible.has(version) {
            true => padding(direction, key, &given, &value),
            false => 0,
        };
        let [given, then] = [&given, &value].map(|value| {
            let body = message.encode(version, value).bytes;
            match direction {
                Direction::Request => request_frame(key, version, &body),
                Direction::Response => response_frame(key, version, &body),
            }
        });
        let padded = streams || endpoints;
        let bytes = (streams && !endpoints).then(|| then.len() + padding);
        let entry = Exchange { shown_error, asked: play.asked, ..entry(key, version) };
        let name = format!("scenarios/{}, {direction:?} version {version}, {namespace}", self.file);
        Ok(Some(Case { name, key, version, entry, given, then, value, padded, bytes }))
    }
}
