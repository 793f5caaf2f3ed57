//! Answers of all sides, field by field: equal but for what is listed here, each with its reason.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::embedded;
use super::identities::{Identities, Kind};
use super::side::{Way, identity};
use super::step::is_illegal;
use crate::definitions::codec::{Struct, Value};
use crate::definitions::{Entity, Field, Kind as Type, Message};
use klamm::cluster::INTERNAL_TOPICS;

/// What a field may be where it is not equal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Allowed {
    /// A node of the lab, whichever.
    AnyNode,
    /// Anything that is not less than nothing.
    AnyCount,
    /// On both sides a moment of this run.
    Moments,
    /// Ranges that lie within those of Kafka itself; checked by another test in full.
    NarrowerRanges,
    /// In a namespace: some of the elements.
    Fewer,
    /// In a namespace: the value that says "not asked".
    NotAsked,
    /// In a namespace: no text, or the text without the prefix (for an illegal setting or a policy).
    NoText,
    /// In a namespace: INVALID_TOPIC_EXCEPTION, within an entry whose name no topic can have.
    IllegalName,
}

/// An exemption: api key (-1: all), field, what may be there, and why.
struct Exemption(i16, &'static str, Allowed, #[expect(dead_code, reason = "for the reader")] &'static str);

const EXEMPTIONS: &[Exemption] = &[
    Exemption(3, "ControllerId", Allowed::AnyNode, "a KRaft broker names any node that lives, another each time"),
    Exemption(60, "ControllerId", Allowed::AnyNode, "the same"),
    Exemption(18, "FinalizedFeaturesEpoch", Allowed::AnyCount, "grows with every change of the cluster's metadata"),
    Exemption(18, "ApiKeys", Allowed::NarrowerRanges, "Klamm offers what it serves itself"),
    Exemption(18, "SupportedFeatures", Allowed::Fewer, "a namespace hides the features whose groups it does not offer"),
    Exemption(18, "FinalizedFeatures", Allowed::Fewer, "the same"),
    Exemption(
        2,
        "Timestamp",
        Allowed::Moments,
        "the largest may be that of a transaction's end, written by the broker",
    ),
    Exemption(61, "LastTimestamp", Allowed::Moments, "the same"),
    Exemption(65, "TransactionStartTimeMs", Allowed::Moments, "by the coordinator's clock"),
    Exemption(3, "TopicAuthorizedOperations", Allowed::NotAsked, "would tell what Klamm's own principal may do"),
    Exemption(3, "ClusterAuthorizedOperations", Allowed::NotAsked, "the same"),
    Exemption(15, "AuthorizedOperations", Allowed::NotAsked, "the same"),
    Exemption(60, "ClusterAuthorizedOperations", Allowed::NotAsked, "the same"),
    Exemption(-1, "ErrorMessage", Allowed::NoText, "free text may hold names of others"),
    Exemption(-1, "BatchIndexErrorMessage", Allowed::NoText, "the same"),
    Exemption(-1, "ErrorCode", Allowed::IllegalName, "a namespace checks names itself, whatever the API then says"),
    Exemption(-1, "PartitionErrorCode", Allowed::IllegalName, "the same"),
];

/// Arrays whose order Kafka does not define: it follows from hash codes of names and ids, which differ from side to side.
const UNORDERED: &[(i16, &str)] = &[
    (0, "Responses"),
    (0, "PartitionResponses"),
    (2, "Topics"),
    (2, "Partitions"),
    (3, "Brokers"),
    (3, "Topics"),
    (9, "Topics"),
    (9, "Partitions"),
    (16, "Groups"),
    (20, "Responses"),
    (21, "Topics"),
    (21, "Partitions"),
    (24, "ResultsByTopicV3AndBelow"),
    (24, "ResultsByPartition"),
    (37, "Results"),
    (47, "Topics"),
    (47, "Partitions"),
    (60, "Brokers"),
    (61, "ActiveProducers"),
    (65, "Topics"),
    (65, "Partitions"),
    (66, "TransactionStates"),
];

/// Where a namespace does not show Kafka's own topics, which those see who see everything.
const WITHOUT_INTERNAL: &[(i16, &str)] = &[(65, "Topics")];

/// The fields by which elements are known.
const KNOWN_BY: [&str; 8] =
    ["Name", "Topic", "GroupId", "TransactionalId", "NodeId", "BrokerId", "PartitionIndex", "Index"];

const INVALID_TOPIC_EXCEPTION: i64 = 17;
const NOT_ASKED: i64 = i32::MIN as i64;
/// Clients' records have older times than this.
const RUN_AT_MOST: Duration = Duration::from_secs(24 * 3600);

/// One field on two sides.
struct Pair<'a> {
    way: Way,
    direct: &'a Value,
    other: &'a Value,
    illegal: bool,
}

/// Compares the answers in common words, the first of which is Kafka's own. The error is the path of the first field that
/// differs, with the values.
pub fn compare(
    message: &Message,
    version: i16,
    answers: &[(usize, Way, Struct)],
    identities: &mut Identities,
) -> Result<(), String> {
    let all: Vec<(usize, Way, &Struct)> = answers.iter().map(|(at, way, answer)| (*at, *way, answer)).collect();
    Comparison { key: message.key, version, identities, illegal: false }.structs(&message.name, &message.fields, &all)
}

/// Puts arrays that have no order of their own into one, and takes out what a namespace never shows.
pub fn order(message: &Message, version: i16, side: (usize, Way), answer: &mut Struct, identities: &Identities) {
    let (at, way) = side;
    let sees_all = matches!(way, Way::Direct | Way::Passthrough);
    message.change(version, answer, &mut |field, value| {
        let Value::Array(elements) = value else { return };
        if sees_all && WITHOUT_INTERNAL.contains(&(message.key, field.name.as_str())) {
            elements.retain(|element| !INTERNAL_TOPICS.iter().any(|topic| order_key(element).0 == topic.as_bytes()));
        }
        if UNORDERED.contains(&(message.key, field.name.as_str())) {
            elements.sort_by_key(|element| (producer(element, at, identities), order_key(element)));
        }
    });
}

/// The number of the producer that an element is about.
fn producer(element: &Value, side: usize, identities: &Identities) -> Option<usize> {
    let Value::Struct(element) = element else { return None };
    match element.fields.get("ProducerId") {
        Some(Value::Fixed(id)) => identities.number(Kind::Producer, side, id),
        _ => None,
    }
}

/// What an element is known by: its name or number; then, of two with the same, all that it has.
fn order_key(element: &Value) -> (Vec<u8>, String) {
    let known_by = match element {
        Value::Struct(element) => KNOWN_BY.iter().find_map(|name| element.fields.get(*name)),
        plain => Some(plain),
    };
    match known_by {
        Some(Value::Text(bytes) | Value::Fixed(bytes)) => (bytes.clone(), text(element)),
        _ => (Vec::new(), String::new()),
    }
}

struct Comparison<'a> {
    key: i16,
    version: i16,
    identities: &'a mut Identities,
    /// What is compared stands below a name that no topic can have.
    illegal: bool,
}

impl Comparison<'_> {
    fn structs(&mut self, path: &str, fields: &[Field], all: &[(usize, Way, &Struct)]) -> Result<(), String> {
        let (version, above) = (self.version, self.illegal);
        self.illegal |= fields.iter().any(|field| names_no_topic(field, all[0].2));
        for field in fields.iter().filter(|field| field.versions.has(version)) {
            let path = format!("{path}.{}", field.name);
            let values: Vec<_> =
                all.iter().map(|(at, way, value)| (*at, *way, value.fields.get(&field.name))).collect();
            if values.iter().all(|(_, _, value)| value.is_none()) {
                continue;
            }
            let present: Option<Vec<_>> =
                values.iter().map(|(at, way, value)| value.map(|value| (*at, *way, value))).collect();
            let present = present.ok_or_else(|| format!("{path} is not there on every side: {values:?}"))?;
            self.values(&path, field, &field.kind, &present)?;
        }
        let unknown: Vec<_> = all.iter().map(|(_, _, value)| &value.unknown).collect();
        if unknown.iter().any(|tags| *tags != unknown[0]) {
            // Klamm renumbers the tag of addresses that it cannot write in their place, and fills it with zeros.
            let zeros = unknown[1..].iter().all(|tags| tags.values().flatten().all(|byte| *byte == 0));
            if !zeros {
                return Err(format!("{path} has other unknown tags: {unknown:?}"));
            }
        }
        self.illegal = above;
        Ok(())
    }

    fn values(&mut self, path: &str, field: &Field, kind: &Type, all: &[(usize, Way, &Value)]) -> Result<(), String> {
        let differ = || format!("{path} differs: {}", shown(all));
        if let Some(kind) = identity(self.key, field)
            && let Some(seen) = bytes_of(all)
        {
            return if self.identities.same(kind, &seen) { Ok(()) } else { Err(differ()) };
        }
        match kind {
            Type::Array(_) if self.allowed(field, all) => Ok(()),
            Type::Array(element) => {
                let arrays: Option<Vec<_>> = all
                    .iter()
                    .map(|(at, way, value)| match value {
                        Value::Array(elements) => Some((*at, *way, elements)),
                        _ => None,
                    })
                    .collect();
                let Some(arrays) = arrays else { return self.equal(path, field, all) };
                if arrays.iter().any(|(_, _, elements)| elements.len() != arrays[0].2.len()) {
                    return Err(differ());
                }
                (0..arrays[0].2.len()).try_for_each(|at| {
                    let elements: Vec<_> =
                        arrays.iter().map(|(side, way, elements)| (*side, *way, &elements[at])).collect();
                    self.values(&format!("{path}[{at}]"), field, element, &elements)
                })
            }
            Type::Struct(fields) => {
                let structs: Option<Vec<_>> = all
                    .iter()
                    .map(|(at, way, value)| match value {
                        Value::Struct(value) => Some((*at, *way, value)),
                        _ => None,
                    })
                    .collect();
                match structs {
                    Some(structs) => self.structs(path, fields, &structs),
                    None => self.equal(path, field, all),
                }
            }
            Type::Records => self.records(path, all),
            Type::Fixed(_) | Type::Text | Type::Bytes => self.equal(path, field, all),
        }
    }

    fn equal(&self, path: &str, field: &Field, all: &[(usize, Way, &Value)]) -> Result<(), String> {
        let equal = all.iter().all(|(_, _, value)| *value == all[0].2);
        if equal || self.allowed(field, all) { Ok(()) } else { Err(format!("{path} differs: {}", shown(all))) }
    }

    /// Whether each side that differs from the first may.
    fn allowed(&self, field: &Field, all: &[(usize, Way, &Value)]) -> bool {
        let exemption =
            EXEMPTIONS.iter().find(|Exemption(key, name, ..)| (*key == self.key || *key == -1) && *name == field.name);
        let Some(Exemption(_, _, allowed, _)) = exemption else { return false };
        let (_, _, direct) = all[0];
        all[1..].iter().all(|(_, way, other)| {
            *other == direct || may_be(*allowed, &Pair { way: *way, direct, other, illegal: self.illegal })
        })
    }

    fn records(&mut self, path: &str, all: &[(usize, Way, &Value)]) -> Result<(), String> {
        let Some(seen) = bytes_of(all) else {
            let equal = all.iter().all(|(_, _, value)| *value == all[0].2);
            return if equal { Ok(()) } else { Err(format!("{path} differs: {}", shown(all))) };
        };
        let batches: Vec<_> = seen
            .iter()
            .map(|(_, bytes)| embedded::batches(bytes))
            .collect::<Result<_, _>>()
            .map_err(|error| format!("{path}: {error}"))?;
        for (at, (_, first)) in batches[0].iter().enumerate() {
            let of_all: Option<Vec<_>> = batches.iter().map(|batches| batches.get(at)).collect();
            let of_all = of_all.ok_or_else(|| format!("{path} has fewer batches: {}", shown(all)))?;
            let producers: Vec<(usize, &[u8])> =
                of_all.iter().zip(&seen).map(|((producer, _), (side, _))| (*side, producer.as_slice())).collect();
            if of_all.iter().any(|(_, batch)| batch != first) || !self.identities.same(Kind::Producer, &producers) {
                return Err(format!("{path}: batch {at} differs: {}", shown(all)));
            }
        }
        Ok(())
    }
}

fn may_be(allowed: Allowed, pair: &Pair<'_>) -> bool {
    let Pair { way, direct, other, illegal } = *pair;
    let namespace = matches!(way, Way::HidePrefix | Way::EnforcePrefix);
    let (kafka, ours) = (direct.as_number().unwrap_or(-1), other.as_number().unwrap_or(-1));
    match allowed {
        Allowed::AnyNode => (1..=3).contains(&ours),
        Allowed::AnyCount => ours >= 0,
        Allowed::Moments => is_now(kafka) && is_now(ours),
        Allowed::NarrowerRanges => narrower(direct, other),
        Allowed::Fewer => namespace && fewer(direct, other),
        Allowed::NotAsked => namespace && ours == NOT_ASKED,
        Allowed::NoText => namespace && *other == Value::Null,
        Allowed::IllegalName => namespace && illegal && ours == INVALID_TOPIC_EXCEPTION,
    }
}

/// Whether the struct is about a topic that cannot be.
fn names_no_topic(field: &Field, value: &Struct) -> bool {
    let named = field.entity == Entity::Topic || field.name == "ResourceName";
    match value.fields.get(&field.name) {
        Some(Value::Text(name)) if named => is_illegal(&String::from_utf8_lossy(name)),
        _ => false,
    }
}

fn is_now(milliseconds: i64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = (now - RUN_AT_MOST).as_millis()..=(now + RUN_AT_MOST).as_millis();
    u128::try_from(milliseconds).is_ok_and(|milliseconds| since.contains(&milliseconds))
}

fn fewer(direct: &Value, other: &Value) -> bool {
    match (direct, other) {
        (Value::Array(all), Value::Array(some)) => !some.is_empty() && some.iter().all(|one| all.contains(one)),
        _ => false,
    }
}

fn narrower(direct: &Value, other: &Value) -> bool {
    let ranges = |value: &Value| -> Vec<[i64; 3]> {
        let Value::Array(entries) = value else { return Vec::new() };
        let number = |entry: &Value, name: &str| match entry {
            Value::Struct(entry) => entry.fields.get(name).and_then(Value::as_number).unwrap_or(-1),
            _ => -1,
        };
        entries.iter().map(|entry| ["ApiKey", "MinVersion", "MaxVersion"].map(|name| number(entry, name))).collect()
    };
    let kafka = ranges(direct);
    let within = |[key, min, max]: &[i64; 3]| kafka.iter().any(|[of, from, to]| of == key && from <= min && max <= to);
    let ours = ranges(other);
    !ours.is_empty() && ours.iter().all(within)
}

fn bytes_of<'a>(all: &[(usize, Way, &'a Value)]) -> Option<Vec<(usize, &'a [u8])>> {
    all.iter()
        .map(|(at, _, value)| match value {
            Value::Text(bytes) | Value::Fixed(bytes) | Value::Bytes(bytes) => Some((*at, bytes.as_slice())),
            Value::Null | Value::Array(_) | Value::Struct(_) => None,
        })
        .collect()
}

fn shown(all: &[(usize, Way, &Value)]) -> String {
    all.iter().map(|(_, way, value)| format!("\n  {way:?}: {}", text(value))).collect()
}

/// A value for people.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Fixed(_) if value.as_number().is_some() => value.as_number().unwrap_or_default().to_string(),
        Value::Fixed(bytes) | Value::Text(bytes) | Value::Bytes(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        Value::Array(elements) => format!("[{}]", elements.iter().map(text).collect::<Vec<_>>().join(", ")),
        Value::Struct(value) => struct_text(value),
    }
}

/// A message for people.
pub fn struct_text(value: &Struct) -> String {
    let fields: Vec<String> = value.fields.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect();
    format!("{{{}}}", fields.join(", "))
}
