//! Several ways to one end: the next one begins a little after the last, and the first that succeeds wins.
//!
//! Owns the order of beginning. May not know what is tried.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::net::{Net, Timer};

/// The next attempt begins when the last one has not succeeded for so long (RFC 8305).
pub(super) const STAGGER: Duration = Duration::from_millis(250);

/// Begins the attempts in their order: the next one after [`STAGGER`], or at once when one fails. Those that still run when one
/// succeeds are dropped. Beside the first attempt each takes one from `spare` while it runs: where none is left, the next
/// one begins when one that runs has failed, or one of those that share `spare` has ended.
///
/// # Errors
///
/// All of them failed: their errors, in the order in which they came.
pub(super) async fn first_ok<T, E, A: Future<Output = Result<T, E>>>(
    net: &Net,
    spare: &Cell<usize>,
    mut attempts: impl Iterator<Item = A>,
) -> Result<T, Vec<E>> {
    let timer = Timer::new(net);
    let mut running: Vec<Running<'_, A>> = Vec::new();
    let mut next_at = net.now();
    let mut exhausted = false;
    let mut errors = Vec::new();
    poll_fn(|cx| {
        loop {
            // To be asked last: it sets the timer, when it is not time yet.
            while !exhausted && (running.is_empty() || timer.poll_at(next_at, cx).is_ready()) {
                next_at = net.now() + STAGGER;
                let taken = if running.is_empty() { None } else { Taken::from(spare) };
                if !running.is_empty() && taken.is_none() {
                    continue;
                }
                match attempts.next() {
                    Some(attempt) => running.push(Running { attempt: Box::pin(attempt), _taken: taken }),
                    None => exhausted = true,
                }
            }
            let mut failed = false;
            for at in (0..running.len()).rev() {
                let Some(one) = running.get_mut(at) else { continue };
                match one.attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(value)) => return Poll::Ready(Ok(value)),
                    Poll::Ready(Err(error)) => {
                        drop(running.swap_remove(at));
                        errors.push(error);
                        failed = true;
                    }
                    Poll::Pending => {}
                }
            }
            if exhausted && running.is_empty() {
                return Poll::Ready(Err(std::mem::take(&mut errors)));
            }
            if !failed {
                return Poll::Pending;
            }
            next_at = net.now();
        }
    })
    .await
}

struct Running<'a, A> {
    attempt: Pin<Box<A>>,
    _taken: Option<Taken<'a>>,
}

/// One of those that are spare, until it is dropped.
struct Taken<'a>(&'a Cell<usize>);

impl<'a> Taken<'a> {
    fn from(spare: &'a Cell<usize>) -> Option<Taken<'a>> {
        spare.set(spare.get().checked_sub(1)?);
        Some(Taken(spare))
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::test_ground::on_net;
    use std::cell::RefCell;
    use std::time::Instant;

    /// What an attempt does: succeeds or fails after so many milliseconds.
    type Script = (u64, Result<u32, u32>);

    /// The outcome, when each attempt began, and how long all took, in steps of 250 ms.
    fn run(spare: usize, scripts: &[Script]) -> (Result<u32, Vec<u32>>, Vec<u64>, u64) {
        let steps = |since: Instant| (since.elapsed().as_millis() as u64 + 50) / 250;
        on_net(async |net| {
            let (began, spare, start) = (RefCell::new(Vec::new()), Cell::new(spare), Instant::now());
            let left = spare.get();
            let attempts = scripts.iter().map(|(after, outcome)| async {
                began.borrow_mut().push(steps(start));
                net.sleep(Duration::from_millis(*after)).await;
                *outcome
            });
            let outcome = first_ok(&net, &spare, attempts).await;
            assert_eq!(spare.get(), left, "what was taken is given back");
            (outcome, began.into_inner(), steps(start))
        })
    }

    const SILENT: Script = (60_000, Err(0));

    #[test]
    fn the_next_one_begins_after_the_stagger_or_at_once_when_one_fails() {
        assert_eq!(run(8, &[(0, Ok(1)), (0, Ok(2))]), (Ok(1), vec![0], 0));
        assert_eq!(run(8, &[SILENT, (0, Ok(2))]), (Ok(2), vec![0, 1], 1));
        assert_eq!(run(8, &[SILENT, SILENT, (0, Ok(3))]), (Ok(3), vec![0, 1, 2], 2));
        assert_eq!(run(8, &[(0, Err(1)), (0, Err(2)), (0, Ok(3))]), (Ok(3), vec![0, 0, 0], 0));
        assert_eq!(run(8, &[SILENT, (0, Err(2)), (0, Ok(3))]), (Ok(3), vec![0, 1, 1], 1), "beside a silent one");
    }

    #[test]
    fn an_earlier_one_wins_when_it_succeeds_first() {
        assert_eq!(run(8, &[(500, Ok(1)), (1_000, Ok(2))]).0, Ok(1));
        assert_eq!(run(8, &[(1_000, Ok(1)), (0, Ok(2))]).0, Ok(2));
    }

    #[test]
    fn all_errors_come_when_all_have_failed() {
        assert_eq!(run(8, &[]), (Err(vec![]), vec![], 0));
        assert_eq!(run(8, &[(0, Err(1)), (0, Err(2))]).0, Err(vec![1, 2]));
        assert_eq!(run(8, &[(500, Err(1)), (0, Err(2))]).0, Err(vec![2, 1]));
    }

    #[test]
    fn no_more_run_at_once_than_are_spare() {
        assert_eq!(run(0, &[(500, Err(1)), (0, Ok(2))]), (Ok(2), vec![0, 2], 2), "in turn");
        assert_eq!(run(1, &[(1_000, Err(1)), (500, Err(2)), (0, Ok(3))]), (Ok(3), vec![0, 1, 3], 3));
    }
}
