//! TLS on both sides, and host names that say which virtual cluster and node is meant.

pub mod faults_of_nodes_are_told_apart;
pub mod nodes_are_spoken_to_with_tls;
pub mod reloads_change_what_clients_are_shown;
pub mod reloads_change_what_nodes_are_believed;
pub mod the_lab_speaks_tls;
