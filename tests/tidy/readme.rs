//! What the README repeats of the code is compared with the code.

use klamm::metrics::{Cause, Sample};

const README: &str = include_str!("../../README.md");

/// Lines of the README without the tables that are copied from the code: more are a book.
const LINES_MAX: usize = 300;

/// What stands between `<!-- name: begin -->` and `<!-- name: end -->`.
fn marked(name: &str) -> &'static str {
    let (_, behind) = README.split_once(&format!("<!-- {name}: begin -->\n")).expect(name);
    behind.split_once(&format!("<!-- {name}: end -->")).expect(name).0
}

#[test]
fn every_close_cause_is_in_the_readme_as_the_code_has_it() {
    let mut table = String::from("| cause | whose fault | meaning |\n|---|---|---|\n");
    for cause in Cause::ALL {
        table += &format!("| `{}` | {} | {} |\n", cause.label(), cause.fault().label(), cause.meaning());
    }
    assert_eq!(marked("close causes"), table, "put this between the marks:\n{table}");
}

#[test]
fn every_api_is_in_the_readme_as_the_rules_have_it() {
    let table = klamm::rewrite::support_table();
    assert_eq!(marked("supported apis"), table, "put this between the marks:\n{table}<<<");
}

#[test]
fn metrics_that_the_readme_names_exist() {
    let named: Vec<&str> = README.split('`').filter(|word| word.starts_with("klamm_")).collect();
    assert!(!named.is_empty());
    // Those of the process as a whole have no table; they are tested where they are shown.
    let whole = [
        "klamm_connections_closed_total",
        "klamm_shards_unresponsive",
        "klamm_log_lines_lost_total",
        "klamm_reloads_total",
        "klamm_reload_success_timestamp_seconds",
        "klamm_certificates_expiry_timestamp_seconds",
    ];
    for word in named {
        let name = word.split('{').next().unwrap_or(word);
        let of_a_shard = Sample::DESCRIBED.iter().any(|number| {
            let own = name.strip_prefix("klamm_").and_then(|rest| rest.strip_prefix(number.name));
            own.is_some_and(|suffix| matches!(suffix, "" | "_total"))
        });
        assert!(of_a_shard || whole.contains(&name), "{word}");
    }
}

#[test]
fn the_readme_is_no_book_and_has_its_marks() {
    let copied = ["close causes", "supported apis"].map(|name| marked(name).lines().count());
    let lines = README.lines().count() - copied.iter().sum::<usize>();
    assert!(lines <= LINES_MAX, "{lines} lines");
}
