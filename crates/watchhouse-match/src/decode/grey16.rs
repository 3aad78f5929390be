//! Grey of 16 bits, which is read in two ways: as everybody sees it, by the high bytes; and clipped
//! at 255, as the tools read it that made the lists. What was listed may be either.

/// All above 255 made white.
pub(super) fn clipped(samples: impl Iterator<Item = u16>) -> Vec<u8> {
    samples.map(|sample| sample.min(255) as u8).collect()
}
