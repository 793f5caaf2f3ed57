//! Starting, stopping, waiting, counting: what an operator sees.

pub mod a_backend_that_is_away_is_waited_for;
pub mod a_lack_of_memory_ends_one_session;
pub mod answers_in_flight_at_sigterm_arrive;
pub mod connections_are_spread_over_the_shards;
pub mod drains_end_at_their_deadline;
pub mod every_accepted_connection_is_accounted_for;
pub mod faults_at_start_are_said;
pub mod limits_of_connections_hold;
pub mod reloads_are_told;
pub mod sessions_outlive_a_lack_of_descriptors;
pub mod signals_are_obeyed;
