//! The command line: `klamm run`, `klamm check`, and a help that teaches.
//!
//! Owns the words of the command line and its exit codes. May not read a file, print, or end the process: it answers
//! with a value, so that other programs can call it too.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use super::log;

/// Ended as asked: drained, or the configuration has no fault.
pub const EXIT_OK: u8 = 0;
/// Could not start, or the configuration has faults; what to change was printed.
pub const EXIT_FAULT: u8 = 1;
/// The command line itself is wrong.
pub const EXIT_USAGE: u8 = 2;

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve until stopped.
    Run {
        /// The configuration: a file, or a directory of `*.yaml` files.
        config: PathBuf,
        /// What is logged, and how.
        log: log::Options,
    },
    /// Print every fault of a configuration, and end.
    Check {
        /// The configuration: a file, or a directory of `*.yaml` files.
        config: PathBuf,
        /// Print the configuration as Klamm understands it, defaults filled in.
        print: bool,
    },
}

/// A command line that is answered with a text instead of being carried out: help, the version, or a usage error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    text: String,
    exit_code: u8,
}

impl Answer {
    /// [`EXIT_OK`] for help and version, which belong on the standard output; [`EXIT_USAGE`] for an error, which
    /// belongs on the standard error.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Answer {}

/// Reads a command line; the first item is the name of the program, as in [`std::env::args_os`].
///
/// # Errors
///
/// The [`Answer`] to print when nothing is to be carried out.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, Answer> {
    match Line::try_parse_from(args) {
        Ok(Line { verb: Verb::Run { config, log_format, log_level } }) => {
            Ok(Command::Run { config, log: log::Options { format: log_format, level: log_level } })
        }
        Ok(Line { verb: Verb::Check { config, print } }) => Ok(Command::Check { config, print }),
        Err(error) => {
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let exit_code = if asked { EXIT_OK } else { EXIT_USAGE };
            Err(Answer { text: error.render().to_string(), exit_code })
        }
    }
}

/// Shown by `klamm --help` behind the commands.
const FIRST_STEPS: &str = "\
First steps:
  klamm check /etc/klamm/klamm.yaml    every fault of the file at once, with line and remedy
  klamm run /etc/klamm/klamm.yaml      serve; SIGTERM drains and ends
  curl http://127.0.0.1:9644/ready     is it serving, and if not, why (the admin address)

A file that makes Klamm a transparent gateway before a Kafka of three nodes:
  backend_clusters:
    - name: lab
      bootstrap_servers: [\"kafka1:9092\", \"kafka2:9092\"]
  listeners:
    - name: clients
      addresses: [\"0.0.0.0\"]
      ports: [\"19092-19095\"]
      policies:
        - type: forward_to_virtual_cluster
          config: {type: port_mapping, advertised_host: gateway.example, min_broker_id: 1}
Clients then use gateway.example:19092; the ports behind it stand for the nodes 1, 2 and 3.

Exit codes:
    0  ended as asked: drained, or the configuration has no fault
    1  could not start, or the configuration has faults; the message says what to change
    2  the command line is wrong
  130  ended at once by a second SIGINT

Every setting, with default, unit and reason: config/reference.yaml. Concepts: README.md.";

/// Shown by `klamm run --help` behind the options.
const RUN_NOTES: &str = "\
Signals:
  SIGTERM  drain: accept nothing new, finish what is in flight, end with 0
  SIGINT   as SIGTERM; a second one ends at once
  SIGHUP   read certificates, keys, trust and revocation lists again; log what else has changed

The log goes to the standard error.

Example:
  klamm run /etc/klamm/klamm.yaml --log-format json";

/// Shown by `klamm check --help` behind the options.
const CHECK_NOTES: &str = "\
Nothing is opened or bound: the check may run beside a serving Klamm. It ends with 0 when the
configuration has no fault, else with 1 and one line for each fault.

Example:
  klamm check --print /etc/klamm/klamm.yaml";

/// A Kafka gateway appliance: clients see a Kafka of their own on a Kafka that many share.
///
/// Klamm stands between Kafka clients and a Kafka. Ordinary clients connect to it as if it were the cluster; every
/// address they learn is Klamm's. One configuration file says which Kafka is behind it and on which ports it listens.
#[derive(Debug, Parser)]
#[command(
    name = "klamm",
    bin_name = "klamm",
    version,
    after_long_help = FIRST_STEPS,
    after_help = "The long help, with first steps, an example and the exit codes: klamm --help",
    max_term_width = 100
)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve: listen for clients and carry their connections to the Kafka behind.
    #[command(after_help = RUN_NOTES)]
    Run {
        /// The configuration: a YAML file, or a directory whose *.yaml files are merged.
        #[arg(value_name = "FILE")]
        config: PathBuf,
        /// How a log line is written.
        #[arg(long, value_enum, value_name = "FORMAT", default_value_t = log::Format::Text)]
        log_format: log::Format,
        /// The least severe level that is logged.
        #[arg(long, value_enum, value_name = "LEVEL", default_value_t = log::Level::Info)]
        log_level: log::Level,
    },
    /// Print every fault of a configuration at once, each with its path, line and what would be right.
    #[command(after_help = CHECK_NOTES)]
    Check {
        /// The configuration: a YAML file, or a directory whose *.yaml files are merged.
        #[arg(value_name = "FILE")]
        config: PathBuf,
        /// Print the configuration as Klamm understands it, with the defaults filled in.
        #[arg(long)]
        print: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse_words(line: &str) -> Result<Command, Answer> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn the_definition_has_no_contradiction() {
        Line::command().debug_assert();
    }

    #[test]
    fn run_and_check_are_read_with_their_options() {
        let log = log::Options { format: log::Format::Text, level: log::Level::Info };
        assert_eq!(parse_words("klamm run a.yaml"), Ok(Command::Run { config: "a.yaml".into(), log }));
        let log = log::Options { format: log::Format::Json, level: log::Level::Debug };
        assert_eq!(
            parse_words("klamm run --log-format json dir/ --log-level=debug"),
            Ok(Command::Run { config: "dir/".into(), log })
        );
        assert_eq!(parse_words("klamm check x"), Ok(Command::Check { config: "x".into(), print: false }));
        assert_eq!(parse_words("klamm check x --print"), Ok(Command::Check { config: "x".into(), print: true }));
    }

    #[test]
    fn a_path_need_not_be_unicode() {
        use std::os::unix::ffi::OsStringExt;
        let odd = OsString::from_vec(b"/etc/\xff.yaml".to_vec());
        let read = parse(["klamm".into(), "check".into(), odd.clone()]);
        assert_eq!(read, Ok(Command::Check { config: odd.into(), print: false }));
    }

    #[test]
    fn usage_errors_end_with_2_and_name_what_is_wrong() {
        for (line, named) in [
            ("klamm", "Usage: klamm"),
            ("klamm run", "<FILE>"),
            ("klamm run a b", "'b'"),
            ("klamm serve a", "'serve'"),
            ("klamm run a --log-level loud", "'loud'"),
            ("klamm check a --log-level info", "'--log-level'"),
        ] {
            let answer = parse_words(line).expect_err(line);
            assert_eq!(answer.exit_code(), EXIT_USAGE, "{line}");
            assert!(answer.to_string().contains(named), "{line}: {answer}");
        }
    }

    #[test]
    fn help_and_version_end_with_0() {
        for line in ["klamm --help", "klamm -h", "klamm help run", "klamm run --help", "klamm check -h"] {
            assert_eq!(parse_words(line).expect_err(line).exit_code(), EXIT_OK, "{line}");
        }
        let version = parse_words("klamm --version").expect_err("version");
        assert_eq!(
            (version.exit_code(), version.to_string()),
            (EXIT_OK, concat!("klamm ", env!("CARGO_PKG_VERSION"), "\n").into())
        );
    }

    #[test]
    fn help_teaches_within_100_columns() {
        let help = parse_words("klamm --help").expect_err("help").to_string();
        for taught in ["klamm run", "klamm check", "First steps", "Exit codes", "reference.yaml", "bootstrap_servers"] {
            assert!(help.contains(taught), "{taught} is missing in:\n{help}");
        }
        for line in ["klamm --help", "klamm -h", "klamm run --help", "klamm check --help", "klamm"] {
            for row in parse_words(line).expect_err(line).to_string().lines() {
                assert!(row.chars().count() <= 100, "{line}: {row}");
            }
        }
    }
}
