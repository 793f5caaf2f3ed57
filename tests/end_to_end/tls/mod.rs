//! TLS on both sides, and host names that say which virtual cluster and node is meant.

mod tenants;

pub mod certificates_of_every_form_are_taken;
pub mod clients_show_who_they_are;
pub mod faults_of_nodes_are_told_apart;
pub mod nodes_are_spoken_to_with_tls;
pub mod reloads_change_what_nodes_are_believed;
pub mod the_first_policy_that_matches_is_used;
pub mod the_lab_speaks_tls;
