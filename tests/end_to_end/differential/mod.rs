//! Klamm against Kafka itself: the same requests, the same answers.

pub mod a_difference_is_seen;
pub mod answers_are_those_of_kafka_itself;
mod compare;
mod draw;
mod embedded;
mod ground;
mod identities;
mod model;
mod side;
mod step;
