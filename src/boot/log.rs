//! The log: what is written, in which form, and by whom.
//!
//! Owns the set-up of tracing and the log writer's thread. A shard never writes to a descriptor: a line goes into a
//! bounded mailbox, a thread of its own writes it to the standard error, and a line that finds the mailbox full is
//! dropped and counted. May not know what is logged.

mod line;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

use clap::ValueEnum;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter, format};
use tracing_subscriber::layer::SubscriberExt;

/// Lines that wait for the log writer at most; further ones are dropped and counted. A session logs two.
const WAITING_LINES_MAX: usize = 16 * 1024;

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people; with colours on a terminal, without a timestamp in the journal, which has its own.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// The least severe level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// What needs a person.
    Error,
    /// What may need one soon.
    Warn,
    /// Start, stop, and two lines a session.
    Info,
    /// Each decision.
    Debug,
    /// Each step.
    Trace,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> LevelFilter {
        match level {
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        }
    }
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How a line is written.
    pub format: Format,
    /// The least severe level of Klamm's own lines; libraries are held to `warn` at most.
    pub level: Level,
}

/// Keeps the log writer alive. Dropped, it waits at most about a second for the lines that are under way.
#[must_use = "dropping it ends the log writer"]
#[derive(Debug)]
pub struct Guard {
    _writer: WorkerGuard,
}

/// This process logs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyStarted;

impl std::fmt::Display for AlreadyStarted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the log of this process was set up before")
    }
}

impl std::error::Error for AlreadyStarted {}

static LOST: OnceLock<ErrorCounter> = OnceLock::new();

/// Lines that were lost since the start because the mailbox was full.
pub fn lost() -> u64 {
    LOST.get().map_or(0, |counter| counter.dropped_lines() as u64)
}

/// Starts the log writer and sends all of this process' events to it. Call it once, after the signals are blocked (the
/// writer's thread inherits the mask) and before the first shard starts.
///
/// # Errors
///
/// [`AlreadyStarted`] where something in this process set up a log before.
pub fn start(options: Options) -> Result<Guard, AlreadyStarted> {
    let (writer, guard) = writer_thread(io::stderr(), WAITING_LINES_MAX);
    let lines = writer.error_counter();
    let subscriber = subscriber(options, StderrKind::of_stderr(), writer);
    tracing_subscriber::util::SubscriberInitExt::try_init(subscriber).map_err(|_| AlreadyStarted)?;
    LOST.set(lines).map_err(|_| AlreadyStarted)?;
    Ok(guard)
}

fn writer_thread(out: impl Write + Send + 'static, waiting_lines_max: usize) -> (NonBlocking, Guard) {
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(waiting_lines_max)
        .thread_name("klamm-log")
        .finish(out);
    (writer, Guard { _writer: guard })
}

/// What the standard error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StderrKind {
    Terminal,
    Journal,
    Elsewhere,
}

impl StderrKind {
    fn of_stderr() -> StderrKind {
        let stderr = io::stderr();
        if stderr.is_terminal() {
            return StderrKind::Terminal;
        }
        let metadata = stderr.as_fd().try_clone_to_owned().and_then(|fd| File::from(fd).metadata());
        match (std::env::var("JOURNAL_STREAM"), metadata) {
            (Ok(stream), Ok(metadata)) if names_stream(&stream, metadata.dev(), metadata.ino()) => StderrKind::Journal,
            (Ok(_) | Err(_), Ok(_) | Err(_)) => StderrKind::Elsewhere,
        }
    }
}

/// systemd.exec(5): `$JOURNAL_STREAM` is `device:inode` of the stream to the journal. A child with another standard
/// error inherits the variable, hence the comparison.
fn names_stream(journal_stream: &str, device: u64, inode: u64) -> bool {
    journal_stream.split_once(':').is_some_and(|(d, i)| d.parse::<u64>() == Ok(device) && i.parse::<u64>() == Ok(inode))
}

fn subscriber<W>(options: Options, stderr: StderrKind, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let own = LevelFilter::from(options.level);
    let targets = Targets::new().with_default(own.min(LevelFilter::WARN)).with_target("klamm", own);
    let layer = fmt::layer().with_writer(writer).with_ansi(stderr == StderrKind::Terminal && !colours_unwanted());
    let registry = tracing_subscriber::registry().with(targets);
    match (options.format, stderr) {
        (Format::Json, StderrKind::Terminal | StderrKind::Journal | StderrKind::Elsewhere) => {
            let json = format().json().flatten_event(true).with_current_span(false).with_span_list(false);
            let layer = layer.with_ansi(false).fmt_fields(format::JsonFields::new()).event_format(line::Json(json));
            Box::new(registry.with(layer))
        }
        (Format::Text, StderrKind::Terminal | StderrKind::Elsewhere) => {
            Box::new(registry.with(layer.fmt_fields(line::Fields).event_format(format())))
        }
        (Format::Text, StderrKind::Journal) => {
            let text = line::Journal(format().without_time());
            Box::new(registry.with(layer.fmt_fields(line::Fields).event_format(text)))
        }
    }
}

/// The convention of no-color.org.
fn colours_unwanted() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format, level: Level, stderr: StderrKind, events: impl FnOnce()) -> String {
        let captured = Captured::default();
        let out = captured.clone();
        let subscriber = subscriber(Options { format, level }, stderr, move || out.clone());
        tracing::subscriber::with_default(subscriber, events);
        captured.text()
    }

    /// What a hostile client may call itself: a new line that looks like ours, colours, C1, a bidirectional override.
    const HOSTILE: &str = "a\nINFO klamm: forged\r\x1b[31m\u{7}\u{7f}\u{9b}1m\u{202e}\" cause=\"panic";

    fn hostile_events() {
        tracing::info!(client_id = HOSTILE, "plain {HOSTILE}");
        tracing::info!(client_id = %HOSTILE, other = ?HOSTILE, "display");
    }

    #[test]
    fn a_hostile_client_id_forges_no_line_no_field_and_no_control_character() {
        for format in [Format::Text, Format::Json] {
            for stderr in [StderrKind::Journal, StderrKind::Elsewhere] {
                let text = logged(format, Level::Info, stderr, hostile_events);
                assert_eq!(text.lines().count(), 2, "{text}");
                assert!(!text.trim_end_matches('\n').replace('\n', "").contains(line::is_risky), "{text:?}");
                assert!(!text.contains(" cause=\"panic\""), "{text}");
                assert!(text.contains("forged"), "nothing is swallowed: {text}");
            }
        }
    }

    #[test]
    fn a_json_line_reads_back_as_it_was_logged() {
        let text = logged(Format::Json, Level::Info, StderrKind::Elsewhere, || {
            tracing::info!(client_id = HOSTILE, requests = 7, "session closed");
        });
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["client_id"], HOSTILE);
        assert_eq!(read["requests"], 7);
        assert_eq!(read["message"], "session closed");
        assert_eq!(read["level"], "INFO");
        assert!(read["timestamp"].as_str().is_some_and(|t| t.ends_with('Z')));
    }

    #[test]
    fn a_text_line_has_quotes_where_they_are_needed_only() {
        let text = logged(Format::Text, Level::Info, StderrKind::Journal, || {
            tracing::warn!(cause = "idle", peer = %"[::1]:9", client_id = "a b", n = 3, none = "", "session closed");
        });
        let expected = "<4> WARN klamm::boot::log::tests: session closed cause=idle peer=[::1]:9 client_id=\"a b\" n=3 none=\"\"\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_journal_gets_priorities_and_no_time_others_a_time() {
        let one_each = || {
            tracing::error!("e");
            tracing::warn!("w");
            tracing::info!("i");
            tracing::debug!("d");
            tracing::trace!("t");
        };
        let journal = logged(Format::Text, Level::Trace, StderrKind::Journal, one_each);
        let priorities: Vec<&str> = journal.lines().map(|line| &line[..3]).collect();
        assert_eq!(priorities, ["<3>", "<4>", "<6>", "<7>", "<7>"]);
        for line in logged(Format::Text, Level::Trace, StderrKind::Elsewhere, one_each).lines() {
            assert!(line.starts_with("20") && line.contains("Z "), "{line}");
            assert!(!line.contains('\x1b'), "{line}");
        }
        assert!(
            logged(Format::Text, Level::Trace, StderrKind::Terminal, one_each).contains('\x1b') != colours_unwanted()
        );
    }

    #[test]
    fn the_level_holds_for_klamm_and_libraries_are_held_to_warn() {
        let events = || {
            tracing::debug!("own");
            tracing::info!(target: "hyper", "chatty");
            tracing::warn!(target: "hyper", "worried");
        };
        let debug = logged(Format::Text, Level::Debug, StderrKind::Elsewhere, events);
        assert!(debug.contains("own") && debug.contains("worried") && !debug.contains("chatty"), "{debug}");
        assert_eq!(logged(Format::Text, Level::Error, StderrKind::Elsewhere, events), "");
    }

    #[test]
    fn a_full_mailbox_drops_and_counts_and_the_guard_flushes_the_rest() {
        struct BlockedWriter(mpsc::Receiver<()>, Captured);
        impl Write for BlockedWriter {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                self.1.write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (release, held) = mpsc::channel();
        let captured = Captured::default();
        let (mut writer, guard) = writer_thread(BlockedWriter(held, captured.clone()), 4);
        for n in 0..100 {
            writer.write_all(format!("{n}\n").as_bytes()).unwrap();
        }
        let dropped = writer.error_counter().dropped_lines();
        assert!((95..=96).contains(&dropped), "one with the thread, four waiting: {dropped}");
        drop(release);
        drop(guard);
        assert_eq!(captured.text().lines().count(), 100 - dropped);
    }

    #[test]
    fn the_journal_is_known_by_its_device_and_inode() {
        assert!(names_stream("8:123", 8, 123));
        for other in ["8:124", "9:123", "8", "", "x:123", "8:123:4"] {
            assert!(!names_stream(other, 8, 123), "{other}");
        }
    }
}
