//! One request of the sequence: drawn at random from what the model says would make sense, in common words.

use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};

use super::draw::Draw;
use super::model::{CHANGING, GROUPS, Model, STABLE, TRANSACTIONAL_IDS};
use crate::definitions::Message;
use crate::definitions::codec::Struct;
use crate::harness::lab::NODES;

/// How often an API is drawn, in a thousand.
const WEIGHTS: [(i16, u32); 38] = [
    (0, 150),
    (1, 170),
    (2, 80),
    (3, 100),
    (8, 50),
    (9, 60),
    (10, 50),
    (11, 25),
    (12, 40),
    (13, 12),
    (14, 25),
    (15, 30),
    (16, 20),
    (17, 2),
    (18, 10),
    (19, 6),
    (20, 5),
    (21, 10),
    (22, 12),
    (23, 45),
    (24, 20),
    (25, 10),
    (26, 12),
    (28, 12),
    (29, 2),
    (30, 2),
    (31, 2),
    (32, 20),
    (33, 3),
    (36, 2),
    (37, 4),
    (42, 8),
    (44, 4),
    (47, 15),
    (60, 15),
    (61, 15),
    (65, 20),
    (66, 15),
];

/// Names that no topic may have.
const ILLEGAL: [&str; 5] = ["", ".", "..", "a/b", "caf\u{e9}"];
/// With the prefix one byte longer than a topic's name may be, and as long as it may.
const TOO_LONG: usize = 243;

/// A request, and what has to be known to send it and to understand the answer.
pub struct Step {
    pub key: i16,
    pub version: i16,
    pub node: usize,
    pub request: Struct,
    /// What it makes, if Kafka agrees.
    pub made: Made,
    /// It asks for all that there is: what others have is taken out of the answers first.
    pub list: bool,
    /// There is no answer (acks=0).
    pub silent: bool,
    /// The cluster's metadata change: all nodes must know it before the next step.
    pub metadata: bool,
    /// A transaction may be ending: it must have ended before the next step.
    pub transaction: Option<&'static str>,
}

/// What comes of a step that succeeds.
pub enum Made {
    Nothing,
    /// Name, node and number of partitions.
    Topics(Vec<(String, usize, usize)>),
    NoTopics(Vec<String>),
    Membership(&'static str),
    NoMembership(&'static str),
    Producer(Option<&'static str>),
    EndOfTransaction(&'static str),
    Records {
        producer: usize,
        topic: String,
        partition: usize,
    },
    /// A fetch session that has this epoch next.
    Session(i32),
}

/// Draws an api key of these.
pub fn draw_key(random: &mut SmallRng, served: &[i16]) -> i16 {
    let of_key = |key: &i16| WEIGHTS.iter().find(|(of, _)| of == key).map_or(0, |(_, weight)| *weight);
    *served.choose_weighted(random, of_key).expect("some API has a weight")
}

/// Draws the next request.
pub fn draw(random: &mut SmallRng, model: &Model, message: &Message, version: i16) -> Step {
    let key = message.key;
    let mut draw = Draw::new(random, model, key, version);
    choose_subject(&mut draw);
    let request = message.make(version, &mut draw);
    draw.into_step(request)
}

/// What the request is about: topics, a group, a transactional id, and the node that it goes to.
fn choose_subject(draw: &mut Draw<'_>) {
    let node = draw.random.random_range(1..=NODES);
    draw.node = node;
    match draw.key {
        0 | 1 | 2 | 21 | 23 | 61 => data(draw),
        3 => metadata(draw),
        8 | 9 | 47 | 28 => {
            draw.group = GROUPS.choose(draw.random).copied().unwrap_or_default();
            draw.topics = topics(draw, 3);
            draw.topics.retain(|topic| !CHANGING.contains(&topic.as_str()));
            draw.transactional_id = TRANSACTIONAL_IDS.choose(draw.random).copied().unwrap_or_default();
            draw.node = draw.model.groups[draw.group].coordinator;
        }
        10..=16 | 42 => {
            draw.group = GROUPS.choose(draw.random).copied().unwrap_or_default();
            if draw.key == 10 {
                draw.resource =
                    if draw.version == 0 { 0 } else { *[0, 0, 1, 1, 1, 7].choose(draw.random).unwrap_or(&0) };
            } else if draw.key != 16 {
                draw.node = draw.model.groups[draw.group].coordinator;
            }
        }
        22 | 24 | 25 | 26 | 65 => {
            draw.transactional_id = TRANSACTIONAL_IDS.choose(draw.random).copied().unwrap_or_default();
            draw.group = GROUPS.choose(draw.random).copied().unwrap_or_default();
            draw.topics = topics(draw, 2);
            draw.topics.retain(|topic| !CHANGING.contains(&topic.as_str()));
            draw.node = draw.model.transactions[draw.transactional_id].coordinator;
        }
        19 | 20 | 37 | 33 | 44 => {
            let mut names: Vec<String> = CHANGING.iter().map(|name| (*name).to_owned()).collect();
            // What is there to stay is neither deleted nor changed; what never is there is not created.
            names.extend([illegal(draw.random), if draw.key == 19 { "one" } else { "none" }.into()]);
            names.shuffle(draw.random);
            names.truncate(draw.random.random_range(1..=2));
            draw.topics = names;
        }
        32 => draw.topics = topics(draw, 2),
        _ => {}
    }
    // Now and then somebody asks the wrong node.
    if matches!(draw.key, 8 | 9 | 12 | 15 | 22 | 24 | 47 | 65) && draw.random.random_bool(0.04) {
        draw.node = node;
    }
}

/// Records and offsets are asked of leaders, mostly.
fn data(draw: &mut Draw<'_>) {
    let mut topics = topics(draw, 3);
    // A replica that is no leader may lag behind.
    let node = draw.node;
    topics.retain(|topic| {
        !is_replicated(topic) || draw.model.leader(topic, 0) == Some(node) || draw.model.leader(topic, 1) == Some(node)
    });
    if let Some(leader) = topics.iter().find_map(|topic| draw.model.leader(topic, 0))
        && !topics.iter().any(|topic| is_replicated(topic))
        && draw.random.random_bool(0.9)
    {
        draw.node = leader;
    }
    draw.topics = topics;
}

/// Whether followers have replicas of it.
pub fn is_replicated(topic: &str) -> bool {
    STABLE.iter().any(|(name, _, replicated)| *name == topic && *replicated)
}

fn metadata(draw: &mut Draw<'_>) {
    draw.all = draw.random.random_bool(0.2);
    draw.topics = if draw.all { Vec::new() } else { topics(draw, 4) };
    if draw.version < 4 {
        // What is asked for is made, in these versions: of what could be, only what is there already.
        let there = |topic: &String| draw.model.leader(topic, 0).is_some() || is_illegal(topic);
        draw.topics.retain(there);
    }
    // Version 0 cannot ask for none.
    draw.all |= draw.version == 0 && draw.topics.is_empty();
}

/// Whether no topic may have this name.
pub fn is_illegal(topic: &str) -> bool {
    ILLEGAL.contains(&topic) || topic.len() == TOO_LONG
}

fn illegal(random: &mut SmallRng) -> String {
    if random.random_bool(0.2) {
        return "x".repeat(TOO_LONG);
    }
    ILLEGAL.choose(random).map(|name| (*name).to_owned()).unwrap_or_default()
}

/// Different names of topics: mostly of those that stay.
fn topics(draw: &mut Draw<'_>, many: usize) -> Vec<String> {
    let mut topics: Vec<String> = Vec::new();
    for _ in 0..draw.random.random_range(0..=many) {
        let topic = match draw.random.random_range(0..100) {
            0..75 => STABLE.choose(draw.random).map_or_else(String::new, |(name, ..)| (*name).to_owned()),
            75..88 => CHANGING.choose(draw.random).map_or_else(String::new, |name| (*name).to_owned()),
            88..92 => "none".into(),
            92..94 => "y".repeat(TOO_LONG - 1),
            _ => illegal(draw.random),
        };
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    topics
}
