//! One tenant attacks another: whatever it sends, it is sent nothing of the victim's, no prefix and no address of a node,
//! and the world outside its own prefix stays as it is. The families are those of the project's catalogue of attacks.

mod attacker;
mod digest;
mod ground;
mod victim;

pub mod bombs_are_closed;
pub mod broken_frames_bring_nothing;
pub mod fetch_sessions_of_others_are_not_found;
pub mod groups_of_others_are_not_reached;
pub mod host_names_mean_one_virtual_cluster;
pub mod made_up_names_stay_inside_the_prefix;
pub mod names_of_others_mean_nothing;
pub mod nodes_are_those_of_the_own_listener;
pub mod sessions_are_resumed_nowhere_else;
pub mod transactions_of_others_are_not_reached;
pub mod unknown_requests_are_refused_or_closed;
