//! Two tenants on one Kafka: clients of both use the same names of topics, groups and transactions at the same time, and
//! each meets its own only.

pub mod a_fetch_session_ends_with_its_gateway;
pub mod a_topic_made_anew_is_found;
pub mod faults_lose_and_duplicate_nothing;
mod languages;
mod setup;
mod transactions;

pub use setup::{HIDDEN, Program, Tenant, VirtualCluster, head, own_gateway, own_gateway_with, tenants, yaml};

pub mod aiokafka_meets_its_own_records;
pub mod confluent_kafka_meets_its_own_records;
pub mod console_clients_meet_their_own_records;
pub mod copiers_copy_exactly_once;
pub mod every_byte_of_a_record_arrives;
pub mod franz_go_meets_its_own_records;
pub mod kafkajs_meets_its_own_records;
pub mod kcat_meets_its_own_records;
pub mod no_client_was_sent_a_name_of_the_backend;
pub mod padded_lengths_are_taken;
pub mod streams_count_exactly_once;
pub mod verifiable_clients_meet_their_own_records;
