//! The counters of one shard, and a copy of them that can cross to another thread.

use std::cell::Cell;

use super::Cause;

/// How a number moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// One of the numbers, for whoever shows all of them.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    /// Unique; words with `_` between them, what is counted first.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// What it means, in a sentence.
    pub help: &'static str,
    /// Its value in a sample.
    pub value: fn(&Sample) -> u64,
}

macro_rules! numbers {
    (@kind) => { Kind::Counter };
    (@kind $kind:ident $public:literal) => { Kind::$kind };
    (@name $name:ident) => { stringify!($name) };
    (@name $name:ident $kind:ident $public:literal) => { $public };
    ($(#[doc = $help:literal] $name:ident $($kind:ident $public:literal)?;)*) => {
        /// What one shard counts. Touched by that shard alone, hence plain cells.
        #[derive(Debug)]
        pub struct Numbers {
            closed: [Cell<u64>; Cause::ALL.len()],
            $(#[doc = $help] pub $name: Cell<u64>,)*
        }

        /// A copy of [`Numbers`] at one moment.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Sample {
            closed: [u64; Cause::ALL.len()],
            $(#[doc = $help] pub $name: u64,)*
        }

        impl Default for Numbers {
            fn default() -> Numbers {
                Numbers { closed: std::array::from_fn(|_| Cell::new(0)), $($name: Cell::new(0)),* }
            }
        }

        impl Default for Sample {
            fn default() -> Sample {
                Sample { closed: [0; Cause::ALL.len()], $($name: 0),* }
            }
        }

        impl Numbers {
            /// Copies all numbers.
            #[expect(clippy::indexing_slicing, reason = "an array with one place for each cause")]
            pub fn sample(&self) -> Sample {
                Sample { closed: std::array::from_fn(|at| self.closed[at].get()), $($name: self.$name.get()),* }
            }
        }

        impl Sample {
            /// All numbers but the closed connections, in the order of their table.
            pub const DESCRIBED: &'static [Described] = &[
                $(Described {
                    name: numbers!(@name $name $($kind $public)?),
                    kind: numbers!(@kind $($kind $public)?),
                    help: $help,
                    value: |sample| sample.$name,
                }),*
            ];

            /// Adds another shard's sample to this one.
            pub fn add(&mut self, other: &Sample) {
                for (sum, more) in self.closed.iter_mut().zip(other.closed) { *sum += more; }
                $(self.$name += other.$name;)*
            }
        }
    };
}

// The sentence above a number is its documentation and its help text. It is a counter that is shown under its own name,
// unless a kind and another name stand behind it.
numbers! {
    /// Connections accepted since the start, counted before anything is decided about them.
    accepted Counter "connections_accepted";
    /// Connections that are open now.
    active Gauge "connections_active";
    /// Connections that another shard, with more of them, had accepted.
    handed_over;
    /// TLS handshakes with clients that were done in full.
    tls_handshakes_full;
    /// TLS handshakes with clients that resumed an earlier session.
    tls_handshakes_resumed;
    /// TLS handshakes with clients that failed, from the ClientHello on.
    tls_handshake_failures;
    /// Requests whose header was read.
    requests;
    /// Responses delivered to clients, own answers included.
    responses;
    /// Own answers among the responses.
    own_answers;
    /// Bytes received from clients.
    client_bytes_in;
    /// Bytes sent to clients.
    client_bytes_out;
    /// Bytes received from the backend.
    backend_bytes_in;
    /// Bytes sent to the backend.
    backend_bytes_out;
    /// Bytes among those sent that passed from socket to socket without being read.
    spliced_bytes;
    /// Pipes that are open; each takes part in one connection at a time, while it holds bytes.
    pipes_open Gauge "pipes_open";
    /// Times that a pipe waited too long for a slow reader: its bytes were read back, others got it.
    pipes_read_back;
    /// Times that no pipe could be made: bytes were copied.
    pipe_failures;
    /// Backend connections that were established.
    backend_dials;
    /// Attempts to reach a backend address that failed.
    backend_dial_failures;
    /// TLS handshakes with nodes that made a new session.
    backend_tls_handshakes_full;
    /// TLS handshakes with nodes that resumed a session.
    backend_tls_handshakes_resumed;
    /// TLS handshakes with nodes that failed.
    backend_tls_handshake_failures;
    /// Mentions of a node whose port the listener lacks, left out of an answer.
    nodes_left_out;
    /// Host names of nodes that no certificate of their listener covers.
    node_names_uncovered Gauge "node_names_uncovered";
    /// Shadowed topics: no client can see them, because an additional topic with `conflict: warn` has their name.
    names_hidden Gauge "names_hidden";
    /// Panics caught in sessions.
    panics;
    /// Times that accepting paused because no descriptor was left.
    accept_pauses;
    /// Bytes held for partial frames and unsent data now.
    held_bytes Gauge "held_bytes";
    /// Entries of the ring that were lost and armed again.
    rearmed;
}

impl Numbers {
    /// Adds `n` to a counter.
    pub fn count(counter: &Cell<u64>, n: u64) {
        counter.set(counter.get().wrapping_add(n));
    }

    /// Counts a closed connection.
    #[expect(clippy::indexing_slicing, reason = "an array with one place for each cause")]
    pub fn close(&self, cause: Cause) {
        let cell = &self.closed[cause as usize];
        cell.set(cell.get() + 1);
    }
}

impl Sample {
    /// Connections closed with this cause.
    #[expect(clippy::indexing_slicing, reason = "an array with one place for each cause")]
    pub fn closed(&self, cause: Cause) -> u64 {
        self.closed[cause as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_name_of_its_own_and_a_sentence() {
        for (at, number) in Sample::DESCRIBED.iter().enumerate() {
            assert!(number.help.trim().ends_with('.'), "{}", number.name);
            assert!(number.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", number.name);
            assert!(!number.name.ends_with("_total"), "{}: the exposition appends it", number.name);
            assert!(Sample::DESCRIBED.iter().skip(at + 1).all(|other| other.name != number.name), "{}", number.name);
        }
    }

    #[test]
    fn each_value_is_read_from_its_own_field_and_added_to_it() {
        let numbers = Numbers::default();
        for (counter, n) in [(&numbers.accepted, 5), (&numbers.active, 2), (&numbers.rearmed, 7)] {
            Numbers::count(counter, n);
        }
        numbers.close(Cause::Idle);
        let mut sum = numbers.sample();
        sum.add(&numbers.sample());
        for number in Sample::DESCRIBED {
            let expected = match number.name {
                "connections_accepted" => 10,
                "connections_active" => 4,
                "rearmed" => 14,
                _ => 0,
            };
            assert_eq!((number.value)(&sum), expected, "{}", number.name);
        }
        assert_eq!(sum.closed(Cause::Idle), 2);
    }
}
