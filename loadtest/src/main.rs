//! Klamm's quick start and load test.
//!
//! `quickstart` shows a new user what Klamm does; `baseline` and `figures` print what it costs, with the machine it was
//! measured on. Klamm itself runs in a child process: this very program, calling the klamm library.

mod baseline;
mod child;
mod console;
mod error;
mod figures;
mod gateway;
mod http;
mod interrupt;
mod lab;
mod measure;
mod ports;
mod quickstart;
mod target;
mod wire;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Klamm's quick start and load test.
#[derive(Parser, Debug)]
#[command(version, about, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Begin with:  cargo run --release -p loadtest -- quickstart")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Quickstart(quickstart::Args),
    Baseline(baseline::Args),
    Figures(figures::Args),
    /// This program as Klamm, in a child process.
    #[command(name = "__klamm", hide = true)]
    Klamm(child::ChildArgs),
    /// This program on its way to another one, in a child process.
    #[command(name = "__exec", hide = true)]
    Exec(child::ChildArgs),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Quickstart(args) => quickstart::run(&args),
        Command::Baseline(args) => baseline::run(&args),
        Command::Figures(args) => figures::run(&args),
        Command::Klamm(args) => return child::become_klamm(args),
        Command::Exec(args) => return child::become_program(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::fail(&error);
            ExitCode::FAILURE
        }
    }
}
