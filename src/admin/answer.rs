//! What each path of the admin address answers.
//!
//! Owns the paths, the statuses and the texts. Knows no socket.

use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};

use super::process::Process;
use super::{Report, Source, exposition};

/// A response before it has a form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    /// Methods that would be right, where the method was wrong.
    pub(super) allow: Option<&'static str>,
    pub(super) body: String,
}

const PLAIN: &str = "text/plain; charset=utf-8";
const METHODS: &str = "GET, HEAD";

impl Answer {
    fn plain(status: StatusCode, body: impl Into<String>) -> Answer {
        Answer { status, content_type: PLAIN, allow: None, body: body.into() }
    }

    /// The answer as hyper sends it; for HEAD hyper leaves the body out itself.
    pub(super) fn into_response<B: From<String>>(self) -> hyper::Response<B> {
        let mut response = hyper::Response::new(B::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some(methods) = self.allow {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
        }
        response
    }
}

/// What can be asked for.
#[derive(Clone, Copy)]
enum Page {
    Live,
    Ready,
    Metrics,
}

impl Page {
    fn of(path: &str) -> Option<Page> {
        match path {
            "/live" => Some(Page::Live),
            "/ready" => Some(Page::Ready),
            "/metrics" => Some(Page::Metrics),
            _ => None,
        }
    }
}

/// Answers one request. The query of a path is not looked at.
pub(super) async fn answer(method: &Method, path: &str, source: &impl Source) -> Answer {
    let Some(page) = Page::of(path) else {
        return Answer::plain(StatusCode::NOT_FOUND, "not found; there are /live, /ready and /metrics\n");
    };
    if method != Method::GET && method != Method::HEAD {
        let hint = format!("{path} takes GET and HEAD only; nothing can be changed here\n");
        return Answer { allow: Some(METHODS), ..Answer::plain(StatusCode::METHOD_NOT_ALLOWED, hint) };
    }
    match page {
        // That this line runs is the proof: it runs on the control thread.
        Page::Live => Answer::plain(StatusCode::OK, "live\n"),
        Page::Ready => ready(&source.report().await),
        Page::Metrics => metrics(source.report().await),
    }
}

fn ready(report: &Report) -> Answer {
    let reasons = unready(report);
    if reasons.is_empty() {
        return Answer::plain(StatusCode::OK, "ready\n");
    }
    Answer::plain(StatusCode::SERVICE_UNAVAILABLE, reasons.concat())
}

/// Why clients should not be sent here now, one line each.
fn unready(report: &Report) -> Vec<String> {
    let mut reasons = Vec::new();
    if report.draining {
        reasons.push("draining: this process is about to end\n".to_owned());
    }
    if !report.accepting {
        reasons.push("not accepting: the listeners are not open\n".to_owned());
    }
    for backend in report.backends.iter().filter(|backend| backend.catalogue_version == 0) {
        let error = backend.last_error.as_deref().unwrap_or("the first attempt is under way");
        // One reason is one line, whatever an error text holds.
        let error = error.replace(char::is_control, " ");
        reasons.push(format!("backend cluster {} has no catalogue yet: {error}\n", backend.name));
    }
    reasons
}

fn metrics(report: Report) -> Answer {
    match exposition::exposition(report, Process::read()) {
        Ok(body) => Answer { content_type: exposition::CONTENT_TYPE, ..Answer::plain(StatusCode::OK, body) },
        Err(error) => Answer::plain(StatusCode::INTERNAL_SERVER_ERROR, format!("the encoder failed: {error}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::BackendReport;
    use super::*;

    fn serving() -> Report {
        let backend = BackendReport { name: "lab".into(), catalogue_version: 1, ..BackendReport::default() };
        Report { backends: vec![backend], accepting: true, ..Report::default() }
    }

    #[test]
    fn ready_needs_all_conditions_and_names_each_that_fails() {
        assert_eq!(ready(&serving()), Answer::plain(StatusCode::OK, "ready\n"));

        let mut report = serving();
        report.accepting = false;
        assert_eq!(ready(&report).body, "not accepting: the listeners are not open\n");

        report.draining = true;
        report.backends.push(BackendReport {
            name: "far".into(),
            last_error: Some("refused\nready".into()),
            ..BackendReport::default()
        });
        let answer = ready(&report);
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        let lines: Vec<&str> = answer.body.lines().collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].starts_with("draining") && lines[1].starts_with("not accepting"), "{lines:?}");
        assert_eq!(lines[2], "backend cluster far has no catalogue yet: refused ready");
    }

    #[test]
    fn a_known_catalogue_stays_ready_while_its_refresh_fails() {
        let mut report = serving();
        report.backends[0].last_error = Some("timed out".into());
        assert_eq!(ready(&report).status, StatusCode::OK);
    }
}
