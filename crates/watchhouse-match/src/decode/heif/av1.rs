//! AV1 pictures, through rav1d: dav1d's decoder in Rust, without its assembler.
//!
//! The only way in is dav1d's own C interface, so this module is the boundary: what it hands out
//! are planes of our own. One thread, and no more pixels than allowed, whatever the file asks for.
//!
//! A panic within cannot be caught, for it would cross that interface: it ends the process. So files
//! of strangers MUST be decoded in processes that may end.
#![allow(
    unsafe_code,
    reason = "rav1d has no interface but dav1d's, which is one of raw pointers"
)]

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use heic_rs::hevc::{ChromaFormat, Frame};
use heic_rs::{MatrixCoefficients, Nclx, Range};
use rav1d::include::dav1d::data::Dav1dData;
use rav1d::include::dav1d::dav1d::{Dav1dContext, Dav1dLogger, Dav1dSettings};
use rav1d::include::dav1d::picture::Dav1dPicture;
use rav1d::src::lib::{
    dav1d_close, dav1d_data_create, dav1d_data_unref, dav1d_default_settings, dav1d_get_picture,
    dav1d_open, dav1d_picture_unref, dav1d_send_data,
};

use super::super::error::malformed;
use super::super::{DecodeError, DecodeErrorKind};

/// "Not now": every picture was given out, or one has to be taken first.
const AGAIN: c_int = -11;
/// A frame has more pixels than the decoder was allowed.
const OUT_OF_RANGE: c_int = -34;

/// A decoder, which keeps what later pictures refer to.
pub(super) struct Av1(Option<Dav1dContext>);

impl Av1 {
    pub(super) fn new(most_pixels: u64) -> Result<Av1, DecodeError> {
        let mut settings = MaybeUninit::<Dav1dSettings>::uninit();
        // SAFETY: the pointer is valid to write to.
        unsafe { dav1d_default_settings(NonNull::from(&mut settings).cast()) };
        // SAFETY: the call above wrote all of it.
        let mut settings = unsafe { settings.assume_init() };
        settings.n_threads = 1;
        settings.max_frame_delay = 1;
        settings.all_layers = 0;
        settings.frame_size_limit = u32::try_from(most_pixels).unwrap_or(u32::MAX);
        // It would write the file's mistakes to stderr.
        // SAFETY: without a callback there is nothing that could be called.
        settings.logger = unsafe { Dav1dLogger::new(None, None) };

        let mut context = None;
        // SAFETY: both pointers are valid to read from and write to.
        let opened = unsafe {
            dav1d_open(
                Some(NonNull::from(&mut context)),
                Some(NonNull::from(&mut settings)),
            )
        };
        check(opened.0)?;
        Ok(Av1(context))
    }

    /// Decodes what is shown at one time, and hands every picture of it to `each`.
    pub(super) fn decode(
        &mut self,
        unit: &[u8],
        each: &mut dyn FnMut(Frame, Nclx) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if unit.is_empty() {
            return Err(malformed("a picture has no data"));
        }
        if cfg!(fuzzing) {
            // A broken picture may end the process, and what is around it would hardly be tried.
            return Err(malformed("its pictures are left alone"));
        }
        let mut data = Data::copy(unit)?;
        loop {
            // SAFETY: the context is from `dav1d_open` and open; the data are valid to read from and
            // write to.
            let sent = unsafe { dav1d_send_data(self.0, Some(NonNull::from(&mut data.0))) };
            if sent.0 != AGAIN {
                check(sent.0)?;
            }
            let n_taken = self.take_pictures(each)?;
            if data.0.sz == 0 {
                return Ok(());
            }
            if sent.0 == AGAIN && n_taken == 0 {
                return Err(malformed("the decoder waits for nothing"));
            }
        }
    }

    fn take_pictures(
        &mut self,
        each: &mut dyn FnMut(Frame, Nclx) -> Result<(), DecodeError>,
    ) -> Result<u32, DecodeError> {
        let mut n_taken = 0;
        loop {
            let mut picture = Taken(Dav1dPicture::default());
            // SAFETY: the context is from `dav1d_open` and open; the picture is valid to write to,
            // and an empty one needs no release.
            let got = unsafe { dav1d_get_picture(self.0, Some(NonNull::from(&mut picture.0))) };
            if got.0 == AGAIN {
                return Ok(n_taken);
            }
            check(got.0)?;
            n_taken += 1;
            each(picture.frame()?, picture.color())?;
        }
    }
}

impl Drop for Av1 {
    fn drop(&mut self) {
        // SAFETY: the context is from `dav1d_open`, and this is the only place that closes it.
        unsafe { dav1d_close(Some(NonNull::from(&mut self.0))) };
    }
}

fn check(result: c_int) -> Result<(), DecodeError> {
    match result {
        0.. => Ok(()),
        OUT_OF_RANGE => {
            Err(DecodeErrorKind::TooManyPixels.because("its AV1 picture is larger than allowed"))
        }
        code => Err(malformed(format!("its AV1 picture is broken ({code})"))),
    }
}

/// Coded data that the decoder may keep.
struct Data(Dav1dData);

impl Data {
    fn copy(unit: &[u8]) -> Result<Data, DecodeError> {
        let mut data = Data(Dav1dData::default());
        // SAFETY: the data are valid to write to, and empty ones need no release.
        let at = unsafe { dav1d_data_create(Some(NonNull::from(&mut data.0)), unit.len()) };
        if at.is_null() {
            return Err(DecodeErrorKind::TooMuchMemory.because("there is no memory for its data"));
        }
        // SAFETY: `dav1d_data_create` allocated so many bytes at `at`, and nobody else knows of them.
        unsafe { std::ptr::copy_nonoverlapping(unit.as_ptr(), at, unit.len()) };
        Ok(data)
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // SAFETY: they are from `dav1d_data_create`, or what `dav1d_send_data` left of them.
        unsafe { dav1d_data_unref(Some(NonNull::from(&mut self.0))) };
    }
}

/// A picture that the decoder gave out, or an empty one.
struct Taken(Dav1dPicture);

impl Taken {
    fn frame(&self) -> Result<Frame, DecodeError> {
        let size = |side: c_int| u32::try_from(side).ok().filter(|side| *side > 0);
        let (Some(width), Some(height)) = (size(self.0.p.w), size(self.0.p.h)) else {
            return Err(malformed("its AV1 picture is empty"));
        };
        let chroma = match self.0.p.layout {
            0 => ChromaFormat::Monochrome,
            1 => ChromaFormat::Yuv420,
            2 => ChromaFormat::Yuv422,
            _ => ChromaFormat::Yuv444,
        };
        let (chroma_width, chroma_height) = chroma.chroma_size(width, height);
        let mut frame = Frame {
            width,
            height,
            bit_depth: u8::try_from(self.0.p.bpc).unwrap_or(8),
            chroma,
            y: self.plane(0, width, height)?,
            y_stride: width,
            c_stride: chroma_width,
            ..Frame::default()
        };
        if chroma != ChromaFormat::Monochrome {
            frame.cb = self.plane(1, chroma_width, chroma_height)?;
            frame.cr = self.plane(2, chroma_width, chroma_height)?;
        }
        Ok(frame)
    }

    /// The samples of a plane, without padding.
    fn plane(&self, which: usize, width: u32, height: u32) -> Result<Vec<u16>, DecodeError> {
        let start = self.0.data[which].ok_or_else(|| malformed("its AV1 picture lacks a plane"))?;
        let stride = self.0.stride[which.min(1)];
        let (width, height) = (width as usize, height as usize);
        let mut samples = Vec::with_capacity(width * height);
        for y in 0..height {
            // SAFETY: the decoder allocated `height` rows of `stride` bytes from `start` on, of which
            // each begins with `width` samples that are written and nobody changes any more; of two
            // bytes, and aligned to them, where a sample has more than 8 bits.
            unsafe {
                let row = start.as_ptr().byte_offset(y as isize * stride);
                if self.0.p.bpc > 8 {
                    samples.extend_from_slice(std::slice::from_raw_parts(row.cast::<u16>(), width));
                } else {
                    let row = std::slice::from_raw_parts(row.cast::<u8>(), width);
                    samples.extend(row.iter().map(|sample| u16::from(*sample)));
                }
            }
        }
        Ok(samples)
    }

    /// What the samples mean, as far as the stream itself says.
    fn color(&self) -> Nclx {
        // SAFETY: the header lives as long as the picture that refers to it.
        let Some(header) = self.0.seq_hdr.map(|header| unsafe { header.as_ref() }) else {
            return Nclx::default();
        };
        // 2 is "not said", which for such pictures has always been BT.601.
        let matrix_code = match header.mtrx {
            2 => 6,
            code => u16::try_from(code).unwrap_or(6),
        };
        Nclx {
            primaries: 1,
            transfer: 13,
            matrix: MatrixCoefficients::from_code(matrix_code),
            matrix_code,
            range: match header.color_range {
                0 => Range::Limited,
                _ => Range::Full,
            },
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // SAFETY: it is from `dav1d_get_picture`, or empty.
        unsafe { dav1d_picture_unref(Some(NonNull::from(&mut self.0))) };
    }
}
