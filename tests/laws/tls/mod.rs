//! TLS and host names without a network: what is read, refused, routed, and spoken.

mod connections_speak_to_others;
mod examples_mean_what_they_say;
mod handshakes_keep_their_rules;
mod hellos_are_read_as_rustls_reads_them;
mod material;
mod names_route_back;
mod reference_has_every_key;
mod reloads_take_files_alone;
mod settings_are_checked;
