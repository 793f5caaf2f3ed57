//! One log line, safe against what clients put into it.
//!
//! Owns the escaping. Names that clients choose (client ids, api names, hosts) reach the log: none of them may begin a
//! line, look like a field, or drive a terminal.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// A character that may not stand in a log line as it is: controls (C0, DEL, C1), line and paragraph separators, and
/// those that change the direction of what is read.
pub(super) fn is_risky(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The fields of a text line: the message as it is, then `name=value` each; a value that could be mistaken for
/// something else stands in quotes.
pub(super) struct Fields;

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = TextVisitor { writer, first: true, result: Ok(()) };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct TextVisitor<'writer> {
    writer: Writer<'writer>,
    first: bool,
    result: fmt::Result,
}

impl TextVisitor<'_> {
    fn field(&mut self, field: &Field, value: &str) -> fmt::Result {
        // Lines of libraries that use `log` carry its fields again; their header has the same.
        if field.name().starts_with("log.") {
            return Ok(());
        }
        if !std::mem::take(&mut self.first) {
            self.writer.write_char(' ')?;
        }
        if field.name() == "message" {
            return write_escaped(&mut self.writer, value);
        }
        write!(self.writer, "{}=", field.name())?;
        if is_quoted(value) || is_plain(value) {
            return write_escaped(&mut self.writer, value);
        }
        self.writer.write_char('"')?;
        for c in value.chars() {
            match c {
                '"' | '\\' => write!(self.writer, "\\{c}")?,
                c => write_escaped(&mut self.writer, c.encode_utf8(&mut [0; 4]))?,
            }
        }
        self.writer.write_char('"')
    }
}

impl Visit for TextVisitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if self.result.is_ok() {
            self.result = self.field(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

fn write_escaped(writer: &mut impl Write, text: &str) -> fmt::Result {
    for c in text.chars() {
        if is_risky(c) {
            write!(writer, "{}", c.escape_default())?;
        } else {
            writer.write_char(c)?;
        }
    }
    Ok(())
}

/// Needs no quotes: it has an end that a reader finds.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || is_risky(c) || matches!(c, '"' | '\\' | '='))
}

/// Stands in quotes already, as `Debug` of a string writes it: no quote inside that is not escaped.
fn is_quoted(value: &str) -> bool {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return false;
    };
    let mut escaped = false;
    for c in inner.chars() {
        if c == '"' && !escaped {
            return false;
        }
        escaped = c == '\\' && !escaped;
    }
    !escaped
}

/// A text line for the journal: with the priority in front that sd-daemon(3) names.
pub(super) struct Journal<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for Journal<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        writer.write_str(match *event.metadata().level() {
            Level::ERROR => "<3>",
            Level::WARN => "<4>",
            Level::INFO => "<6>",
            Level::DEBUG | Level::TRACE => "<7>",
        })?;
        self.0.format_event(ctx, writer, event)
    }
}

/// A JSON line in which the risky characters that JSON allows unescaped are escaped as well.
pub(super) struct Json<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for Json<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        for c in line.trim_end_matches('\n').chars() {
            if is_risky(c) {
                // All of them are below U+10000: four digits are enough.
                write!(writer, "\\u{:04x}", u32::from(c))?;
            } else {
                writer.write_char(c)?;
            }
        }
        writeln!(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_recognised_only_where_nothing_ends_them_early() {
        for quoted in [r#""""#, r#""a b""#, r#""a \" b""#, r#""a\\""#] {
            assert!(is_quoted(quoted), "{quoted}");
        }
        for open in ["", "a", r#"""#, r#""a" cause="b""#, r#""a\""#, r#""a\\" b""#] {
            assert!(!is_quoted(open), "{open}");
        }
    }

    #[test]
    fn every_risky_character_fits_four_digits() {
        assert!((0x10000..=0x10ffff).filter_map(char::from_u32).all(|c| !is_risky(c)));
    }
}
