//! Ordinary clients do their ordinary work through the gateway as they do with Kafka itself.

mod console;

pub mod console_clients_work_in_classic_groups;
pub mod console_clients_work_in_new_groups;
pub mod every_byte_of_a_record_arrives;
pub mod groups_are_administered;
pub mod kcat_produces_consumes_and_joins_groups;
pub mod other_admin_tools_work;
pub mod share_consumers_take_every_record;
pub mod topics_and_configs_are_administered;
pub mod transactions_copy_exactly_once;
