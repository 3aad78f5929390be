//! The segments of a file, and what those say that come before a scan.

use super::frame::Frame;
use super::huffman::{Script, Table, Use};
use super::{JpegError, NATURAL};

mod marker {
    pub(super) const TEMPORARY: u8 = 0x01;
    pub(super) const BASELINE: u8 = 0xc0;
    pub(super) const PROGRESSIVE: u8 = 0xc2;
    pub(super) const HUFFMAN_TABLES: u8 = 0xc4;
    pub(super) const ARITHMETIC_CONDITIONS: u8 = 0xcc;
    pub(super) const FIRST_RESTART: u8 = 0xd0;
    pub(super) const LAST_RESTART: u8 = 0xd7;
    pub(super) const START_OF_IMAGE: u8 = 0xd8;
    pub(super) const END_OF_IMAGE: u8 = 0xd9;
    pub(super) const START_OF_SCAN: u8 = 0xda;
    pub(super) const QUANTISATION_TABLES: u8 = 0xdb;
    pub(super) const NUMBER_OF_LINES: u8 = 0xdc;
    pub(super) const RESTART_INTERVAL: u8 = 0xdd;
    pub(super) const HIERARCHY: u8 = 0xde;
    pub(super) const EXPANSION: u8 = 0xdf;
    pub(super) const APPLICATION_0: u8 = 0xe0;
    pub(super) const APPLICATION_14: u8 = 0xee;
}

/// Walks from marker to marker.
pub(super) struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Segments<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Segments<'a>, JpegError> {
        match bytes {
            [0xff, marker::START_OF_IMAGE, rest @ ..] => Ok(Segments { rest }),
            [0xff] | [] => Err(JpegError::Truncated),
            _ => Err(JpegError::Malformed("it does not start with a picture")),
        }
    }

    /// What was not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Goes on where somebody else stopped.
    pub(super) fn resume(&mut self, rest: &'a [u8]) {
        self.rest = rest;
    }

    /// The next marker and what belongs to it. Whatever lies before it is coded data, or fills space.
    fn next(&mut self) -> Result<(u8, &'a [u8]), JpegError> {
        let kind = self.next_marker()?;
        if matches!(kind, marker::END_OF_IMAGE | marker::TEMPORARY)
            || (marker::FIRST_RESTART..=marker::LAST_RESTART).contains(&kind)
        {
            return Ok((kind, &[]));
        }
        let (size, rest) = self.rest.split_first_chunk().ok_or(JpegError::Truncated)?;
        let size = usize::from(u16::from_be_bytes(*size)).checked_sub(2);
        let size = size.ok_or(JpegError::Malformed("a segment is shorter than its size"))?;
        let (segment, rest) = rest.split_at_checked(size).ok_or(JpegError::Truncated)?;
        self.rest = rest;
        Ok((kind, segment))
    }

    /// Skips coded data and the restart markers in it.
    pub(super) fn skip_coded(&mut self) -> Result<(), JpegError> {
        loop {
            let coded = self.rest;
            let kind = self.next_marker()?;
            if !(marker::FIRST_RESTART..=marker::LAST_RESTART).contains(&kind) {
                // What was skipped stays skipped: the marker and nothing else is left.
                self.rest = &coded[coded.len() - self.rest.len() - 2..];
                return Ok(());
            }
        }
    }

    fn next_marker(&mut self) -> Result<u8, JpegError> {
        loop {
            let at = memchr::memchr(0xff, self.rest).ok_or(JpegError::Truncated)?;
            self.rest = &self.rest[at + 1..];
            let &kind = self.rest.first().ok_or(JpegError::Truncated)?;
            // After a zero it was coded data, and after another 0xff only filling.
            if kind != 0xff {
                self.rest = &self.rest[1..];
            }
            if kind != 0 && kind != 0xff {
                return Ok(kind);
            }
        }
    }
}

/// How a scan is to be read.
#[derive(Default)]
pub(super) struct Scripts {
    frame: Option<Frame>,
    is_frame_taken: bool,
    quantisation: [Option<[u16; 64]>; 4],
    dc: [Option<Script>; 4],
    ac: [Option<Script>; 4],
    /// In MCUs; 0 for none.
    pub(super) restart_interval: usize,
    adobe_transform: Option<u8>,
    has_jfif: bool,
}

impl Scripts {
    /// Takes in all up to the next scan, whose header it answers; none at the end of the image.
    pub(super) fn read_to_scan<'a>(
        &mut self,
        segments: &mut Segments<'a>,
    ) -> Result<Option<&'a [u8]>, JpegError> {
        loop {
            let (kind, segment) = segments.next()?;
            match kind {
                marker::START_OF_SCAN => return Ok(Some(segment)),
                marker::END_OF_IMAGE => return Ok(None),
                marker::QUANTISATION_TABLES => self.read_quantisation(segment)?,
                marker::HUFFMAN_TABLES => self.read_huffman(segment)?,
                marker::RESTART_INTERVAL => match *segment {
                    [high, low] => {
                        self.restart_interval = usize::from(u16::from_be_bytes([high, low]));
                    }
                    _ => return Err(JpegError::Malformed("its restart interval has no size")),
                },
                marker::BASELINE..=marker::PROGRESSIVE => {
                    if self.is_frame_taken || self.frame.is_some() {
                        return Err(JpegError::Malformed("it has two frame headers"));
                    }
                    self.frame = Some(Frame::read(segment, kind == marker::PROGRESSIVE)?);
                }
                0xc3..=0xcf | marker::HIERARCHY | marker::EXPANSION => {
                    return Err(JpegError::Unsupported(match kind {
                        0xc3 => "it is coded without loss",
                        0xc9..=marker::ARITHMETIC_CONDITIONS => "it is coded arithmetically",
                        _ => "it is coded in a hierarchy",
                    }));
                }
                marker::NUMBER_OF_LINES => {
                    return Err(JpegError::Unsupported("its height comes after its data"));
                }
                marker::START_OF_IMAGE => {
                    return Err(JpegError::Malformed("a second picture begins inside it"));
                }
                marker::FIRST_RESTART..=marker::LAST_RESTART => {
                    return Err(JpegError::Malformed("it has a restart outside its data"));
                }
                marker::APPLICATION_0 => self.has_jfif |= segment.starts_with(b"JFIF\0"),
                marker::APPLICATION_14 => {
                    if let [
                        b'A',
                        b'd',
                        b'o',
                        b'b',
                        b'e',
                        _,
                        _,
                        _,
                        _,
                        _,
                        _,
                        transform,
                        ..,
                    ] = *segment
                    {
                        self.adobe_transform = Some(transform);
                    }
                }
                _ => {}
            }
        }
    }

    /// The frame of the first scan.
    pub(super) fn take_frame(&mut self) -> Result<Frame, JpegError> {
        self.is_frame_taken = true;
        let frame = self.frame.take();
        let frame = frame.ok_or(JpegError::Malformed("it has no frame header"))?;
        Ok(Frame {
            adobe_transform: self.adobe_transform,
            has_jfif: self.has_jfif,
            ..frame
        })
    }

    fn read_quantisation(&mut self, mut segment: &[u8]) -> Result<(), JpegError> {
        let malformed = JpegError::Malformed("it has a quantisation table that is not whole");
        while let [packed, rest @ ..] = segment {
            let bytes_per_step = match packed >> 4 {
                0 => 1,
                1 => 2,
                _ => return Err(malformed),
            };
            let (steps, rest) = rest
                .split_at_checked(64 * bytes_per_step)
                .ok_or(malformed)?;
            let slot = self.quantisation.get_mut(usize::from(packed & 15));
            let table = slot.ok_or(malformed)?.insert([0; 64]);
            for (step, place) in steps.chunks_exact(bytes_per_step).zip(NATURAL) {
                let step = step
                    .iter()
                    .fold(0, |step, &byte| step << 8 | u16::from(byte));
                if step == 0 {
                    return Err(JpegError::Malformed("it has a quantisation step of 0"));
                }
                table[usize::from(place)] = step;
            }
            segment = rest;
        }
        Ok(())
    }

    fn read_huffman(&mut self, mut segment: &[u8]) -> Result<(), JpegError> {
        let malformed = JpegError::Malformed("it has a Huffman table that is not whole");
        while let [packed, rest @ ..] = segment {
            let (counts, rest) = rest.split_first_chunk().ok_or(malformed)?;
            let n_symbols: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(n_symbols).ok_or(malformed)?;
            let slots = match packed >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(malformed),
            };
            let slot = slots.get_mut(usize::from(packed & 15)).ok_or(malformed)?;
            *slot = Some(Script {
                counts: *counts,
                symbols: symbols.to_vec(),
            });
            segment = rest;
        }
        Ok(())
    }

    pub(super) fn quantisation(&self, id: u8) -> Result<&[u16; 64], JpegError> {
        let table = self.quantisation.get(usize::from(id));
        table
            .and_then(Option::as_ref)
            .ok_or(JpegError::Malformed("it lacks a quantisation table"))
    }

    pub(super) fn huffman(&self, id: u8, used: Use) -> Result<Box<Table>, JpegError> {
        let scripts = match used {
            Use::Dc => &self.dc,
            Use::Ac | Use::ProgressiveAc => &self.ac,
        };
        let script = scripts.get(usize::from(id)).and_then(Option::as_ref);
        let script = script.ok_or(JpegError::Malformed("it lacks a Huffman table"))?;
        Table::new(script, used)
    }
}
