//! What one shard knows of one host name: addresses, how good they are, and when the name may be asked for again.
//!
//! Addresses that were good once are used for as long as there are no others: a DNS server that is down makes no backend
//! unreachable, and an address that is wrong shows itself when it is dialled. Asks nobody, and has no clock.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Addresses are used for so long before the name is asked for again.
const TTL: Duration = Duration::from_secs(30);
/// A name that cannot be resolved is asked for again after a pause that doubles between these.
const RETRY_PAUSE: std::ops::RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(30);
/// A name whose addresses cannot be reached is asked for no more often than this.
const DISTRUST_PAUSE: Duration = Duration::from_millis(500);

/// What a name resolves to, or why it does not.
pub(super) type Answer = Result<Arc<[IpAddr]>, Arc<str>>;

/// What is known of a name.
#[derive(Default)]
pub(super) struct DnsName {
    good: Option<Good>,
    failure: Option<Failure>,
    query_in_flight: bool,
}

struct Good {
    addresses: Arc<[IpAddr]>,
    /// When they are to be asked for again.
    until: Instant,
    /// Not before this, whatever becomes of them.
    earliest: Instant,
}

struct Failure {
    error: Arc<str>,
    pause: Duration,
    /// The end of the pause.
    until: Instant,
}

impl DnsName {
    /// What to use now; `None` when an answer must be waited for.
    pub fn answer(&self, now: Instant) -> Option<Answer> {
        if let Some(good) = &self.good {
            return Some(Ok(good.addresses.clone()));
        }
        let failure = self.failure.as_ref().filter(|failure| now < failure.until)?;
        Some(Err(failure.error.clone()))
    }

    /// Whether a query is to be sent now: there is nothing good, no query in flight, and no pause after a failure.
    pub fn is_to_be_queried(&self, now: Instant) -> bool {
        let stale = self.good.as_ref().is_none_or(|good| now >= good.until);
        let paused = self.failure.as_ref().is_some_and(|failure| now < failure.until);
        stale && !paused && !self.query_in_flight
    }

    /// A query was sent.
    pub fn queried(&mut self) {
        self.query_in_flight = true;
    }

    /// Whether a query is in flight.
    pub fn is_query_in_flight(&self) -> bool {
        self.query_in_flight
    }

    /// No connection could be made with the addresses: they are to be asked for again soon, and stay in use until then.
    pub fn distrust(&mut self, now: Instant) {
        if let Some(good) = &mut self.good {
            good.until = good.until.min(good.earliest.max(now));
        }
    }

    /// The answer came.
    pub fn resolved(&mut self, now: Instant, answer: Answer) {
        self.query_in_flight = false;
        match answer {
            Ok(addresses) => {
                self.failure = None;
                self.good = Some(Good { addresses, until: now + TTL, earliest: now + DISTRUST_PAUSE });
            }
            Err(error) => {
                let (first, last) = (*RETRY_PAUSE.start(), *RETRY_PAUSE.end());
                let pause = self.failure.as_ref().map_or(first, |failure| (failure.pause * 2).min(last));
                self.failure = Some(Failure { error, pause, until: now + pause });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        start: Instant,
        name: DnsName,
    }

    fn fixture() -> Fixture {
        Fixture { start: Instant::now(), name: DnsName::default() }
    }

    fn addresses(last: u8) -> Arc<[IpAddr]> {
        Arc::new([IpAddr::from([127, 0, 0, last])])
    }

    impl Fixture {
        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        /// The last part of the address in use, if there is one, and whether a query is sent now, which then is in flight.
        fn use_at(&mut self, ms: u64) -> (Option<Result<u8, String>>, bool) {
            let now = self.at(ms);
            let query = self.name.is_to_be_queried(now);
            if query {
                self.name.queried();
            }
            let last = |addresses: Arc<[IpAddr]>| match addresses[0] {
                IpAddr::V4(address) => address.octets()[3],
                IpAddr::V6(_) => unreachable!(),
            };
            (self.name.answer(now).map(|answer| answer.map(last).map_err(|error| error.to_string())), query)
        }

        fn good(&mut self, ms: u64, last: u8) {
            let now = self.at(ms);
            self.name.resolved(now, Ok(addresses(last)));
        }

        fn bad(&mut self, ms: u64) {
            let now = self.at(ms);
            self.name.resolved(now, Err("no".into()));
        }
    }

    fn no() -> Option<Result<u8, String>> {
        Some(Err("no".to_owned()))
    }

    #[test]
    fn the_first_answer_is_waited_for_with_one_query() {
        let mut f = fixture();
        assert_eq!(f.use_at(0), (None, true));
        assert_eq!(f.use_at(9_000), (None, false), "however long it takes");
        f.good(9_000, 1);
        assert_eq!(f.use_at(9_000), (Some(Ok(1)), false));
        assert_eq!(f.use_at(38_999), (Some(Ok(1)), false));
    }

    #[test]
    fn stale_addresses_are_used_while_they_are_asked_for_again() {
        let mut f = fixture();
        f.use_at(0);
        f.good(0, 1);
        assert_eq!(f.use_at(30_000), (Some(Ok(1)), true));
        assert_eq!(f.use_at(60_000), (Some(Ok(1)), false), "while the query hangs");
        f.good(60_000, 2);
        assert_eq!(f.use_at(60_000), (Some(Ok(2)), false));
    }

    #[test]
    fn stale_addresses_are_used_without_end_while_dns_fails_and_asked_for_ever_less_often() {
        let mut f = fixture();
        f.use_at(0);
        f.good(0, 1);
        let mut now = 30_000;
        for pause in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000] {
            assert_eq!(f.use_at(now), (Some(Ok(1)), true));
            f.bad(now);
            assert_eq!(f.use_at(now + pause - 1), (Some(Ok(1)), false), "{pause}");
            now += pause;
        }
        assert_eq!(f.use_at(now + 86_400_000), (Some(Ok(1)), true));
        f.good(now + 86_400_000, 2);
        assert_eq!(f.use_at(now + 86_400_000), (Some(Ok(2)), false));
    }

    #[test]
    fn a_name_that_never_resolved_is_refused_at_once_within_a_pause_that_grows() {
        let mut f = fixture();
        let mut now = 0;
        for pause in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            assert_eq!(f.use_at(now), (None, true));
            f.bad(now);
            assert_eq!(f.use_at(now), (no(), false));
            assert_eq!(f.use_at(now + pause - 1), (no(), false), "{pause}");
            now += pause;
        }
        f.use_at(now);
        f.good(now, 1);
        assert_eq!(f.use_at(now + 30_000), (Some(Ok(1)), true));
        f.bad(now + 30_000);
        assert_eq!(f.use_at(now + 30_500), (Some(Ok(1)), true), "the pause begins anew after a success");
    }

    #[test]
    fn addresses_that_cannot_be_reached_are_kept_and_asked_for_again() {
        let mut f = fixture();
        f.use_at(0);
        f.good(0, 1);
        let now = f.at(10_000);
        f.name.distrust(now);
        assert_eq!(f.use_at(10_000), (Some(Ok(1)), true));
        f.name.distrust(now);
        assert_eq!(f.use_at(10_001), (Some(Ok(1)), false), "one query is in flight");
        f.good(10_002, 2);
        assert_eq!(f.use_at(10_002), (Some(Ok(2)), false), "the new ones count at once");
    }

    #[test]
    fn addresses_that_were_just_resolved_are_asked_for_no_more_often_than_the_pause() {
        let mut f = fixture();
        f.use_at(0);
        f.good(0, 1);
        for ms in (0..500).step_by(100) {
            let now = f.at(ms);
            f.name.distrust(now);
            assert_eq!(f.use_at(ms), (Some(Ok(1)), false), "{ms}");
        }
        assert_eq!(f.use_at(500), (Some(Ok(1)), true), "and then without another failed dial");
        f.bad(500);
        let now = f.at(501);
        f.name.distrust(now);
        assert_eq!(f.use_at(999), (Some(Ok(1)), false), "within the pause after a failure");
        assert_eq!(f.use_at(1_000), (Some(Ok(1)), true));
    }

    #[test]
    fn distrust_of_a_name_without_addresses_changes_nothing() {
        let mut f = fixture();
        f.name.distrust(f.start);
        assert_eq!(f.use_at(0), (None, true));
        f.bad(0);
        let now = f.at(1);
        f.name.distrust(now);
        assert_eq!(f.use_at(1), (no(), false));
    }
}
