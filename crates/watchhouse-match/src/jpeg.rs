//! The coded half of a JPEG file: headers, and the quantised coefficients of its blocks.
//!
//! Baseline files are read row by row and never held; what comes in several scans is held whole, and
//! the memory for it is announced before it is taken. A file is read to its end before its last row is
//! given out. MUST NOT give a row of a file that it knows to be cut off, altered or against the
//! standard: where a viewer would paint grey over the gap, the hash would be of the grey.
//!
//! Written from ITU-T Recommendation T.81. Samples and colours are no concern of this module.

mod bits;
mod error;
mod frame;
mod huffman;
mod leap;
mod progressive;
mod scan;
mod segments;
mod sequential;
mod sift;

pub(crate) use error::JpegError;
pub(crate) use frame::{Colours, Component, Frame};
pub(crate) use sift::Detail;

use scan::Scan;
use segments::{Scripts, Segments};

/// The 64 quantised coefficients of 8x8 samples, in natural order: row `v`, column `u` at `8 v + u`.
pub(crate) type Block = [i16; 64];

/// A scan of a few bytes can make a reader walk over the whole picture, so their number is a bound
/// on time. Encoders write about ten.
pub(crate) const MAX_SCANS: usize = 64;

/// Where the coefficients of a block, which are coded in zigzags, belong in natural order.
pub(crate) const NATURAL: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// One row of MCUs (the smallest units of an interleaved scan).
pub(crate) struct McuRow {
    /// For each component `v * blocks_per_row` blocks in raster order. Blocks beyond the
    /// component's own width and height mean nothing.
    pub(crate) components: Vec<Vec<Block>>,
    /// For each of those blocks a bound: coefficients behind this place in zigzag order are zero.
    pub(crate) last: Vec<Vec<u8>>,
}

impl McuRow {
    fn new(frame: &Frame) -> McuRow {
        let n_blocks = |component: &Component| component.v * component.blocks_per_row;
        let components = frame.components.iter();
        McuRow {
            last: components.clone().map(|c| vec![0; n_blocks(c)]).collect(),
            components: components.map(|c| vec![[0; 64]; n_blocks(c)]).collect(),
        }
    }

    fn memory_bytes(frame: &Frame) -> u64 {
        let n_blocks = frame.components.iter().map(|c| c.v * c.blocks_per_row);
        (n_blocks.sum::<usize>() * (size_of::<Block>() + 1)) as u64
    }
}

/// Reads the headers up to the first coded byte.
///
/// # Errors
/// If they cannot be understood, or ask for a coding process that is not read here.
pub(crate) fn read(bytes: &[u8]) -> Result<Reader<'_>, JpegError> {
    let mut segments = Segments::new(bytes)?;
    let mut scripts = Scripts::default();
    let header = scripts
        .read_to_scan(&mut segments)?
        .ok_or(JpegError::Malformed("it has no scan"))?;
    let mut frame = scripts.take_frame()?;
    let scan = Scan::new(header, &mut frame, &scripts, segments.rest())?;
    Ok(Reader {
        // A later scan could bring nothing new to a file that is not progressive.
        is_streamed: !frame.progressive && scan.n_components() == frame.components.len(),
        frame,
        scripts,
        segments,
        scan,
        is_sifted: false,
        rows: Vec::new(),
        n_given: 0,
    })
}

/// Gives the rows of MCUs, top first.
pub(crate) struct Reader<'a> {
    frame: Frame,
    scripts: Scripts,
    segments: Segments<'a>,
    /// The one that is being read.
    scan: Scan<'a>,
    is_streamed: bool,
    /// See [`Reader::sift`].
    is_sifted: bool,
    /// All of the picture, or the only one that a streamed picture needs.
    rows: Vec<McuRow>,
    n_given: usize,
}

impl Reader<'_> {
    pub(crate) fn frame(&self) -> &Frame {
        &self.frame
    }

    /// What the coefficients will take. MUST be held against the limits before the first row is asked
    /// for, which takes it.
    pub(crate) fn memory_bytes(&self) -> u64 {
        McuRow::memory_bytes(&self.frame) * self.n_held() as u64
    }

    fn n_held(&self) -> usize {
        if self.is_streamed {
            1
        } else {
            self.frame.mcu_rows
        }
    }

    /// Before the first row: gives up on everything but `detail` of the first component, which is
    /// then all that rows hold. Answers false, and changes nothing, if the first scan does not bring
    /// it. Of a progressive file only that scan is read then; where the others end is still checked.
    pub(crate) fn sift(&mut self, detail: Detail) -> bool {
        self.is_sifted = (self.is_streamed || self.frame.progressive) && self.scan.sift(detail);
        self.is_streamed |= self.is_sifted;
        self.is_sifted
    }

    /// The next row with its frame, and none after the last. Quantisation tables are final with the first row.
    ///
    /// # Errors
    /// If the file is not whole. Rows that were given by then MUST be thrown away; after an error,
    /// there are no more.
    pub(crate) fn next_row(&mut self) -> Result<Option<(&Frame, &McuRow)>, JpegError> {
        let y = self.n_given;
        if y == self.frame.mcu_rows {
            return Ok(None);
        }
        // Whatever fails below, nothing is given afterwards.
        self.n_given = self.frame.mcu_rows;
        if y == 0 {
            let frame = &self.frame;
            self.rows = (0..self.n_held()).map(|_| McuRow::new(frame)).collect();
            if !self.is_streamed {
                self.read_all_scans()?;
            }
        }
        let row = if self.is_streamed {
            self.scan.read_row(&self.frame, &mut self.rows[0], y)?;
            if y + 1 == self.frame.mcu_rows {
                self.segments.resume(self.scan.finish()?);
                self.read_to_end()?;
            }
            0
        } else {
            y
        };
        self.n_given = y + 1;
        Ok(Some((&self.frame, &self.rows[row])))
    }

    fn read_all_scans(&mut self) -> Result<(), JpegError> {
        for _ in 0..MAX_SCANS {
            for (y, row) in self.rows.iter_mut().enumerate() {
                self.scan.read_row(&self.frame, row, y)?;
            }
            self.segments.resume(self.scan.finish()?);
            let Some(header) = self.scripts.read_to_scan(&mut self.segments)? else {
                return self.frame.check_is_complete();
            };
            let coded = self.segments.rest();
            self.scan = Scan::new(header, &mut self.frame, &self.scripts, coded)?;
        }
        Err(JpegError::TooManyScans)
    }

    fn read_to_end(&mut self) -> Result<(), JpegError> {
        if self.is_sifted && self.frame.progressive {
            for _ in 0..MAX_SCANS {
                if self.scripts.read_to_scan(&mut self.segments)?.is_none() {
                    return Ok(());
                }
                self.segments.skip_coded()?;
            }
            return Err(JpegError::TooManyScans);
        }
        match self.scripts.read_to_scan(&mut self.segments)? {
            None => Ok(()),
            Some(_) => Err(JpegError::Malformed("it has a scan too many")),
        }
    }
}
