//! Columns as bytes, little-endian, under one running checksum.
//!
//! What is read is not trusted: no more memory is asked for than there are bytes left to fill it.

use std::io::{self, Read, Write};

use super::EntryId;
use crate::arch;

/// Bytes that are converted at a time, so that they stay in a near cache.
const BLOCK_BYTES: usize = 1 << 16;

/// Why saved bytes are no index.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("it is no saved index, or one of another version")]
    Unknown,
    #[error("it ends too early")]
    Truncated,
    #[error("its checksum does not fit: it was altered")]
    Altered,
    #[error("its {0} contradict each other")]
    Contradictory(&'static str),
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Something that is the same number of bytes on every machine.
pub(super) trait Plain<const N: usize>: Copy {
    fn to_bytes(self) -> [u8; N];
    fn from_bytes(bytes: [u8; N]) -> Self;
}

pub(crate) struct Sink<'a> {
    to: &'a mut dyn Write,
    checksum: crc32fast::Hasher,
    block: Vec<u8>,
}

pub(crate) struct Source<'a> {
    from: &'a mut dyn Read,
    n_left: u64,
    checksum: crc32fast::Hasher,
    block: Vec<u8>,
}

impl Sink<'_> {
    pub(super) fn new(to: &mut dyn Write) -> Sink<'_> {
        Sink {
            to,
            checksum: crc32fast::Hasher::new(),
            block: Vec::with_capacity(BLOCK_BYTES),
        }
    }

    pub(super) fn put<const N: usize>(&mut self, value: impl Plain<N>) -> io::Result<()> {
        self.put_all(&[value])
    }

    /// The values alone: how many there are is for the caller to say.
    pub(super) fn put_all<const N: usize>(&mut self, values: &[impl Plain<N>]) -> io::Result<()> {
        for values in values.chunks(BLOCK_BYTES / N) {
            self.block.resize(values.len() * N, 0);
            let (places, _) = self.block.as_chunks_mut::<N>();
            for (place, value) in places.iter_mut().zip(values) {
                *place = value.to_bytes();
            }
            self.checksum.update(&self.block);
            self.to.write_all(&self.block)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.to.write_all(&self.checksum.finalize().to_le_bytes())
    }
}

impl Source<'_> {
    pub(super) fn new(from: &mut dyn Read, n_bytes: u64) -> Source<'_> {
        Source {
            from,
            n_left: n_bytes,
            checksum: crc32fast::Hasher::new(),
            block: Vec::with_capacity(BLOCK_BYTES),
        }
    }

    pub(super) fn take<T: Plain<N>, const N: usize>(&mut self) -> Result<T, LoadError> {
        let values = self.take_all(1)?;
        Ok(values[0])
    }

    /// So many values, in memory that is good for reading at random.
    pub(super) fn take_all<T: Plain<N>, const N: usize>(
        &mut self,
        n: usize,
    ) -> Result<Vec<T>, LoadError> {
        self.take_all_and(n, 0)
    }

    /// As [`Source::take_all`], with room for some more.
    pub(super) fn take_all_and<T: Plain<N>, const N: usize>(
        &mut self,
        n: usize,
        n_more: usize,
    ) -> Result<Vec<T>, LoadError> {
        let n_bytes = n as u64 * N as u64;
        self.n_left = self
            .n_left
            .checked_sub(n_bytes)
            .ok_or(LoadError::Truncated)?;
        let mut values: Vec<T> = arch::column_of(n + n_more);
        while values.len() < n {
            let n_now = (n - values.len()).min(BLOCK_BYTES / N);
            self.block.resize(n_now * N, 0);
            self.from.read_exact(&mut self.block).map_err(truncated)?;
            self.checksum.update(&self.block);
            let (places, _) = self.block.as_chunks::<N>();
            values.extend(places.iter().map(|bytes| T::from_bytes(*bytes)));
        }
        Ok(values)
    }

    /// Checks that what was read is what was written, and all of it.
    pub(super) fn finish(self) -> Result<(), LoadError> {
        let mut expected = [0; 4];
        self.from.read_exact(&mut expected).map_err(truncated)?;
        if self.n_left != 4 || self.checksum.finalize() != u32::from_le_bytes(expected) {
            return Err(LoadError::Altered);
        }
        Ok(())
    }
}

fn truncated(error: io::Error) -> LoadError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => LoadError::Truncated,
        _ => LoadError::Unreadable(error),
    }
}

impl<const N: usize> Plain<N> for [u8; N] {
    #[inline]
    fn to_bytes(self) -> [u8; N] {
        self
    }

    #[inline]
    fn from_bytes(bytes: [u8; N]) -> [u8; N] {
        bytes
    }
}

macro_rules! plain_numbers {
    ($($number:ty),*) => {$(
        impl Plain<{ size_of::<$number>() }> for $number {
            #[inline]
            fn to_bytes(self) -> [u8; size_of::<$number>()] {
                self.to_le_bytes()
            }

            #[inline]
            fn from_bytes(bytes: [u8; size_of::<$number>()]) -> $number {
                <$number>::from_le_bytes(bytes)
            }
        }
    )*};
}

plain_numbers!(u8, u16, u32, u64);

impl Plain<16> for [u64; 2] {
    #[inline]
    fn to_bytes(self) -> [u8; 16] {
        let number = u128::from(self[0]) | u128::from(self[1]) << 64;
        number.to_le_bytes()
    }

    #[inline]
    fn from_bytes(bytes: [u8; 16]) -> [u64; 2] {
        let number = u128::from_le_bytes(bytes);
        [number as u64, (number >> 64) as u64]
    }
}

impl Plain<8> for EntryId {
    #[inline]
    fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    #[inline]
    fn from_bytes(bytes: [u8; 8]) -> EntryId {
        EntryId(u64::from_le_bytes(bytes))
    }
}
