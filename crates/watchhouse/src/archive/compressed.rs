//! What one of the compressions holds: a tar, or a single file.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::meter::{Meter, Metered};
use super::tar;
use super::{ArchiveError, Form, Tell, member, read_head, unreadable};

/// What xz may take for what it has unpacked last. Its strongest ordinary setting takes 65 MiB.
const XZ_MEMORY_KIB: u32 = 256 << 10;

pub(super) fn gzip(archive: impl Read) -> impl Read {
    MultiGzDecoder::new(BufReader::new(archive))
}

pub(super) fn xz(archive: impl Read) -> impl Read {
    XzReader::new_mem_limit(BufReader::new(archive), true, XZ_MEMORY_KIB)
}

pub(super) fn zstd(archive: impl Read) -> impl Read {
    ZstdFrames {
        input: BufReader::new(archive),
        decoder: FrameDecoder::new(),
        is_in_frame: false,
    }
}

pub(super) fn read(unpacked: impl Read, meter: &Meter, tell: Tell<'_>) -> Result<(), ArchiveError> {
    let mut unpacked = Metered {
        input: unpacked,
        meter,
    };
    let head = match read_head(&mut unpacked) {
        Ok(head) => head,
        Err(error) => return Err(meter.reason().unwrap_or_else(|| unreadable(error))),
    };
    let is_tar = Form::sniff(&head) == Some(Form::Tar);
    let whole = io::Cursor::new(head).chain(unpacked);
    if is_tar {
        return tar::read(whole, meter, tell);
    }
    member(b"", Ok(whole), meter, tell)
}

/// The frames of a zstd file, one after the other; those that hold no content are passed over.
struct ZstdFrames<R> {
    input: R,
    decoder: FrameDecoder,
    is_in_frame: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    /// False behind the last frame.
    fn begin_frame(&mut self) -> io::Result<bool> {
        while !self.input.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.input).take(length.into());
                    io::copy(&mut skipped, &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    fn end_frame(&self) -> io::Result<()> {
        let declared = self.decoder.get_checksum_from_data();
        if declared.is_some() && declared != self.decoder.get_calculated_checksum() {
            return Err(io::Error::other("its checksum is wrong"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 {
            if !self.is_in_frame {
                self.is_in_frame = self.begin_frame()?;
                if !self.is_in_frame {
                    return Ok(0);
                }
            } else if self.decoder.is_finished() {
                self.end_frame()?;
                self.is_in_frame = false;
            } else {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                let decoded = self.decoder.decode_blocks(&mut self.input, one);
                decoded.map_err(io::Error::other)?;
            }
        }
        self.decoder.read(into)
    }
}
