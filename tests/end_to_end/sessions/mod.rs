//! One connection: its answers are those of a node, in the order of its requests, however the bytes arrive.

pub mod answers_come_in_the_order_of_requests;
pub mod requests_may_arrive_byte_by_byte;
