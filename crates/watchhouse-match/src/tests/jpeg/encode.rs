//! Writes JPEG files with given coefficients, in every way that the reader knows. Slow and plain.

use crate::jpeg::{Block, NATURAL};

/// A component's sampling factors and its blocks, padded to whole MCUs.
pub(super) struct Plane {
    pub(super) h: usize,
    pub(super) v: usize,
    pub(super) blocks_per_row: usize,
    /// Of the component itself, in blocks.
    pub(super) size: (usize, usize),
    pub(super) blocks: Vec<Block>,
}

/// What is to be coded.
pub(super) struct Sheet {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) planes: Vec<Plane>,
    /// In MCUs, 0 for none.
    pub(super) restart_interval: usize,
}

/// The marker, the coefficients in zigzag order and the bits that a scan brings.
#[derive(Clone)]
pub(super) struct ScanScript {
    pub(super) planes: Vec<usize>,
    pub(super) band: (usize, usize),
    pub(super) high: u32,
    pub(super) low: u32,
}

pub(super) fn scan(planes: &[usize], band: (usize, usize), high: u32, low: u32) -> ScanScript {
    ScanScript {
        planes: planes.to_vec(),
        band,
        high,
        low,
    }
}

const BASELINE: u8 = 0xc0;
const PROGRESSIVE: u8 = 0xc2;

pub(super) fn baseline(sheet: &Sheet, is_interleaved: bool) -> Vec<u8> {
    let all: Vec<usize> = (0..sheet.planes.len()).collect();
    let scans = if is_interleaved {
        vec![scan(&all, (0, 63), 0, 0)]
    } else {
        all.iter().map(|&at| scan(&[at], (0, 63), 0, 0)).collect()
    };
    file(sheet, BASELINE, &scans)
}

/// In all four kinds of scans.
pub(super) fn progressive(sheet: &Sheet) -> Vec<u8> {
    let all: Vec<usize> = (0..sheet.planes.len()).collect();
    let mut scans = vec![scan(&all, (0, 0), 0, 1)];
    for &at in &all {
        scans.push(scan(&[at], (1, 5), 0, 2));
        scans.push(scan(&[at], (6, 63), 0, 2));
        scans.push(scan(&[at], (1, 63), 2, 1));
        scans.push(scan(&[at], (1, 63), 1, 0));
    }
    scans.push(scan(&all, (0, 0), 1, 0));
    file(sheet, PROGRESSIVE, &scans)
}

pub(super) fn file(sheet: &Sheet, kind: u8, scans: &[ScanScript]) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    segment(&mut file, 0xdb, &[&[0][..], &[3; 64]].concat());
    let mut frame = vec![8];
    frame.extend((sheet.height as u16).to_be_bytes());
    frame.extend((sheet.width as u16).to_be_bytes());
    frame.push(sheet.planes.len() as u8);
    for (at, plane) in sheet.planes.iter().enumerate() {
        frame.extend([at as u8 + 1, (plane.h << 4 | plane.v) as u8, 0]);
    }
    segment(&mut file, kind, &frame);
    let (dc, ac) = (Codes::dc(), Codes::ac());
    segment(&mut file, 0xc4, &dc.segment(0x00));
    segment(&mut file, 0xc4, &ac.segment(0x10));
    segment(
        &mut file,
        0xdd,
        &(sheet.restart_interval as u16).to_be_bytes(),
    );
    for scan in scans {
        let mut header = vec![scan.planes.len() as u8];
        for &at in &scan.planes {
            header.extend([at as u8 + 1, 0]);
        }
        let bits = (scan.high << 4 | scan.low) as u8;
        header.extend([scan.band.0 as u8, scan.band.1 as u8, bits]);
        segment(&mut file, 0xda, &header);
        let mut coder = Coder {
            dc: &dc,
            ac: &ac,
            scan,
            is_progressive: kind == PROGRESSIVE,
            bits: Vec::new(),
            predictions: vec![0; sheet.planes.len()],
            n_ended: 0,
            ended_bits: Vec::new(),
            file: &mut file,
        };
        coder.code(sheet);
    }
    file.extend([0xff, 0xd9]);
    file
}

fn segment(file: &mut Vec<u8>, kind: u8, content: &[u8]) {
    file.extend([0xff, kind]);
    file.extend((content.len() as u16 + 2).to_be_bytes());
    file.extend(content);
}

/// Huffman codes of lengths between 2 and 16, so that every way to read one is taken.
struct Codes {
    counts: [u8; 16],
    symbols: Vec<u8>,
}

impl Codes {
    fn dc() -> Codes {
        let mut counts = [0; 16];
        (counts[1], counts[3], counts[11]) = (2, 4, 6);
        Codes {
            counts,
            symbols: (0..12).collect(),
        }
    }

    fn ac() -> Codes {
        // Sizes 0 to 10 of all runs: shortest codes for the smallest.
        let symbols = (0..=10).flat_map(|size| (0..16).map(move |run| run << 4 | size));
        let mut counts = [0; 16];
        (counts[2], counts[5], counts[8], counts[12], counts[15]) = (4, 16, 40, 100, 16);
        Codes {
            counts,
            symbols: symbols.collect(),
        }
    }

    fn segment(&self, id: u8) -> Vec<u8> {
        [&[id][..], &self.counts, &self.symbols].concat()
    }

    /// The code and its length.
    fn code(&self, symbol: u8) -> (u32, u32) {
        let place = self.symbols.iter().position(|&other| other == symbol);
        let mut place = place.expect("only what has a code is coded") as u32;
        let mut code = 0;
        for (length, &count) in (1..).zip(&self.counts) {
            if place < u32::from(count) {
                return (code + place, length);
            }
            place -= u32::from(count);
            code = (code + u32::from(count)) << 1;
        }
        unreachable!("counts cover all symbols")
    }
}

struct Coder<'c> {
    dc: &'c Codes,
    ac: &'c Codes,
    scan: &'c ScanScript,
    is_progressive: bool,
    bits: Vec<bool>,
    predictions: Vec<i32>,
    n_ended: u32,
    /// Refinements of the blocks that the run of ended ones covers.
    ended_bits: Vec<bool>,
    file: &'c mut Vec<u8>,
}

impl Coder<'_> {
    fn code(&mut self, sheet: &Sheet) {
        let mut n_mcus = 0;
        let mut n_restarts = 0;
        let mcus: Vec<Vec<(usize, usize)>> = self.mcus(sheet);
        for mcu in mcus {
            if sheet.restart_interval > 0 && n_mcus == sheet.restart_interval {
                self.flush();
                self.file.extend([0xff, 0xd0 + n_restarts % 8]);
                n_restarts += 1;
                n_mcus = 0;
                self.predictions.fill(0);
            }
            n_mcus += 1;
            for (at, block) in mcu {
                self.block(at, &sheet.planes[at].blocks[block]);
            }
        }
        self.flush();
    }

    /// Component and index of each block.
    fn mcus(&self, sheet: &Sheet) -> Vec<Vec<(usize, usize)>> {
        if let [at] = self.scan.planes[..] {
            let plane = &sheet.planes[at];
            let rows = (0..plane.size.1).map(|y| y * plane.blocks_per_row);
            return rows
                .flat_map(|start| (0..plane.size.0).map(move |x| vec![(at, start + x)]))
                .collect();
        }
        let first = &sheet.planes[0];
        let (n_x, n_y) = (
            first.blocks_per_row / first.h,
            first.blocks.len() / first.blocks_per_row / first.v,
        );
        let mut mcus = Vec::new();
        for (y, x) in (0..n_y).flat_map(|y| (0..n_x).map(move |x| (y, x))) {
            let mut mcu = Vec::new();
            for &at in &self.scan.planes {
                let plane = &sheet.planes[at];
                for v in 0..plane.v {
                    let start = (y * plane.v + v) * plane.blocks_per_row + x * plane.h;
                    mcu.extend((start..start + plane.h).map(|block| (at, block)));
                }
            }
            mcus.push(mcu);
        }
        mcus
    }

    fn block(&mut self, at: usize, block: &Block) {
        let zigzag: Vec<i32> = NATURAL
            .map(|place| i32::from(block[usize::from(place)]))
            .into();
        let (low, is_refined) = (self.scan.low, self.scan.high > 0);
        if self.scan.band.0 == 0 {
            let shifted = zigzag[0] >> low;
            if is_refined {
                self.bits.push(shifted & 1 == 1);
            } else {
                let difference = shifted - self.predictions[at];
                self.predictions[at] = shifted;
                let size = size(difference);
                self.symbol(self.dc, size as u8);
                self.number(difference, size);
            }
        }
        // Magnitudes lose their lowest bits, whatever their sign.
        let band = self.scan.band.0.max(1)..=self.scan.band.1;
        let cut: Vec<i32> = zigzag
            .iter()
            .map(|&c| c.signum() * (c.abs() >> low))
            .collect();
        match (band.is_empty(), is_refined) {
            (true, _) => {}
            (false, true) => self.refine_band(band, &cut),
            (false, false) => self.band(band, &cut),
        }
    }

    fn band(&mut self, band: std::ops::RangeInclusive<usize>, cut: &[i32]) {
        let mut run = 0;
        for k in band {
            if cut[k] == 0 {
                run += 1;
                continue;
            }
            self.end_run();
            while run > 15 {
                self.symbol(self.ac, 0xf0);
                run -= 16;
            }
            let size = size(cut[k]);
            self.symbol(self.ac, (run << 4) as u8 | size as u8);
            self.number(cut[k], size);
            run = 0;
        }
        if run > 0 {
            self.end_block();
        }
    }

    fn refine_band(&mut self, band: std::ops::RangeInclusive<usize>, cut: &[i32]) {
        let last_new = band.clone().rev().find(|&k| cut[k].abs() == 1).unwrap_or(0);
        let mut run = 0;
        let mut refinements = Vec::new();
        for k in band {
            if cut[k] == 0 {
                run += 1;
                continue;
            }
            while run > 15 && k <= last_new {
                self.end_run();
                self.symbol(self.ac, 0xf0);
                self.bits.append(&mut refinements);
                run -= 16;
            }
            if cut[k].abs() > 1 {
                refinements.push(cut[k] & 1 == 1);
                continue;
            }
            self.end_run();
            self.symbol(self.ac, run << 4 | 1);
            self.bits.push(cut[k] > 0);
            self.bits.append(&mut refinements);
            run = 0;
        }
        if run > 0 || !refinements.is_empty() {
            self.ended_bits.append(&mut refinements);
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        self.n_ended += 1;
        if !self.is_progressive || self.n_ended == 0x7fff {
            self.end_run();
        }
    }

    fn end_run(&mut self) {
        if self.n_ended > 0 {
            let n_bits = self.n_ended.ilog2();
            self.symbol(self.ac, (n_bits << 4) as u8);
            self.raw(self.n_ended & ((1 << n_bits) - 1), n_bits);
            self.bits.append(&mut self.ended_bits);
            self.n_ended = 0;
        }
    }

    fn symbol(&mut self, codes: &Codes, symbol: u8) {
        let (code, length) = codes.code(symbol);
        self.raw(code, length);
    }

    fn number(&mut self, number: i32, size: u32) {
        let below_zero = i32::from(number < 0);
        self.raw((number - below_zero) as u32, size);
    }

    fn raw(&mut self, bits: u32, n_bits: u32) {
        self.bits
            .extend((0..n_bits).rev().map(|bit| bits >> bit & 1 == 1));
    }

    fn flush(&mut self) {
        self.end_run();
        while !self.bits.len().is_multiple_of(8) {
            self.bits.push(true);
        }
        for byte in self.bits.chunks_exact(8) {
            let byte = byte.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
            self.file.push(byte);
            if byte == 0xff {
                self.file.push(0);
            }
        }
        self.bits.clear();
    }
}

fn size(number: i32) -> u32 {
    i32::BITS - number.unsigned_abs().leading_zeros()
}
