//! Seeds: everything random in a run comes from one number.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The seed of the consumer `name`, derived from the seed of the run or of a drill.
///
/// Each consumer has a stream of its own, so that a new consumer does not shift the others.
/// The function is part of the record's format: an old seed must replay in later versions.
pub fn derive_seed(seed: u64, name: &str) -> u64 {
    let mut digest = Sha256::new();
    digest.update(seed.to_be_bytes());
    digest.update(name.as_bytes());
    let bytes = digest.finalize();
    bytes
        .iter()
        .take(8)
        .fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}

/// The seed of the run that a try of its drills takes the place of, tries counted from 1.
///
/// The first try has the run's own. In virtual time the same seed would give the same end again, so each other try has
/// a seed of its own, with which a run of the drill repeats it.
pub fn try_seed(run_seed: u64, number: u32) -> u64 {
    match number {
        0 | 1 => run_seed,
        number => derive_seed(run_seed, &format!("try {number}")),
    }
}

/// SHA-256 of these pieces in order, in hex.
pub(crate) fn sha256_hex<'b>(pieces: impl IntoIterator<Item = &'b [u8]>) -> String {
    let mut digest = Sha256::new();
    for piece in pieces {
        digest.update(piece);
    }
    let mut hex = String::new();
    for byte in digest.finalize() {
        write!(hex, "{byte:02x}").expect("a String takes every text");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::{derive_seed, sha256_hex, try_seed};

    #[test]
    fn derived_seeds_stay_what_they_were() {
        assert_eq!(
            derive_seed(7, "lock-contention"),
            18_242_776_298_887_655_270
        );
        assert_ne!(derive_seed(7, "a"), derive_seed(8, "a"));
        assert_ne!(derive_seed(7, "a"), derive_seed(7, "b"));
    }

    #[test]
    fn the_first_try_is_the_run_itself_and_every_other_has_its_own_seed() {
        assert_eq!(try_seed(7, 1), 7);
        assert_eq!(try_seed(7, 2), derive_seed(7, "try 2"));
        assert_ne!(try_seed(7, 2), try_seed(7, 3));
    }

    #[test]
    fn the_digest_is_that_of_the_pieces_joined() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex([b"a".as_slice(), b"bc"]), known);
    }
}
