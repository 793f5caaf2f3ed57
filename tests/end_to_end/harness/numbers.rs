//! What `/metrics` says, as numbers.

use super::Fallible;

const CLOSED: &str = "klamm_connections_closed_total";

/// One scrape.
pub struct Numbers {
    lines: Vec<(String, f64)>,
}

impl Numbers {
    /// Reads an OpenMetrics text.
    pub fn read(text: &str) -> Fallible<Numbers> {
        let samples = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let lines = samples.map(|line| {
            let (series, value) = line.rsplit_once(' ').ok_or("a line of /metrics without a value")?;
            Fallible::Ok((series.to_owned(), value.parse()?))
        });
        Ok(Numbers { lines: lines.collect::<Fallible<_>>()? })
    }

    /// The sum of all series of that name.
    pub fn sum(&self, name: &str) -> f64 {
        self.sum_where(name, "")
    }

    /// The sum of all series of that name whose labels contain `part`.
    pub fn sum_where(&self, name: &str, part: &str) -> f64 {
        let of_name = |series: &str| series.split('{').next() == Some(name) && series.contains(part);
        self.lines.iter().filter(|(series, _)| of_name(series)).map(|(_, value)| value).sum()
    }

    /// Connections that were closed with that cause.
    pub fn closed(&self, cause: &str) -> f64 {
        self.sum_where(CLOSED, &format!("cause=\"{cause}\""))
    }

    /// The causes with which connections were closed, for a sentence.
    pub fn all_closed(&self) -> String {
        let closed = self.lines.iter().filter(|(series, value)| series.starts_with(CLOSED) && *value > 0.0);
        let closed: Vec<String> =
            closed.map(|(series, value)| format!("{} {value}", &series[CLOSED.len()..])).collect();
        closed.join(", ")
    }

    /// Connections accepted, active, and closed with any cause.
    pub fn connections(&self) -> (f64, f64, f64) {
        let [accepted, active, closed] =
            ["klamm_connections_accepted_total", "klamm_connections_active", CLOSED].map(|name| self.sum(name));
        (accepted, active, closed)
    }
}
