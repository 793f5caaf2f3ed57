//! All programs, made once for the process.
//!
//! Owns which shapes frames are walked by, for each API in each version. May not look at a frame.

use std::sync::LazyLock;

use super::names::NameMarks;
use super::names::header::HEADER;
use super::names::request_shape;
use super::names::response_shapes::{METADATA_FRONT, response_names};
use super::names::stream::{self, StreamMarks};
use super::program::{Program, Version};
use super::rules::{METADATA, RequestRule, ResponseRule, Rule, rules};
use super::shape::{Fields, Marks, RequestMarks, ResponseMarks};
use super::shapes::{REQUEST_HEADER, RESPONSE_HEADER};

/// Requests whose structure is looked at.
pub static REQUESTS: LazyLock<Programs<RequestMarks>> = LazyLock::new(|| {
    Programs::new(|rule, version| match rule.request {
        RequestRule::Check(body) | RequestRule::Front(body) | RequestRule::Answer(body) => {
            Some(Program::message(Some(REQUEST_HEADER), body, Version::of(rule, version)))
        }
        RequestRule::Forward => None,
    })
});

/// Responses that name nodes.
pub static RESPONSES: LazyLock<Programs<ResponseMarks>> = LazyLock::new(|| {
    Programs::new(|rule, version| match rule.response {
        ResponseRule::Walk(from, shape) if version >= from => {
            Some(Program::message(Some(RESPONSE_HEADER), shape.body, Version::of(rule, version)))
        }
        ResponseRule::Walk(..) | ResponseRule::Forward | ResponseRule::Own => None,
    })
});

/// Requests of a namespace. Null is no name, and stays what it is.
pub static NAMED_REQUESTS: LazyLock<Programs<NameMarks>> = LazyLock::new(|| {
    Programs::new(|rule, version| {
        let version = Version { nulls: false, ..Version::of(rule, version) };
        Some(Program::message(Some(HEADER), request_shape(rule.key)?, version))
    })
});

/// Responses of a namespace.
pub static NAMED_RESPONSES: LazyLock<Programs<NameMarks>> = LazyLock::new(|| named_responses(false));

/// The same, where no name was refused and none is left out.
pub static QUIET_RESPONSES: LazyLock<Programs<NameMarks>> = LazyLock::new(|| named_responses(true));

/// Metadata responses up to the end of the brokers.
pub static METADATA_FRONTS: LazyLock<Programs<NameMarks>> = LazyLock::new(|| {
    let front = |version| Program::front(Some(NO_FIELDS), METADATA_FRONT, version);
    Programs::new(|rule, version| (rule.key == METADATA).then(|| front(Version::of(rule, version))))
});

/// Frames of a namespace that stream: requests where they are Produce, responses where they are Fetch.
pub static STREAMS: LazyLock<Programs<StreamMarks>> = LazyLock::new(|| {
    Programs::new(|rule, version| {
        let (header, body) = stream::shape(rule.key)?;
        Some(Program::message(Some(header), body, Version::of(rule, version)))
    })
});

/// A request's header for itself, in versions that are not flexible and in those that are.
pub static HEADERS: LazyLock<[Program<NameMarks>; 2]> = LazyLock::new(|| {
    let version = |flexible| Version { version: 0, flexible, quiet: false, nulls: true };
    [false, true].map(|flexible| Program::message(None, HEADER, version(flexible)))
});

/// Of a response's header: behind its fixed part there are tags alone.
const NO_FIELDS: Fields<NameMarks> = &[];

/// Makes all of them; else the first frame that needs one would.
pub fn prepare() {
    LazyLock::force(&REQUESTS);
    LazyLock::force(&RESPONSES);
    LazyLock::force(&NAMED_REQUESTS);
    LazyLock::force(&NAMED_RESPONSES);
    LazyLock::force(&QUIET_RESPONSES);
    LazyLock::force(&METADATA_FRONTS);
    LazyLock::force(&STREAMS);
    LazyLock::force(&HEADERS);
}

/// The programs of one direction, for each API in each version that is served.
pub struct Programs<M: Marks> {
    /// By key.
    all: Box<[Versions<M>]>,
}

/// The programs of one API, by version.
type Versions<M> = Box<[Option<Program<M>>]>;

impl<M: Marks> Programs<M> {
    /// Those that `make` has something for.
    fn new(make: impl Fn(&Rule, i16) -> Option<Program<M>>) -> Programs<M> {
        let versions = |rule: &Rule| {
            (0..=rule.max).map(|version| if version < rule.min { None } else { make(rule, version) }).collect()
        };
        let row = |key| rules().iter().find(|rule| rule.key == key).map_or_else(Box::default, versions);
        let keys = rules().iter().map(|rule| rule.key).max().unwrap_or(0);
        Programs { all: (0..=keys).map(row).collect() }
    }

    /// That of one version of an API.
    #[inline]
    pub fn get(&self, key: i16, version: i16) -> Option<&Program<M>> {
        let versions = self.all.get(usize::try_from(key).ok()?)?;
        versions.get(usize::try_from(version).ok()?)?.as_ref()
    }
}

fn named_responses(quiet: bool) -> Programs<NameMarks> {
    Programs::new(|rule, version| {
        let version = Version { quiet, ..Version::of(rule, version) };
        Some(Program::message(Some(NO_FIELDS), response_names(rule.key)?.body, version))
    })
}
