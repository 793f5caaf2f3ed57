//! "Did you mean": the known word that is nearest to a wrong one.

/// Longer words are not compared: no known word is that long.
const WORD_CHARS_MAX: usize = 64;

/// Shorter words begin too many others.
const BEGINNING_CHARS_MIN: usize = 3;

/// The word of `known` that `wrong` was likely meant to be: one that differs in a few letters, else the shortest that
/// begins with it. `None` when there is neither.
pub(super) fn nearest<'k>(wrong: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> Option<&'k str> {
    let letters =
        |word: &str| word.chars().take(WORD_CHARS_MAX + 1).flat_map(char::to_lowercase).collect::<Vec<char>>();
    let wrong = letters(wrong);
    if wrong.is_empty() || wrong.len() > WORD_CHARS_MAX {
        return None;
    }
    let (distance, word) = known
        .clone()
        .into_iter()
        .map(|word| (distance(&wrong, &letters(word)), word))
        .min_by_key(|(distance, _)| *distance)?;
    let allowed = (word.chars().count().min(wrong.len()) / 3).max(1);
    if distance <= allowed {
        return Some(word);
    }
    let longer =
        known.into_iter().filter(|word| wrong.len() >= BEGINNING_CHARS_MIN && letters(word).starts_with(&wrong));
    longer.min_by_key(|word| word.len())
}

/// How many letters must be added, removed, replaced or swapped with their neighbour to make `b` of `a`.
fn distance(a: &[char], b: &[char]) -> usize {
    // Row by row of the usual table: a row holds the distances of a beginning of `a` to every beginning of `b`.
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut from_before = None;
    for (i, from) in a.iter().enumerate() {
        let mut left = i + 1;
        let mut row = vec![left];
        let mut to_before = None;
        for ((to, above), j) in b.iter().zip(last.windows(2)).zip(0_usize..) {
            let &[diagonal, up] = above else { continue };
            let mut best = (diagonal + usize::from(from != to)).min(up + 1).min(left + 1);
            if from_before == Some(to) && to_before == Some(from) {
                // `to_before` is set: `j` is 1 at least.
                let swapped = before_last.get(j - 1).map_or(best, |distance| distance + 1);
                best = best.min(swapped);
            }
            row.push(best);
            left = best;
            to_before = Some(to);
        }
        from_before = Some(from);
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let known = ["ports", "policies", "addresses", "bootstrap_servers"];
        for (wrong, meant) in [
            ("port", Some("ports")),
            ("prots", Some("ports")),
            ("Ports", Some("ports")),
            ("bootstrap_server", Some("bootstrap_servers")),
            ("adresses", Some("addresses")),
            ("bootstrap", Some("bootstrap_servers")),
            ("p", None),
            ("zzzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, known), meant, "{wrong}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
        assert_eq!(nearest("x", []), None);
    }
}
