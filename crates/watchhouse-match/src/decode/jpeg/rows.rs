//! From rows of coefficients to rows of pixels, of which never more than two rows of MCUs are held.

use super::colour;
use super::idct::BlockRow;
use super::upsample::{Near, Upsampled, Upsampling};
use crate::arch::Kernel;
use crate::jpeg::{Block, Colours, Component, Frame, JpegError, McuRow};
use crate::picture::{Channels, Row};

/// Samples in a row of a plane come in whole registers of the widest kind.
const ROW_UNIT: usize = 64;

/// Takes rows of MCUs, and gives rows of pixels as soon as what they need is there.
pub(crate) struct Rows {
    kernel: &'static Kernel,
    width: usize,
    height: usize,
    mcu_height: usize,
    colours: Colours,
    planes: Vec<Plane>,
    /// Red, green and blue of one row.
    rgb: [Vec<u8>; 3],
    n_taken: usize,
    n_given: usize,
}

impl Rows {
    /// # Errors
    /// If a component's resolution is no whole fraction of the picture's.
    pub(crate) fn new(kernel: &'static Kernel, frame: &Frame) -> Result<Rows, JpegError> {
        let (most_h, most_v) = most_factors(frame);
        let row_len = frame.width.next_multiple_of(ROW_UNIT);
        let planes: Result<Vec<Plane>, JpegError> = frame
            .components
            .iter()
            .map(|component| {
                if !most_h.is_multiple_of(component.h) || !most_v.is_multiple_of(component.v) {
                    return Err(JpegError::Unsupported(
                        "its sampling factors are no multiples",
                    ));
                }
                let (columns, rows) = (most_h / component.h, most_v / component.v);
                Ok(Plane::new(component, columns, rows, row_len))
            })
            .collect();
        let row = vec![0; row_len];
        Ok(Rows {
            kernel,
            width: frame.width,
            height: frame.height,
            mcu_height: 8 * most_v,
            colours: frame.colours(),
            planes: planes?,
            rgb: [row.clone(), row.clone(), row],
            n_taken: 0,
            n_given: 0,
        })
    }

    /// What taking a picture's rows holds, but for some padding.
    pub(crate) fn memory_bytes(frame: &Frame) -> u64 {
        let (_, most_v) = most_factors(frame);
        let row = frame.width.next_multiple_of(ROW_UNIT) as u64;
        let n_rows = frame.components.len() * 2 * (8 * most_v + 2) + 3;
        row * n_rows as u64
    }

    /// Takes the next row of MCUs, and shows the rows of pixels that are complete then.
    pub(crate) fn take(&mut self, frame: &Frame, row: &McuRow, show: &mut dyn FnMut(Row<'_>)) {
        let coefficients = row.components.iter().zip(&row.last);
        let planes = self.planes.iter_mut().zip(&frame.components);
        for ((plane, component), (blocks, last)) in planes.zip(coefficients) {
            plane.take(self.kernel, component, self.n_taken, (blocks, last));
        }
        self.n_taken += 1;
        let n_pixels_high = self.n_taken * self.mcu_height;
        let n_complete = if n_pixels_high >= self.height {
            self.height
        } else {
            // The lowest row also needs samples from below.
            n_pixels_high - 1
        };
        for y in self.n_given..n_complete {
            for plane in &mut self.planes {
                plane.upsample(self.kernel, y);
            }
            show(self.row(y));
        }
        self.n_given = n_complete;
    }

    fn row(&mut self, y: usize) -> Row<'_> {
        let width = self.width;
        let rgb = self.rgb.each_mut().map(Vec::as_mut_slice);
        match (self.colours, &self.planes[..]) {
            (Colours::Grey, [grey]) => {
                return Row::Packed(Channels::Grey, &grey.pixels(y)[..width]);
            }
            (Colours::Rgb, [red, green, blue]) => {
                return Row::Planar([red, green, blue].map(|plane| &plane.pixels(y)[..width]));
            }
            (Colours::YCbCr, [luma, blueness, redness]) => {
                let ycc = [luma, blueness, redness].map(|plane| plane.pixels(y));
                self.kernel.to_rgb(ycc, rgb);
            }
            (Colours::Cmyk, [cyan, magenta, yellow, black]) => {
                let inks = [cyan, magenta, yellow].map(|plane| plane.pixels(y));
                for (ink, stored) in rgb.into_iter().zip(inks) {
                    ink.copy_from_slice(stored);
                }
                colour::print_over(self.rgb.each_mut(), black.pixels(y));
            }
            (Colours::Ycck, [luma, blueness, redness, black]) => {
                let ycc = [luma, blueness, redness].map(|plane| plane.pixels(y));
                self.kernel.to_rgb(ycc, rgb);
                colour::invert(self.rgb.each_mut());
                colour::print_over(self.rgb.each_mut(), black.pixels(y));
            }
            _ => unreachable!("colours follow from the number of components"),
        }
        Row::Planar(self.rgb.each_ref().map(|samples| &samples[..width]))
    }
}

/// The resolution of the picture, in sampling factors.
fn most_factors(frame: &Frame) -> (usize, usize) {
    let most = |factor: fn(&Component) -> usize| frame.components.iter().map(factor).max();
    (
        most(|component| component.h).unwrap_or(1),
        most(|component| component.v).unwrap_or(1),
    )
}

/// The samples of one component.
struct Plane {
    width: usize,
    height: usize,
    stride: usize,
    /// Two rows of MCUs in turns; row `y` is at `y % n_rows`.
    samples: Vec<u8>,
    n_rows: usize,
    upsampling: Upsampling,
    /// Rows of pixels to a row of samples.
    rows_each: usize,
    upsampled: Upsampled,
    /// In pixels, padded to whole registers.
    row_len: usize,
}

impl Plane {
    /// A sample stands for `columns` times `rows` pixels, of which a row has `row_len`.
    fn new(component: &Component, columns: usize, rows: usize, row_len: usize) -> Plane {
        let stride = (8 * component.blocks_per_row).next_multiple_of(ROW_UNIT);
        let n_rows = 2 * 8 * component.v;
        Plane {
            width: component.width,
            height: component.height,
            stride,
            samples: vec![0; stride * n_rows],
            n_rows,
            upsampling: Upsampling::new(columns, rows, component.width),
            rows_each: rows,
            upsampled: Upsampled::new(component.width, columns * stride),
            row_len,
        }
    }

    /// Takes the blocks of the next row of MCUs.
    fn take(
        &mut self,
        kernel: &Kernel,
        component: &Component,
        mcu_y: usize,
        (blocks, last): (&[Block], &[u8]),
    ) {
        let n_blocks = component.blocks_per_row;
        let first_y = mcu_y * component.v;
        let rows = blocks.chunks(n_blocks).zip(last.chunks(n_blocks));
        for (y, (blocks, last)) in rows.enumerate() {
            let start = (first_y + y) * 8 % self.n_rows * self.stride;
            let samples = &mut self.samples[start..][..8 * self.stride];
            let steps = &component.quant;
            let row = BlockRow {
                blocks,
                last,
                steps,
            };
            kernel.idct(row, samples, self.stride);
        }
    }

    /// Prepares [`Plane::pixels`].
    fn upsample(&mut self, kernel: &Kernel, y: usize) {
        if self.upsampling == Upsampling::None {
            return;
        }
        let covering = y / self.rows_each;
        let is_below = !y.is_multiple_of(self.rows_each);
        let beside = if is_below {
            (covering + 1).min(self.height - 1)
        } else {
            covering.saturating_sub(1)
        };
        let row = |y: usize| &self.samples[y % self.n_rows * self.stride..][..self.width];
        let near = Near {
            covering: row(covering),
            beside: row(beside),
            is_below,
        };
        kernel.upsample(&mut self.upsampled, self.upsampling, near);
    }

    /// One sample a pixel, and what pads the row.
    fn pixels(&self, y: usize) -> &[u8] {
        let samples = if self.upsampling == Upsampling::None {
            &self.samples[y % self.n_rows * self.stride..]
        } else {
            &self.upsampled.samples[..]
        };
        &samples[..self.row_len]
    }
}
