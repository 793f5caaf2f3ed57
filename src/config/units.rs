//! Numbers, durations and sizes as they are written, and the bounds they must keep.
//!
//! Pure text in, value or sentence out. A duration has a unit always, a size may be plain bytes.

use std::fmt;
use std::time::Duration;

const DURATION_UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
const SIZE_UNITS: [(&str, u64); 5] = [("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// What a number counts, for reading it and for showing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Whole things, written without a unit.
    Count,
    /// Milliseconds, written as `30s`, `500ms`, `11m`, `1h`.
    Time,
    /// Bytes, written as `64KiB`, `4MiB`, `1024`.
    Size,
}

/// The bounds of a field and the reason for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub unit: Unit,
    /// In the unit's base: things, milliseconds or bytes.
    pub min: u64,
    pub max: u64,
    /// Continues "must be 1 to 10: ".
    pub why: &'static str,
}

impl Bounds {
    /// Reads `text`, in the unit's base.
    ///
    /// # Errors
    ///
    /// What is wrong and what would be right; the text itself is not in it.
    pub fn read(&self, text: &str) -> Result<u64, String> {
        let value = match self.unit {
            Unit::Count => count(text)?,
            Unit::Time => duration(text)?,
            Unit::Size => size(text)?,
        };
        match value {
            Some(value) if (self.min..=self.max).contains(&value) => Ok(value),
            Some(_) | None => Err(format!("must be {self}: {}", self.why)),
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: u64| match self.unit {
            Unit::Count => value.to_string(),
            Unit::Time => show_duration(Duration::from_millis(value)),
            Unit::Size => show_size(value),
        };
        write!(f, "{} to {}", shown(self.min), shown(self.max))
    }
}

/// `30s`; the largest unit that leaves a whole number.
pub(super) fn show_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    show(millis, &DURATION_UNITS)
}

/// `64KiB`; the largest unit that leaves a whole number.
pub(super) fn show_size(bytes: u64) -> String {
    show(bytes, &SIZE_UNITS)
}

fn show(value: u64, units: &[(&str, u64)]) -> String {
    let fitting = units.iter().rev().find(|(_, factor)| value > 0 && value.is_multiple_of(*factor));
    let (unit, factor) = fitting.or(units.first()).copied().unwrap_or(("", 1));
    format!("{}{unit}", value / factor)
}

/// `Ok(None)`: a number, but below zero or larger than any bound.
fn count(text: &str) -> Result<Option<u64>, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is not a whole number".to_owned());
    }
    Ok(text.parse().ok())
}

fn duration(text: &str) -> Result<Option<u64>, String> {
    let (digits, unit) = split_unit(text);
    if unit.is_empty() && !digits.is_empty() {
        return Err("has no unit; add one: ms, s, m or h, such as 30s".to_owned());
    }
    let wrong = || "is not a duration; write a whole number and ms, s, m or h, such as 30s".to_owned();
    with_unit(digits, unit, &DURATION_UNITS).ok_or_else(wrong)
}

fn size(text: &str) -> Result<Option<u64>, String> {
    let (digits, unit) = split_unit(text);
    let wrong = || "is not a size; write a whole number and B, KiB, MiB or GiB, such as 64KiB".to_owned();
    with_unit(digits, unit, &SIZE_UNITS).ok_or_else(wrong)
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// `None`: not a number with one of the units. `Some(None)`: larger than any bound.
fn with_unit(digits: &str, unit: &str, units: &[(&str, u64)]) -> Option<Option<u64>> {
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    if digits.is_empty() {
        return None;
    }
    Some(digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(unit: Unit) -> Bounds {
        Bounds { unit, min: 1, max: 1 << 40, why: "the test says so" }
    }

    #[test]
    fn numbers_durations_and_sizes_are_read_and_shown() {
        for (unit, text, value) in [
            (Unit::Count, "256", 256),
            (Unit::Time, "500ms", 500),
            (Unit::Time, "30s", 30_000),
            (Unit::Time, "11m", 660_000),
            (Unit::Time, "1h", 3_600_000),
            (Unit::Size, "1024", 1024),
            (Unit::Size, "1024B", 1024),
            (Unit::Size, "64KiB", 64 << 10),
            (Unit::Size, "4MiB", 4 << 20),
            (Unit::Size, "1GiB", 1 << 30),
        ] {
            assert_eq!(bounds(unit).read(text), Ok(value), "{text}");
        }
        assert_eq!(show_duration(Duration::from_secs(660)), "11m");
        assert_eq!(show_duration(Duration::from_millis(1500)), "1500ms");
        assert_eq!((show_size(4 << 20), show_size(1000), show_size(0)), ("4MiB".into(), "1000B".into(), "0".into()));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        for (unit, text, meant) in [
            (Unit::Count, "", "whole number"),
            (Unit::Count, "0x10", "whole number"),
            (Unit::Count, "1.5", "whole number"),
            (Unit::Count, "0", "must be 1 to 1099511627776: the test says so"),
            (Unit::Count, "-1", "must be 1 to"),
            (Unit::Count, "99999999999999999999999", "must be 1 to"),
            (Unit::Time, "30", "has no unit"),
            (Unit::Time, "30 s", "such as 30s"),
            (Unit::Time, "1h30m", "such as 30s"),
            (Unit::Time, "1.5s", "such as 30s"),
            (Unit::Time, "-1s", "such as 30s"),
            (Unit::Time, "0s", "must be 1ms to"),
            (Unit::Time, "18446744073709551615h", "must be 1ms to"),
            (Unit::Size, "64KB", "such as 64KiB"),
            (Unit::Size, "64k", "such as 64KiB"),
            (Unit::Size, "MiB", "such as 64KiB"),
            (Unit::Size, "18446744073709551615GiB", "must be 1B to 1024GiB"),
        ] {
            let error = bounds(unit).read(text).unwrap_err();
            assert!(error.contains(meant), "{text}: {error}");
        }
    }
}
