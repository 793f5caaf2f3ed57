//! JVMs that are kept: each runs the main methods of Java classes, one call after the other, by `java/Tools.java`, which
//! says what a call is. To start a JVM costs more than what most tools do.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ChildStdin, ExitStatus};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::process::{self, Finished, Process};
use super::tools::Jars;
use super::{Fallible, locked};

/// The JVMs of a run that have no call in hand: there are as many as calls were made at once.
#[derive(Default)]
pub struct Jvms(Mutex<Vec<Jvm>>);

struct Jvm {
    process: Process,
    calls: ChildStdin,
}

/// What a JVM is to run.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub class: &'a str,
    pub arguments: &'a [&'a str],
    /// The file of the settings that our programs add at addresses with TLS.
    pub properties: &'a str,
    pub input: &'a [u8],
}

impl Jvms {
    /// Runs a class to its end. A JVM that cannot do it within `limit` is killed; the next call gets another one.
    pub fn run(&self, jars: &Jars, call: Call<'_>, folder: &Path, limit: Duration) -> Fallible<Finished> {
        let files = tempfile::tempdir_in(folder)?;
        let texts = [call.class, call.properties].into_iter().chain(call.arguments.iter().copied());
        fs::write(files.path().join("call"), texts.flat_map(|text| [text, "\0"]).collect::<String>())?;
        fs::write(files.path().join("in"), call.input)?;
        let kept = locked(&self.0).pop();
        let mut jvm = match kept {
            Some(jvm) => jvm,
            None => Jvm::start(jars, folder)?,
        };
        let (finished, spent) = jvm
            .run(files.path(), limit)
            .map_err(|error| format!("{} {}: {error}", call.class, call.arguments.join(" ")))?;
        if spent {
            eprintln!("{} left a thread behind, or ended its JVM", call.class);
        } else {
            locked(&self.0).push(jvm);
        }
        Ok(finished)
    }
}

impl Jvm {
    fn start(jars: &Jars, folder: &Path) -> Fallible<Jvm> {
        let (process, calls) = Process::start_fed(&mut jars.java("Tools", &["-Xmx256m"]), &folder.join("tools.log"))?;
        Ok(Jvm { process, calls })
    }

    /// How the call in a folder ended, and whether this JVM takes no other.
    fn run(&mut self, files: &Path, limit: Duration) -> Fallible<(Finished, bool)> {
        let text = |name: &str| String::from_utf8_lossy(&fs::read(files.join(name)).unwrap_or_default()).into_owned();
        let finished = |status| Finished { status, stdout: text("out"), stderr: text("err") };
        writeln!(self.calls, "{}", files.display())?;
        let end = Instant::now() + limit;
        loop {
            // In this order: a JVM that ends may have written how its call ended.
            let ended = self.process.ended()?;
            if files.join("status").exists() {
                let said = text("status");
                let code: i32 = said.trim_end_matches(" spent").parse()?;
                return Ok((finished(ExitStatus::from_raw((code & 0xff) << 8)), said.ends_with(" spent")));
            }
            if let Some(status) = ended {
                return Ok((finished(status), true));
            }
            if Instant::now() > end {
                let said = ["out", "err"].map(|name| format!("std{name}: {}", process::tail(&text(name))));
                return Err(format!("it still runs after {limit:?}\n{}", said.join("\n")).into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
