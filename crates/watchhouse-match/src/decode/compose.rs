//! Frames of an animation laid over each other, as APNG and WebP define it.

use super::DecodeError;
use super::error::malformed;
use crate::picture::{Channels, Picture};

type Rgba = [u8; 4];

const NOTHING: Rgba = [0; 4];

/// Where a frame lies on the canvas and what it does there.
#[derive(Clone, Copy)]
pub(super) struct Placement {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) blend: Blend,
    pub(super) dispose: Dispose,
}

/// How a frame meets what lies below it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Blend {
    /// Replaces it, transparency included.
    Source,
    /// Lets it shine through.
    Over,
}

/// What is left where a frame was, before the next one comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dispose {
    Keep,
    /// Nothing: transparent black.
    Clear,
    /// What was there before.
    Restore,
}

/// The canvas of an animation.
pub(super) struct Composer {
    width: usize,
    height: usize,
    canvas: Vec<Rgba>,
    /// The last frame's area, and what to put back there; empty for nothing.
    last: Option<(Area, Vec<Rgba>)>,
}

/// A part of the canvas, in pixels.
#[derive(Clone, Copy)]
struct Area {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

impl Composer {
    pub(super) fn new(width: u32, height: u32) -> Composer {
        let (width, height) = (width as usize, height as usize);
        Composer {
            width,
            height,
            canvas: vec![NOTHING; width * height],
            last: None,
        }
    }

    /// Lays the next frame on the canvas. Answers what is seen then.
    ///
    /// # Errors
    /// If the frame does not lie on the canvas.
    pub(super) fn lay(
        &mut self,
        frame: &Picture<'_>,
        placement: Placement,
    ) -> Result<Picture<'_>, DecodeError> {
        let area = Area {
            x: placement.x as usize,
            y: placement.y as usize,
            width: frame.width(),
            height: frame.height(),
        };
        if area.x + area.width > self.width || area.y + area.height > self.height {
            return Err(malformed("a frame lies outside the canvas"));
        }
        self.dispose_of_last();
        self.last = match placement.dispose {
            Dispose::Keep => None,
            Dispose::Clear => Some((area, Vec::new())),
            Dispose::Restore => Some((area, self.copy(area))),
        };
        for y in 0..area.height {
            let below = &mut self.canvas[(area.y + y) * self.width + area.x..][..area.width];
            draw_row(frame.row(y), frame.channels(), placement.blend, below);
        }
        Ok(Picture::new(
            self.width,
            self.height,
            Channels::Rgba,
            self.canvas.as_flattened(),
        ))
    }

    fn dispose_of_last(&mut self) {
        let Some((area, saved)) = self.last.take() else {
            return;
        };
        for y in 0..area.height {
            let row = &mut self.canvas[(area.y + y) * self.width + area.x..][..area.width];
            if saved.is_empty() {
                row.fill(NOTHING);
            } else {
                row.copy_from_slice(&saved[y * area.width..][..area.width]);
            }
        }
    }

    fn copy(&self, area: Area) -> Vec<Rgba> {
        let rows = self.canvas.chunks_exact(self.width);
        rows.skip(area.y)
            .take(area.height)
            .flat_map(|row| &row[area.x..area.x + area.width])
            .copied()
            .collect()
    }
}

fn draw_row(row: &[u8], channels: Channels, blend: Blend, below: &mut [Rgba]) {
    for (sample, below) in row.chunks_exact(channels.count()).zip(below) {
        let above = match *sample {
            [grey] => [grey, grey, grey, 255],
            [grey, alpha] => [grey, grey, grey, alpha],
            [red, green, blue] => [red, green, blue, 255],
            [red, green, blue, alpha] => [red, green, blue, alpha],
            _ => unreachable!("a pixel has one to four samples"),
        };
        *below = match blend {
            Blend::Source => above,
            Blend::Over => over(above, *below),
        };
    }
}

/// The "over" of Porter and Duff on colours that are not multiplied by their alpha.
fn over(above: Rgba, below: Rgba) -> Rgba {
    // The first two also keep whole colours exact, which the division would not.
    match above[3] {
        255 => return above,
        0 => return below,
        _ => {}
    }
    let above_weight = u32::from(above[3]) * 255;
    let below_weight = u32::from(below[3]) * (255 - u32::from(above[3]));
    let weight = above_weight + below_weight;
    let mix = |above: u8, below: u8| {
        let sum = u32::from(above) * above_weight + u32::from(below) * below_weight;
        ((sum + weight / 2) / weight) as u8
    };
    [
        mix(above[0], below[0]),
        mix(above[1], below[1]),
        mix(above[2], below[2]),
        ((weight + 127) / 255) as u8,
    ]
}
