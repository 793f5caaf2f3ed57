//! The figures of the README: memory of an idle connection, and start to first Metadata. Klamm, and HAProxy beside it.
//!
//! Owns the options and the printed lines.

mod start;

use crate::compare::{median, spread_percent};
use crate::console::{self, headline};
use crate::error::{Context, Result};
use crate::interrupt;
use crate::measure::machine::Machine;
use crate::target::{Kind, Variant};
use crate::trial::idle;

/// Print the memory of an idle connection pair, and the time from start to the first Metadata answer.
#[derive(clap::Args, Debug)]
#[command(after_help = "Memory is private memory (smaps_rollup: Private_Dirty and Swap), as the slope from no
connection to all, each after one ApiVersions answer. Start is from spawning the process to the
first whole Metadata answer on its first port. HAProxy stands beside Klamm when it is installed.

Example:
  cargo run --release -p loadtest -- figures")]
pub struct Args {
    /// Idle connections.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..=20_000))]
    connections: u32,
    /// Starts.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    starts: u32,
}

/// Prints them.
///
/// # Errors
///
/// A target that does not start or dies, a wrong answer, or Ctrl-C.
pub fn run(args: &Args) -> Result<()> {
    interrupt::install()?;
    headline(&format!("Figures\n{}", Machine::here().line()));
    let directory = tempfile::tempdir().doing(|| "cannot create a temporary directory".to_owned())?;
    let variants: Vec<Variant> = [Kind::Haproxy, Kind::Klamm, Kind::KlammHide]
        .into_iter()
        .filter(|kind| kind.is_there())
        .map(Variant::from)
        .collect();

    headline(&format!("User memory for each idle connection, {} connections", args.connections));
    for variant in &variants {
        console::step(&variant.name, || {
            let idle = idle::measure(variant, directory.path(), args.connections as usize)?;
            let detail = format!(
                "{:.2} KiB ({} KiB with none, {} with half, {} with all)",
                idle.slope_kib(),
                idle.none_kib,
                idle.half_kib,
                idle.all_kib
            );
            Ok(((), detail))
        })?;
    }
    headline(&format!("Start to first Metadata, {} starts", args.starts));
    for variant in &variants {
        console::step(&variant.name, || {
            let mut times = Vec::new();
            for _ in 0..args.starts {
                times.push(start::measure(variant, directory.path())?.as_secs_f64() * 1000.0);
            }
            let middle = median(times.iter().copied()).unwrap_or_default();
            let spread = spread_percent(&times).unwrap_or_default();
            Ok(((), format!("{middle:.1} ms (median; spread {spread:.0} %)")))
        })?;
    }
    Ok(())
}
