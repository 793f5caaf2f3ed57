//! What must hold without a network: of configurations, of frames, of TLS and host names. One program, so that what they
//! all use is linked once.

mod a_broken_configuration_is_refused_with_every_fault;
mod a_mutated_configuration_never_panics;
mod an_accepted_configuration_keeps_names_apart;
mod configuration_examples_parse;
#[path = "../definitions/mod.rs"]
mod definitions;
mod definitions_agree_with_another_encoder;
#[path = "../../fuzz/driver.rs"]
mod driver;
mod mutated_frames_break_no_law;
mod reference_support;
mod tls;
