//! TLS towards clients, as bytes on the wire: who is let in, where a host name leads, what everybody else is told and counted
//! as. What real clients make of it is tested elsewhere.

pub mod a_storm_of_handshakes_stalls_nobody;
pub mod clients_are_who_their_certificate_says;
mod front;
#[path = "../../tls/material.rs"]
#[expect(dead_code, reason = "tests/tls uses the rest")]
mod material;
pub mod names_lead_where_they_say;
pub mod node_names_without_a_certificate_are_told;
pub mod strangers_at_a_tls_port_are_told_apart;
