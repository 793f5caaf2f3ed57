//! The load of `java/TransactionalLoad.java`: transactions over three partitions, and the account of what became of each.

use std::path::PathBuf;

use crate::ensure;
use crate::harness::process::{Process, tail};
use crate::harness::tools::{Tools, patience};
use crate::harness::{Fallible, until};

/// Transactions at work.
pub struct Transactions {
    process: Process,
    stop: PathBuf,
}

impl Transactions {
    /// Starts on a topic of three partitions. The name is of its files.
    pub fn begin(tools: &Tools<'_>, topic: &str, name: &str) -> Fallible<Transactions> {
        let stop = tools.folder.join(format!("{name}.stop"));
        let arguments = [topic, "load", &stop.display().to_string()];
        let process = tools.start_program("TransactionalLoad", &arguments, &format!("{name}.log"))?;
        Ok(Transactions { process, stop })
    }

    /// Waits until that many more transactions were committed.
    pub fn wait_for_more(&mut self, transactions: u64) -> Fallible<()> {
        let before = self.committed();
        until("transactions go on", patience(60), || {
            ensure!(self.process.ended()?.is_none(), "they ended:\n{}", tail(&self.process.log()));
            let now = self.committed();
            ensure!(now >= before + transactions, "{now} committed, from {before}");
            Ok(())
        })
    }

    /// Ends it; fails unless every committed transaction is there whole, once and in order.
    pub fn finish(mut self) -> Fallible<()> {
        std::fs::write(&self.stop, "")?;
        let status = self.process.wait(patience(120))?;
        let log = self.process.log();
        ensure!(status.success(), "the transactions: {status}\n{}", tail(&log));
        let account = "lost 0 duplicated 0 disordered 0 torn 0";
        ensure!(log.lines().any(|line| line == account), "not all is well:\n{}", tail(&log));
        Ok(())
    }

    fn committed(&self) -> u64 {
        let log = self.process.log();
        let last = log.lines().rev().find_map(|line| line.strip_prefix("committed ")?.parse().ok());
        last.unwrap_or(0)
    }
}
