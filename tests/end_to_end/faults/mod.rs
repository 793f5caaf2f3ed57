//! Nodes die, move and join, and the gateway is restarted, all under load: nothing acknowledged is lost.

pub mod load;
mod reached;
pub mod reassignment;

pub mod a_killed_node_loses_and_duplicates_nothing;
pub mod a_moved_node_is_found;
pub mod a_node_that_joins_is_found;
pub mod a_restarted_gateway_loses_nothing;
