//! Takes away from the user's own Kafka what the quick start created there: its topics and its groups.
//!
//! Owns the admin requests, DeleteTopics and DeleteGroups, which go through Klamm like everything else.

use super::clients::{self, PATIENCE};
use crate::error::{Context, Error, Result};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaResult;
use rdkafka::types::RDKafkaErrorCode;
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// Deletes those of one tenant, under their virtual names.
pub fn delete(bootstrap: &str, topics: &[&str], group: &str) -> Result<()> {
    let all = || format!("Delete by hand what is left of the topics {} and the group {group}.", topics.join(", "));
    let admin: AdminClient<DefaultClientContext> =
        clients::settings(bootstrap).create().doing("cannot create an admin client")?;
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let topics_gone = check(wait(admin.delete_topics(topics, &options)));
    let group_gone = check(wait(admin.delete_groups(&[group], &options)));
    topics_gone.and(group_gone).map_err(|error| error.try_this(all()))
}

/// A name that was deleted, or one that was not and why: rdkafka's `TopicResult` and `GroupResult`.
type Deleted = std::result::Result<String, (String, RDKafkaErrorCode)>;

/// What a run that failed early has not created need not be deleted.
fn check(answer: Result<KafkaResult<Vec<Deleted>>>) -> Result<()> {
    let missing = [RDKafkaErrorCode::UnknownTopicOrPartition, RDKafkaErrorCode::GroupIdNotFound];
    let answers = answer?.doing("what was created was not deleted")?;
    match answers.into_iter().filter_map(std::result::Result::err).find(|(_, code)| !missing.contains(code)) {
        None => Ok(()),
        Some((name, code)) => Err(Error::new(format!("{name} was not deleted: {code:?}"))),
    }
}

/// Waits for a future that librdkafka's own thread completes.
fn wait<F: Future>(future: F) -> Result<F::Output> {
    let mut future = pin!(future);
    let mut context = std::task::Context::from_waker(Waker::noop());
    let deadline = Instant::now() + 2 * PATIENCE;
    while Instant::now() < deadline {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Ok(output);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(Error::new(format!("an admin request was not answered in {} s", 2 * PATIENCE.as_secs())))
}
