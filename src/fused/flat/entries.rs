//! The sum over ranks, read from its beginning.

use std::ops::RangeInclusive;

use crate::error::{Error, ErrorKind, Result};
use crate::fused::exact::{Exact, FLAT};

/// How many ranks can be added up.
const MOST_RANKS: f64 = (1_u32 << 20) as f64;
/// The most that a limb of one rank is.
const MOST_LIMB: u64 = u32::MAX as u64;
/// The most that a word of a hash is.
const MOST_HASH: u64 = u16::MAX as u64;

pub(super) struct Entries<'f> {
    flat: &'f [f64],
    at: usize,
    pub(super) ranks: f64,
}

pub(super) fn refuse<T>(why: String) -> Result<T> {
    Err(Error::new(ErrorKind::NotMergeable, format!("flat: {why}")))
}

/// What each of some ranks has, if all have the same.
fn share(sum: f64, of: f64) -> Option<f64> {
    let each = if of == 0.0 { 0.0 } else { (sum / of).round() };
    (each * of == sum).then_some(each)
}

impl<'f> Entries<'f> {
    /// Entries of the expected number, of which the first counts the ranks.
    pub(super) fn new(flat: &'f [f64]) -> Result<Self> {
        let mut entries = Self { flat, at: 0, ranks: 0.0 };
        entries.ranks = entries.whole("the number of ranks", 1.0..=MOST_RANKS)?;
        Ok(entries)
    }

    fn next(&mut self) -> f64 {
        self.at += 1;
        self.flat[self.at - 1]
    }

    /// The next entry, a whole number.
    fn whole(&mut self, what: &str, range: RangeInclusive<f64>) -> Result<f64> {
        let entry = self.next();
        if range.contains(&entry) && entry.fract() == 0.0 {
            return Ok(entry);
        }
        refuse(format!(
            "entry {} ({what}) is {entry}, expected a whole number from {} to {}",
            self.at - 1,
            range.start(),
            range.end()
        ))
    }

    /// The next entry, to which each of some ranks has added from 0 to `most`.
    pub(super) fn of(&mut self, ranks: f64, what: &str, most: u64) -> Result<f64> {
        self.whole(what, 0.0..=ranks * most as f64)
    }

    /// The words of a hash that all of some ranks have, and this one.
    pub(super) fn same(
        &mut self,
        ranks: f64,
        what: &str,
        own: Option<[f64; 4]>,
    ) -> Result<[f64; 4]> {
        let mut words = [0.0; 4];
        for (place, word) in words.iter_mut().enumerate() {
            let sum = self.of(ranks, "a hash", MOST_HASH)?;
            let squares = self.of(ranks, "a hash", MOST_HASH * MOST_HASH)?;
            let each = share(sum, ranks).filter(|each| each * each * ranks == squares);
            match each.filter(|&each| own.is_none_or(|own| own[place] == each)) {
                Some(each) => *word = each,
                None => return refuse(format!("the {ranks} ranks do not all have {what}")),
            }
        }
        Ok(words)
    }

    /// A flag that all of some ranks have, or none.
    pub(super) fn all_or_none(&mut self, ranks: f64, what: &str) -> Result<bool> {
        let count = self.of(ranks, what, 1)?;
        if count == 0.0 || count == ranks {
            return Ok(count != 0.0);
        }
        refuse(format!("entry {} ({what}) is {count}, expected 0 or {ranks}", self.at - 1))
    }

    pub(super) fn sum(&mut self, what: &str) -> Result<Exact> {
        let start = self.at;
        let most = self.ranks * MOST_LIMB as f64;
        for _ in 1..FLAT {
            self.whole(what, -most..=most)?;
        }
        let beyond = self.next();
        if beyond.is_finite() && beyond != 0.0 {
            return refuse(format!(
                "entry {} ({what}) is {beyond}, expected 0, an infinity or NaN",
                self.at - 1
            ));
        }
        Ok(Exact::from_flat(&self.flat[start..self.at]))
    }
}
