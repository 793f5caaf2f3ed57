//! Bad input, and what it gets: a typed cause in numbers and log, bounded memory, and neighbours that notice nothing.

pub mod broken_frames_are_closed_with_their_cause;
pub mod idle_clients_are_closed_unless_they_wait;
pub mod memory_is_bounded_by_buffers_not_by_frames;
pub mod misbehaving_nodes_close_their_client_alone;
pub mod readers_that_never_read_are_closed;
pub mod silent_and_slow_clients_are_closed;
pub mod strangers_are_told_apart;
