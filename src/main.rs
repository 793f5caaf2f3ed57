//! The `klamm` binary; everything is in the library, so that others can start it too.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    klamm::boot::main(std::env::args_os())
}
