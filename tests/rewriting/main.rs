//! What rewriting must keep: the laws of the rules, the walk and the names, over messages made from Kafka's own definitions.

mod a_client_never_sees_a_backend_address;
mod a_decision_is_kept_in_order_and_in_equal_length;
mod a_fetch_session_belongs_to_its_connection;
mod a_name_that_must_not_go_in_is_refused;
mod a_namespace_offers_what_it_serves;
mod a_refused_transaction_goes_nowhere;
mod api_versions_offers_what_both_sides_serve;
#[path = "../definitions/mod.rs"]
mod definitions;
mod every_field_that_names_something_has_its_role;
mod every_name_in_a_request_goes_in_as_the_backend_knows_it;
mod large_frames_of_a_namespace_stream_through;
mod layouts_are_kafkas_own;
mod names_come_out_as_clients_know_them;
mod names_come_out_or_the_connection_closes;
mod requests_are_taken_only_by_the_table;
mod scenarios_are_about_what_kafka_has;
mod support;
mod the_walk_follows_from_the_table;
mod walking_in_pieces_equals_walking_whole;
mod what_a_namespace_makes_too_long_is_refused;
mod what_a_namespace_refuses_is_answered_in_each_apis_own_shape;
mod what_looks_refused_is_reserved;
