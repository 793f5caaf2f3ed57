//! The load of `java/Load.java`: an idempotent producer and a member of a group, and the account of what became of each
//! acknowledged record.

use std::path::PathBuf;

use crate::ensure;
use crate::harness::process::{Process, tail};
use crate::harness::tools::{Tools, patience};
use crate::harness::{Fallible, World, until};

/// Load at work.
pub struct Load {
    process: Process,
    stop: PathBuf,
}

impl Load {
    /// Creates the topic, starts, and waits until records flow both ways.
    pub fn start(world: &World, bootstrap: String, topic: &str) -> Fallible<Load> {
        let direct = world.direct_tools()?;
        direct.create_topic(topic, 3, 3)?;
        let mut load = Load::begin(&world.tools_for(bootstrap)?, &direct.bootstrap, topic, topic)?;
        load.wait_for_more(500)?;
        Ok(load)
    }

    /// Starts on a topic that exists; what it holds in the end is read at `read_at`. The name is of its files.
    pub fn begin(tools: &Tools<'_>, read_at: &str, topic: &str, name: &str) -> Fallible<Load> {
        let stop = tools.folder.join(format!("{name}.stop"));
        let arguments = [read_at, topic, &stop.display().to_string()];
        let process = tools.start_program("Load", &arguments, &format!("{name}.log"))?;
        Ok(Load { process, stop })
    }

    /// Waits until that many more records were acknowledged, and as many consumed: the clients have recovered.
    pub fn wait_for_more(&mut self, records: u64) -> Fallible<()> {
        let (acked, consumed) = self.progress();
        until("the load goes on", patience(60), || {
            ensure!(self.process.ended()?.is_none(), "the load ended:\n{}", tail(&self.process.log()));
            let now = self.progress();
            let enough = now.0 >= acked + records && now.1 >= consumed + records;
            ensure!(enough, "{} acknowledged and {} consumed, from {acked} and {consumed}", now.0, now.1);
            Ok(())
        })
    }

    /// Ends it; fails unless every acknowledged record is there once and in order, and was consumed.
    pub fn finish(mut self) -> Fallible<()> {
        std::fs::write(&self.stop, "")?;
        let status = self.process.wait(patience(120))?;
        let log = self.process.log();
        ensure!(status.success(), "the load: {status}\n{}", tail(&log));
        let account = "lost 0 duplicated 0 disordered 0 unconsumed 0";
        ensure!(log.lines().any(|line| line == account), "not all is well:\n{}", tail(&log));
        ensure!(log.contains(" refused 0"), "records were refused:\n{}", tail(&log));
        Ok(())
    }

    /// Acknowledged and consumed so far.
    fn progress(&self) -> (u64, u64) {
        let log = self.process.log();
        let fields: Vec<&str> = match log.lines().rfind(|line| line.starts_with("acked ")) {
            Some(line) => line.split(' ').collect(),
            None => return (0, 0),
        };
        let number = |at: usize| fields.get(at).and_then(|field| field.parse().ok()).unwrap_or(0);
        (number(1), number(3))
    }
}
