//! A pass over the picture that brings some of its components, or some bits of some coefficients.

use super::bits::Bits;
use super::frame::Frame;
use super::huffman::{Table, Use};
use super::progressive::{self, Band};
use super::segments::Scripts;
use super::sift::{Detail, Sieve};
use super::{JpegError, McuRow, sequential, sift};

const MALFORMED_HEADER: JpegError = JpegError::Malformed("it has a scan header that is not whole");

/// The standard's own bound on an interleaved scan.
const MAX_BLOCKS_IN_MCU: usize = 10;
/// Below this bit of a coefficient, none of its bits would be left.
const MAX_LOW: u8 = 13;

pub(super) struct Scan<'a> {
    pass: Pass,
    parts: Vec<Part>,
    bits: Bits<'a>,
    restarts: Restarts,
    /// Of this many blocks, from the next one on, the band has no more coefficients.
    n_ended: u32,
}

/// What a scan brings.
enum Pass {
    Sequential(Vec<(Box<Table>, Box<Table>)>),
    Sifted(Vec<Sieve>),
    Dc { tables: Vec<Box<Table>>, low: u32 },
    DcBit { low: u32 },
    Ac { table: Box<Table>, band: Band },
    AcBit { table: Box<Table>, band: Band },
}

/// What is read of a component.
struct Part {
    /// Of the component in the frame.
    index: usize,
    /// Blocks in an MCU of this scan.
    h: usize,
    v: usize,
    prediction: i32,
}

/// Places at which reading can begin anew.
struct Restarts {
    /// In MCUs; 0 for none.
    interval: usize,
    n_left: usize,
    /// Its number, 0 to 7.
    next: u8,
}

impl<'a> Scan<'a> {
    /// # Errors
    /// If the header contradicts the frame or the scans before it, or tables are missing.
    pub(super) fn new(
        header: &[u8],
        frame: &mut Frame,
        scripts: &Scripts,
        coded: &'a [u8],
    ) -> Result<Scan<'a>, JpegError> {
        let (&n_listed, rest) = header.split_first().ok_or(MALFORMED_HEADER)?;
        let rest = rest.split_at_checked(2 * usize::from(n_listed));
        let (listed, &[first, last, bits]) = rest.ok_or(MALFORMED_HEADER)? else {
            return Err(MALFORMED_HEADER);
        };
        let (listed, _) = listed.as_chunks();
        let parts = choose(listed, frame)?;

        // Sequential files need not say, and some say nonsense.
        let (bounds, (high, low)) = if frame.progressive {
            ((first, last), (bits >> 4, bits & 15))
        } else {
            ((0, 63), (0, 0))
        };
        let is_refined = high > 0;
        if bounds.0 > bounds.1
            || bounds.1 > 63
            || low > MAX_LOW
            || is_refined && high != low + 1
            || frame.progressive && (bounds.0 == 0) != (bounds.1 == 0)
            || bounds.0 > 0 && parts.len() > 1
        {
            return Err(JpegError::Malformed("it has a scan that cannot be"));
        }
        for part in &parts {
            let component = &mut frame.components[part.index];
            if !component.is_begun() {
                component.quant = *scripts.quantisation(component.quant_id)?;
            }
            component.learn(bounds, (high, low))?;
        }

        let dc = |&[_, ids]: &[u8; 2]| scripts.huffman(ids >> 4, Use::Dc);
        let ac = |&[_, ids]: &[u8; 2], used| scripts.huffman(ids & 15, used);
        let band = Band {
            first: usize::from(bounds.0),
            last: usize::from(bounds.1),
            low: u32::from(low),
        };
        let low = band.low;
        let pass = if !frame.progressive {
            let tables = listed
                .iter()
                .map(|part| Ok((dc(part)?, ac(part, Use::Ac)?)));
            Pass::Sequential(tables.collect::<Result<_, _>>()?)
        } else if band.first == 0 && is_refined {
            Pass::DcBit { low }
        } else if band.first == 0 {
            let tables = listed.iter().map(dc).collect::<Result<_, _>>()?;
            Pass::Dc { tables, low }
        } else {
            let table = ac(&listed[0], Use::ProgressiveAc)?;
            if is_refined {
                Pass::AcBit { table, band }
            } else {
                Pass::Ac { table, band }
            }
        };
        Ok(Scan {
            pass,
            parts,
            bits: Bits::new(coded),
            restarts: Restarts {
                interval: scripts.restart_interval,
                n_left: scripts.restart_interval,
                next: 0,
            },
            n_ended: 0,
        })
    }

    /// See [`Reader::sift`](super::Reader::sift).
    pub(super) fn sift(&mut self, detail: Detail) -> bool {
        if self.parts.iter().all(|part| part.index != 0) {
            return false;
        }
        match &mut self.pass {
            Pass::Sequential(tables) => {
                let n_coded = self.bits.rest().len();
                let sieves = std::mem::take(tables).into_iter().zip(&self.parts);
                let sieves = sieves.map(|((dc, ac), part)| {
                    let detail = (part.index == 0).then_some(detail);
                    Sieve::new(dc, ac, detail, n_coded)
                });
                self.pass = Pass::Sifted(sieves.collect());
                true
            }
            Pass::Dc { .. } => detail == Detail::Constant,
            Pass::Sifted(_) | Pass::DcBit { .. } | Pass::Ac { .. } | Pass::AcBit { .. } => false,
        }
    }

    pub(super) fn n_components(&self) -> usize {
        self.parts.len()
    }

    /// Reads what it has of the row of MCUs `y`. Rows come in order.
    ///
    /// # Errors
    /// If the data is not whole. MUST NOT be asked again then.
    pub(super) fn read_row(
        &mut self,
        frame: &Frame,
        row: &mut McuRow,
        y: usize,
    ) -> Result<(), JpegError> {
        let read = self.read_row_or_noise(frame, row, y);
        // What the data lacks was made up, and may have looked like a mistake of another kind.
        self.bits.check_were_there()?;
        read
    }

    fn read_row_or_noise(
        &mut self,
        frame: &Frame,
        row: &mut McuRow,
        y: usize,
    ) -> Result<(), JpegError> {
        let Scan {
            pass,
            parts,
            bits,
            restarts,
            n_ended,
        } = self;
        let walk = Walk {
            frame,
            parts,
            bits,
            restarts,
            n_ended,
        };
        match pass {
            Pass::Sequential(tables) => walk.run(row, y, |at, block, last| {
                let (dc, ac) = &tables[at.nth];
                *last = sequential::read_block(at.bits, (dc, ac), at.prediction, block)?;
                Ok(())
            }),
            Pass::Sifted(sieves) => walk.run(row, y, |at, block, last| {
                sift::read_block(at.bits, &sieves[at.nth], at.prediction, (block, last))
            }),
            Pass::Dc { tables, low } => walk.run(row, y, |at, block, _| {
                progressive::read_dc(at.bits, &tables[at.nth], *low, at.prediction, block)
            }),
            Pass::DcBit { low } => walk.run(row, y, |at, block, _| {
                progressive::refine_dc(at.bits, *low, block);
                Ok(())
            }),
            Pass::Ac { table, band } => walk.run(row, y, |at, block, last| {
                let read = progressive::read_ac(at.bits, table, *band, at.n_ended, block)?;
                *last = read.max(*last);
                Ok(())
            }),
            Pass::AcBit { table, band } => walk.run(row, y, |at, block, last| {
                let known = (block, *last);
                let read = progressive::refine_ac(at.bits, table, *band, at.n_ended, known)?;
                *last = read.max(*last);
                Ok(())
            }),
        }
    }

    /// Answers what follows the scan.
    pub(super) fn finish(&self) -> Result<&'a [u8], JpegError> {
        if self.n_ended > 0 {
            return Err(JpegError::Malformed(
                "a run goes beyond the end of its scan",
            ));
        }
        Ok(self.bits.rest())
    }
}

/// Finds the components that a scan lists.
fn choose(listed: &[[u8; 2]], frame: &Frame) -> Result<Vec<Part>, JpegError> {
    let mut parts: Vec<Part> = Vec::new();
    let is_interleaved = listed.len() > 1;
    for &[id, _] in listed {
        let mut components = frame.components.iter().enumerate();
        let (index, component) = components
            .find(|(_, component)| component.id == id)
            .ok_or(JpegError::Malformed("it has a scan of nothing"))?;
        if parts.iter().any(|earlier| earlier.index == index) {
            return Err(JpegError::Malformed("it has a scan with a component twice"));
        }
        parts.push(Part {
            index,
            h: if is_interleaved { component.h } else { 1 },
            v: if is_interleaved { component.v } else { 1 },
            prediction: 0,
        });
    }
    let n_blocks: usize = parts.iter().map(|part| part.h * part.v).sum();
    if parts.is_empty() || n_blocks > MAX_BLOCKS_IN_MCU {
        return Err(JpegError::Malformed(
            "it has a scan of nothing, or of too much",
        ));
    }
    Ok(parts)
}

/// What a scan goes along with.
struct Walk<'w, 'a> {
    frame: &'w Frame,
    parts: &'w mut [Part],
    bits: &'w mut Bits<'a>,
    restarts: &'w mut Restarts,
    n_ended: &'w mut u32,
}

/// What the reading of a block needs and changes.
struct At<'w, 'a> {
    /// The component's place in the scan.
    nth: usize,
    bits: &'w mut Bits<'a>,
    prediction: &'w mut i32,
    n_ended: &'w mut u32,
}

impl Walk<'_, '_> {
    /// Calls `read` with each block of the row, in the order in which they are coded, and with the
    /// place of its last coefficient.
    #[inline(always)]
    fn run(
        self,
        row: &mut McuRow,
        y: usize,
        mut read: impl FnMut(At<'_, '_>, &mut super::Block, &mut u8) -> Result<(), JpegError>,
    ) -> Result<(), JpegError> {
        // A scan of one component has no MCUs, and leaves out the blocks that only fill them up.
        let (n_rows, n_mcus) = if let [part] = &*self.parts {
            let component = &self.frame.components[part.index];
            let n_rows = component.height.div_ceil(8) - y * component.v;
            (n_rows.min(component.v), component.width.div_ceil(8))
        } else {
            (1, self.frame.mcus_per_row)
        };
        for row_y in 0..n_rows {
            for x in 0..n_mcus {
                if self.restarts.is_due() {
                    self.restarts.restart(self.bits)?;
                    for part in &mut *self.parts {
                        part.prediction = 0;
                    }
                    if std::mem::take(self.n_ended) > 0 {
                        return Err(JpegError::Malformed("a run goes beyond a restart"));
                    }
                }
                for (nth, part) in self.parts.iter_mut().enumerate() {
                    let stride = self.frame.components[part.index].blocks_per_row;
                    for block_y in 0..part.v {
                        let start = (row_y + block_y) * stride + x * part.h;
                        let blocks = &mut row.components[part.index][start..start + part.h];
                        let lasts = &mut row.last[part.index][start..start + part.h];
                        for (block, last) in blocks.iter_mut().zip(lasts) {
                            let at = At {
                                nth,
                                bits: self.bits,
                                prediction: &mut part.prediction,
                                n_ended: self.n_ended,
                            };
                            read(at, block, last)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl Restarts {
    /// Counts an MCU. Whether a marker must come before it.
    #[inline(always)]
    fn is_due(&mut self) -> bool {
        if self.interval == 0 {
            return false;
        }
        let is_due = self.n_left == 0;
        if is_due {
            self.n_left = self.interval;
        }
        self.n_left -= 1;
        is_due
    }

    #[cold]
    fn restart(&mut self, bits: &mut Bits<'_>) -> Result<(), JpegError> {
        bits.check_were_there()?;
        let mut rest = bits.rest();
        // Markers may be preceded by any number of 0xff.
        while let [0xff, 0xff, ..] = rest {
            rest = &rest[1..];
        }
        match *rest {
            [0xff, number, ref rest @ ..] if number == 0xd0 + self.next => {
                self.next = (self.next + 1) % 8;
                *bits = Bits::new(rest);
                Ok(())
            }
            [] | [0xff] => Err(JpegError::Truncated),
            _ => Err(JpegError::Malformed("a restart marker is missing")),
        }
    }
}
