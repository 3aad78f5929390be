//! Which rows of a part were removed: a bit a row, and nothing as long as none was.

use std::io;

use super::stream::{LoadError, Sink, Source};

#[derive(Clone, Default)]
pub(super) struct Removed {
    words: Vec<u64>,
    n_rows: usize,
}

impl Removed {
    /// How many rows were removed.
    pub(super) fn len(&self) -> usize {
        self.n_rows
    }

    pub(super) fn contains(&self, row: usize) -> bool {
        let word = self.words.get(row / 64);
        word.is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Removes one of `n_rows` rows. It MUST NOT be removed yet.
    pub(super) fn insert(&mut self, row: usize, n_rows: usize) {
        if self.words.len() <= row / 64 {
            self.words.resize(n_rows.div_ceil(64), 0);
        }
        self.words[row / 64] |= 1 << (row % 64);
        self.n_rows += 1;
    }

    /// The rows that were removed after `earlier` was cloned from this.
    pub(super) fn since(&self, earlier: &Removed) -> impl Iterator<Item = usize> {
        self.words
            .iter()
            .enumerate()
            .flat_map(move |(word_idx, word)| {
                let mut new = word & !earlier.words.get(word_idx).copied().unwrap_or(0);
                std::iter::from_fn(move || {
                    let bit = (new != 0).then(|| new.trailing_zeros())?;
                    new &= new - 1;
                    Some(word_idx * 64 + bit as usize)
                })
            })
    }

    pub(super) fn save(&self, to: &mut Sink<'_>) -> io::Result<()> {
        to.put(self.words.len() as u32)?;
        to.put_all(&self.words)
    }

    pub(super) fn load(from: &mut Source<'_>, n_rows: usize) -> Result<Removed, LoadError> {
        let n_words: u32 = from.take()?;
        let words: Vec<u64> = from.take_all(n_words as usize)?;
        let beyond = words.iter().skip(n_rows / 64).enumerate();
        let is_beyond = beyond.map(|(nth, word)| match nth {
            0 => word >> (n_rows % 64),
            _ => *word,
        });
        if is_beyond.into_iter().any(|bits| bits != 0) {
            return Err(LoadError::Contradictory("removed rows"));
        }
        let n_rows = words.iter().map(|word| word.count_ones() as usize).sum();
        Ok(Removed { words, n_rows })
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}
