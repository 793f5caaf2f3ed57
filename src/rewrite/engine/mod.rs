//! One engine for both directions: it walks frames, whole or as they come, asks edits by role, and puts together what leaves.
//!
//! Owns where in the stream of frames a direction is, what is held, and the promise of a frame's length. May not know what a
//! role means, nor what a request or a response is.

pub mod edit;
pub mod entries;
pub mod output;
pub mod patch;
pub mod side;
pub mod token;
pub mod transducer;
pub mod walk;
