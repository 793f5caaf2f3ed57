//! What the user reads while it happens: steps with a tick or a cross, and a clock while they take their time.
//!
//! Owns the layout: at most [`WIDTH`] columns, titles aligned, details in a second column.

use crate::error::{Error, Result};
use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Columns of a line.
pub const WIDTH: usize = 100;
/// Columns of a step's title, with the space behind it.
const TITLE: usize = 36;
/// Columns before the title.
const MARGIN: usize = 4;

/// Prints a headline.
pub fn headline(text: &str) {
    println!();
    wrap(text, WIDTH).iter().for_each(|line| println!("{line}"));
}

/// Prints one step, runs it, and prints how it ended. What it returns beside its value is the detail.
pub fn step<T>(title: &str, run: impl FnOnce() -> Result<(T, String)>) -> Result<T> {
    let clock = Clock::start(title.to_owned());
    let outcome = run();
    clock.stop();
    match outcome {
        Ok((value, detail)) => {
            mark('✔', title, &detail);
            Ok(value)
        }
        Err(error) => {
            mark('✘', title, error.what());
            Err(error)
        }
    }
}

/// Prints a step that was left out, and why.
pub fn skipped(title: &str, why: &str) {
    mark('-', title, why);
}

/// Prints the error that ends the program.
pub fn fail(error: &Error) {
    let text = error.to_string();
    eprintln!();
    for line in text.lines() {
        // Log lines stay as they are: a cut line is hard to search for.
        if line.starts_with("  | ") {
            eprintln!("{line}");
        } else {
            wrap(line, WIDTH).iter().for_each(|part| eprintln!("{part}"));
        }
    }
}

/// Prints what is under way, in place; nothing where nobody watches, so that a file holds only the results.
pub fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r{:WIDTH$}\r{text}", "");
    }
}

/// Prints a line and a detail that stands in the steps' second column.
pub fn note(title: &str, detail: &str) {
    mark(' ', title, detail);
}

fn mark(mark: char, title: &str, detail: &str) {
    let mut lines = wrap(detail, WIDTH - MARGIN - TITLE).into_iter();
    println!("  {mark} {title:<TITLE$}{}", lines.next().unwrap_or_default());
    for line in lines {
        println!("{:1$}{line}", "", MARGIN + TITLE);
    }
    let _ = std::io::stdout().flush();
}

/// Breaks a text at spaces. A word that is too long keeps a line of its own.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// Displays that a step is under way: on a terminal by a running clock, in a file by a line every ten seconds.
struct Clock {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Clock {
    fn start(title: String) -> Self {
        let (stop, stopped) = channel();
        let terminal = std::io::stdout().is_terminal();
        let thread = std::thread::spawn(move || {
            let begin = Instant::now();
            let every = if terminal { Duration::from_millis(250) } else { Duration::from_secs(10) };
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let seconds = begin.elapsed().as_secs();
                if terminal {
                    print!("\r  … {title:<TITLE$}{seconds} s");
                    let _ = std::io::stdout().flush();
                } else {
                    println!("  … {title:<TITLE$}{seconds} s");
                }
            }
            if terminal {
                print!("\r{:WIDTH$}\r", "");
            }
        });
        Self { stop, thread }
    }

    fn stop(self) {
        let _ = self.stop.send(());
        // The thread only prints; were it to panic, the step's own outcome still counts.
        let _ = self.thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_stay_within_the_width() {
        let lines = wrap("one two three four\nfive", 9);
        assert_eq!(lines, ["one two", "three", "four", "five"]);
        assert_eq!(wrap("a-word-that-is-too-long b", 5), ["a-word-that-is-too-long", "b"]);
    }
}
