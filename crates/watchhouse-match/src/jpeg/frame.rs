//! What a frame header says, and which parts of the picture the scans have brought so far.

use super::JpegError;

/// The picture and how it is cut into components and MCUs.
pub(crate) struct Frame {
    /// In pixels.
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) progressive: bool,
    pub(crate) components: Vec<Component>,
    /// What the program says that it did to the colours, if it is one that does.
    pub(crate) adobe_transform: Option<u8>,
    pub(crate) has_jfif: bool,
    pub(crate) mcus_per_row: usize,
    pub(crate) mcu_rows: usize,
}

/// A plane of samples, at the picture's full resolution or at a part of it.
pub(crate) struct Component {
    pub(crate) id: u8,
    /// Sampling factors: blocks in an MCU, side by side and one below the other. The only component
    /// of a grey picture has 1 and 1, whatever the file says, because there they mean nothing.
    pub(crate) h: usize,
    pub(crate) v: usize,
    /// In samples: the picture's, times the factor, divided by the largest factor, rounded up.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Steps in natural order. Those of a component that comes in a later scan are read with it.
    pub(crate) quant: [u16; 64],
    /// Padded to whole MCUs.
    pub(crate) blocks_per_row: usize,
    pub(super) quant_id: u8,
    /// For each place in zigzag order, from which bit on its coefficients are known.
    known_from: [Option<u8>; 64],
}

/// What the samples mean, as the field's decoder (libjpeg) tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colours {
    Grey,
    YCbCr,
    Rgb,
    /// Adobe's programs store it inverted.
    Cmyk,
    /// CMYK whose first three were made into luma and chroma.
    Ycck,
}

impl Frame {
    /// Without what the application segments say.
    ///
    /// # Errors
    /// If the header is not one of a picture with 8 bits a sample and 1, 3 or 4 components.
    pub(super) fn read(header: &[u8], progressive: bool) -> Result<Frame, JpegError> {
        let malformed = JpegError::Malformed;
        let Some((&[precision, h1, h0, w1, w0, n_components], listed)) = header.split_first_chunk()
        else {
            return Err(malformed("its frame header is too short"));
        };
        if precision != 8 {
            return Err(JpegError::Unsupported("its samples are not of 8 bits"));
        }
        if !matches!(n_components, 1 | 3 | 4) {
            return Err(JpegError::Unsupported("it has not 1, 3 or 4 components"));
        }
        let height = usize::from(u16::from_be_bytes([h1, h0]));
        let width = usize::from(u16::from_be_bytes([w1, w0]));
        if width == 0 || height == 0 {
            return Err(malformed("it has no width or no height"));
        }
        let (listed, []) = listed.as_chunks::<3>() else {
            return Err(malformed("its frame header has a wrong size"));
        };
        if listed.len() != usize::from(n_components) {
            return Err(malformed("its frame header has a wrong size"));
        }
        let factors = |packed: u8| match listed {
            [_] => (1, 1),
            _ => (usize::from(packed >> 4), usize::from(packed & 15)),
        };
        let (mut most_h, mut most_v) = (1, 1);
        for &[_, packed, _] in listed {
            let (h, v) = factors(packed);
            if !(1..=4).contains(&h) || !(1..=4).contains(&v) {
                return Err(malformed("its sampling factors are not 1 to 4"));
            }
            (most_h, most_v) = (most_h.max(h), most_v.max(v));
        }
        let mcus_per_row = width.div_ceil(8 * most_h);
        let mut components: Vec<Component> = Vec::new();
        for &[id, packed, quant_id] in listed {
            if components.iter().any(|earlier| earlier.id == id) {
                return Err(malformed("two of its components have the same id"));
            }
            let (h, v) = factors(packed);
            components.push(Component {
                id,
                h,
                v,
                width: (width * h).div_ceil(most_h),
                height: (height * v).div_ceil(most_v),
                quant: [0; 64],
                blocks_per_row: mcus_per_row * h,
                quant_id,
                known_from: [None; 64],
            });
        }
        Ok(Frame {
            width,
            height,
            progressive,
            components,
            adobe_transform: None,
            has_jfif: false,
            mcus_per_row,
            mcu_rows: height.div_ceil(8 * most_v),
        })
    }

    pub(crate) fn colours(&self) -> Colours {
        let ids: Vec<u8> = self.components.iter().map(|c| c.id).collect();
        match (ids.as_slice(), self.adobe_transform) {
            ([_], _) => Colours::Grey,
            ([_, _, _, _], None | Some(0)) => Colours::Cmyk,
            ([_, _, _, _], Some(_)) => Colours::Ycck,
            _ if self.has_jfif => Colours::YCbCr,
            (_, Some(0)) | (b"RGB", None) => Colours::Rgb,
            _ => Colours::YCbCr,
        }
    }

    /// # Errors
    /// If a component has no scan. Finer detail may be missing: then that is the picture.
    pub(super) fn check_is_complete(&self) -> Result<(), JpegError> {
        let mut components = self.components.iter();
        if components.all(|component| component.is_begun()) {
            Ok(())
        } else {
            Err(JpegError::Malformed("a component has no scan"))
        }
    }
}

impl Component {
    pub(super) fn is_begun(&self) -> bool {
        self.known_from[0].is_some()
    }

    /// Notes that a scan brings the coefficients `first..=last` from bit `low` on, where those from bit
    /// `high` on must be known (0: none).
    ///
    /// # Errors
    /// If it would bring what is known, or refine what is not.
    pub(super) fn learn(
        &mut self,
        (first, last): (u8, u8),
        (high, low): (u8, u8),
    ) -> Result<(), JpegError> {
        if first > 0 && !self.is_begun() {
            return Err(JpegError::Malformed("its scans are in no possible order"));
        }
        let expected = (high > 0).then_some(high);
        for known_from in &mut self.known_from[usize::from(first)..=usize::from(last)] {
            if *known_from != expected {
                return Err(JpegError::Malformed("its scans are in no possible order"));
            }
            *known_from = Some(low);
        }
        Ok(())
    }
}
