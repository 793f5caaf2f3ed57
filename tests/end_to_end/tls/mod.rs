//! TLS on both sides: who is let in, where a host name leads, what everybody else is told and counted as, which nodes are
//! believed, and what a reload changes of it.

mod front;
#[path = "../../laws/tls/material.rs"]
#[expect(dead_code, reason = "tests/laws uses the rest")]
mod material;
mod tenants;

pub mod a_storm_of_handshakes_stalls_nobody;
pub mod all_that_clients_are_told_is_their_own;
pub mod certificates_of_every_form_are_taken;
pub mod clients_are_who_their_certificate_says;
pub mod clients_show_who_they_are;
pub mod faults_of_nodes_are_told_apart;
pub mod frames_pass_whole_and_slow_readers_are_bounded;
pub mod names_lead_where_they_say;
pub mod node_names_without_a_certificate_are_told;
pub mod nodes_are_spoken_to_with_tls;
pub mod reloads_change_what_clients_are_shown;
pub mod reloads_change_what_nodes_are_believed;
pub mod strangers_at_a_tls_port_are_told_apart;
pub mod the_first_policy_that_matches_is_used;
pub mod the_lab_speaks_tls;
