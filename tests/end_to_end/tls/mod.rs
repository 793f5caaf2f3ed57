//! TLS on both sides, and host names that say which virtual cluster and node is meant.

mod front;

pub mod certificates_of_every_form_are_taken;
pub mod clients_show_who_they_are;
pub mod the_first_policy_that_matches_is_used;
pub mod the_lab_speaks_tls;
