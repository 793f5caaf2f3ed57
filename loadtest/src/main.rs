//! Klamm's quick start and load test.
//!
//! `quickstart` demonstrates Klamm to a new user; `certificates` makes what a configuration with TLS needs; `run` loads a
//! Kafka or a gateway; `compare`, `figures` and `tls` print what Klamm costs, with the machine it was measured on. Klamm itself
//! runs in a child process: this very program, calling the klamm library.

mod certificates;
mod child;
mod compare;
mod console;
mod error;
mod figures;
mod gateway;
mod interrupt;
mod lab;
mod load;
mod measure;
mod poll;
mod ports;
mod quickstart;
mod results_file;
mod run;
mod target;
mod tls;
mod trial;
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
    Certificates(certificates::Args),
    Run(run::Args),
    Compare(compare::Args),
    Figures(figures::Args),
    Tls(tls::Args),
    /// This program as Klamm, in a child process.
    #[command(name = "__klamm", hide = true)]
    Klamm(child::ChildArgs),
    /// This program on its way to another one, in a child process.
    #[command(name = "__exec", hide = true)]
    Exec(child::ChildArgs),
    /// This program as a bare server of rustls.
    #[command(name = "__tls", hide = true)]
    Bare(tls::BareArgs),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Quickstart(args) => quickstart::run(&args),
        Command::Certificates(args) => certificates::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Figures(args) => figures::run(&args),
        Command::Tls(args) => tls::run(&args),
        Command::Klamm(args) => return child::become_klamm(args),
        Command::Exec(args) => return child::become_program(args),
        Command::Bare(args) => return tls::become_bare(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::fail(&error);
            ExitCode::FAILURE
        }
    }
}
