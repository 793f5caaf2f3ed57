//! librdkafka's kcat: what it produces it consumes, byte for byte, alone and as members of a group.

use crate::ensure;
use crate::harness::{Fallible, World};

const TOPIC: &str = "kcat-records";
/// kcat's own format: partition-free, so that the order within the one partition is all that counts.
const FORMAT: &str = "%k|%h|%T|%s\n";

pub fn run(world: &World) -> Fallible<()> {
    let tools = world.tools()?;
    tools.create_topic(TOPIC, 1, 3)?;
    let produced: Vec<String> = (0..500).map(|n| format!("key-{n}:value-{n}-{}", "x".repeat(n % 97))).collect();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let input = produced.join("\n");
        let arguments = ["-P", "-t", TOPIC, "-K", ":", "-H", "origin=kcat", "-H", "empty=", "-z", codec];
        tools.kcat(&[&arguments[..], &["-X", "enable.idempotence=true"]].concat(), input.as_bytes())?;
    }

    let consumed = tools.kcat(&["-C", "-t", TOPIC, "-o", "beginning", "-e", "-q", "-f", FORMAT], b"")?;
    let expected: Vec<String> = produced.iter().map(|record| record.replacen(':', "|origin=kcat,empty=|", 1)).collect();
    let expected: Vec<String> = std::iter::repeat_n(expected, 5).flatten().collect();
    let without_time: Vec<String> = consumed.lines().map(without_time).collect();
    ensure!(without_time == expected, "{} records came, not the {} produced", without_time.len(), expected.len());
    let direct = world.direct_tools()?.kcat(&["-C", "-t", TOPIC, "-o", "beginning", "-e", "-q", "-f", FORMAT], b"")?;
    ensure!(consumed == direct, "the same records, timestamps included, are not what the backend holds");

    let arguments = ["-G", "kcat-group", "-e", "-q", "-X", "auto.offset.reset=earliest", "-f", FORMAT, TOPIC];
    let joined = tools.kcat(&arguments, b"")?;
    ensure!(joined == direct, "the group's member read {} records, not {}", joined.lines().count(), expected.len());
    let again = tools.kcat(&arguments, b"")?;
    ensure!(again.is_empty(), "the group's offsets were not kept: {} records again", again.lines().count());
    Ok(())
}

/// The line without its third field, the timestamp.
fn without_time(line: &str) -> String {
    let fields: Vec<&str> = line.splitn(4, '|').collect();
    match fields.as_slice() {
        [key, headers, _, value] => format!("{key}|{headers}|{value}"),
        _ => line.to_owned(),
    }
}
