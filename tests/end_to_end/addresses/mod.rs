//! Every address that a client can learn is Klamm's.

mod recorder;

pub mod api_versions_are_what_table_and_node_share;
pub mod every_address_in_every_answer_is_the_gateways;
pub mod no_client_was_sent_an_address_of_a_node;
pub mod nodes_without_a_port_are_left_out;
pub mod share_acknowledge_names_the_gateway;
