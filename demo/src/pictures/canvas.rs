//! Light before it is a picture: floating-point pixels, and the developing that makes them look photographed.

use std::thread;

use image::{Rgb, RgbImage};

use super::dice::{Dice, Noise};
use super::vector::{Color, Vec3, mix, smooth, vec3};

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    pub const fn new(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    /// Width in heights. Scenes measure everything in heights, so `x` runs to `aspect` and `y` to 1.
    pub(super) fn aspect(self) -> f32 {
        self.width as f32 / self.height as f32
    }

    /// One pixel in heights.
    pub(super) fn pixel(self) -> f32 {
        1.0 / self.height as f32
    }
}

pub(super) struct Canvas {
    pub(super) size: Size,
    pixels: Vec<Color>,
}

impl Canvas {
    /// Asks for the colour of every pixel, by its place in heights from the upper left corner.
    pub(super) fn paint(size: Size, shade: impl Fn(f32, f32) -> Color + Sync) -> Canvas {
        let width = size.width as usize;
        let mut pixels = vec![Vec3::ZERO; width * size.height as usize];
        let pixel = size.pixel();
        in_parallel(&mut pixels, width, &|row, line: &mut [Color]| {
            let y = (row as f32 + 0.5) * pixel;
            for (column, color) in line.iter_mut().enumerate() {
                *color = shade((column as f32 + 0.5) * pixel, y);
            }
        });
        Canvas { size, pixels }
    }

    /// Asks for whole columns: `draw` fills one from its top, given where it lies in heights.
    pub(super) fn paint_columns(size: Size, draw: impl Fn(f32, &mut [Color]) + Sync) -> Canvas {
        let (width, height) = (size.width as usize, size.height as usize);
        let mut turned = vec![Vec3::ZERO; width * height];
        let pixel = size.pixel();
        in_parallel(&mut turned, height, &|column, line: &mut [Color]| {
            draw((column as f32 + 0.5) * pixel, line);
        });
        let mut pixels = vec![Vec3::ZERO; width * height];
        for (i, color) in pixels.iter_mut().enumerate() {
            *color = turned[(i % width) * height + i / width];
        }
        Canvas { size, pixels }
    }

    /// The colour at a place in heights; outside, the nearest inside.
    pub(super) fn sample(&self, x: f32, y: f32) -> Color {
        let (width, height) = (self.size.width as f32, self.size.height as f32);
        let px = (x * height - 0.5).clamp(0.0, width - 1.0);
        let py = (y * height - 0.5).clamp(0.0, height - 1.0);
        let (x0, y0) = (px as usize, py as usize);
        let (x1, y1) = (
            (x0 + 1).min(self.size.width as usize - 1),
            (y0 + 1).min(self.size.height as usize - 1),
        );
        let (u, v) = (px - x0 as f32, py - y0 as f32);
        let at = |x: usize, y: usize| self.pixels[y * self.size.width as usize + x];
        mix(
            mix(at(x0, y0), at(x1, y0), u),
            mix(at(x0, y1), at(x1, y1), u),
            v,
        )
    }

    /// Changes the pixels of a rectangle in heights; what lies outside the canvas is left out.
    pub(super) fn touch(
        &mut self,
        (left, top): (f32, f32),
        (right, bottom): (f32, f32),
        change: impl Fn(f32, f32, Color) -> Color,
    ) {
        let scale = self.size.height as f32;
        let clip = |at: f32, end: u32| (at * scale).clamp(0.0, end as f32) as u32;
        let pixel = self.size.pixel();
        for row in clip(top, self.size.height)..clip(bottom + pixel, self.size.height) {
            for column in clip(left, self.size.width)..clip(right + pixel, self.size.width) {
                let color = &mut self.pixels[(row * self.size.width + column) as usize];
                *color = change(
                    (column as f32 + 0.5) * pixel,
                    (row as f32 + 0.5) * pixel,
                    *color,
                );
            }
        }
    }

    /// Blurs by a Gaussian of `sigma` heights (three box blurs, which is close).
    pub(super) fn blur(&mut self, sigma: f32) {
        let sigma_pixels = sigma * self.size.height as f32;
        let radius = ((sigma_pixels * sigma_pixels * 4.0 + 1.0).sqrt() / 2.0).round() as usize;
        if radius == 0 {
            return self.soften(sigma_pixels);
        }
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        for _ in 0..3 {
            for row in 0..height {
                box_blur(&mut self.pixels[row * width..], width, 1, radius);
            }
            for column in 0..width {
                box_blur(&mut self.pixels[column..], height, width, radius);
            }
        }
    }

    /// A blur of less than a pixel: what every lens does.
    fn soften(&mut self, sigma_pixels: f32) {
        let side = (sigma_pixels * 0.4).min(0.3);
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let mut pass = |lines: usize, start: usize, n: usize, step: usize| {
            for line in 0..lines {
                let mut before = self.pixels[line * start];
                for i in 0..n {
                    let at = line * start + i * step;
                    let here = self.pixels[at];
                    let after = if i + 1 < n {
                        self.pixels[at + step]
                    } else {
                        here
                    };
                    self.pixels[at] = here * (1.0 - 2.0 * side) + (before + after) * side;
                    before = here;
                }
            }
        };
        pass(height, width, width, 1);
        pass(width, 1, height, width);
    }

    /// Exposure, vignette, the film's curve and its grain.
    pub(super) fn develop(mut self, dice: &mut Dice) -> RgbImage {
        self.blur(dice.between(0.45, 0.75) * self.size.pixel());
        let exposure = dice.between(0.92, 1.15);
        let vignette = dice.between(0.12, 0.4);
        let grain = dice.between(0.006, 0.022);
        let warmth = dice.between(-0.05, 0.05);
        let specks = dice.noise();
        let size = self.size;
        RgbImage::from_fn(size.width, size.height, |x, y| {
            let u = (x as f32 + 0.5) / size.width as f32 - 0.5;
            let v = (y as f32 + 0.5) / size.height as f32 - 0.5;
            let dark = 1.0 - vignette * smooth(0.15, 0.75, (u * u + v * v).sqrt());
            let light = self.pixels[(y * size.width + x) as usize] * (exposure * dark);
            let light = vec3(light.x * (1.0 + warmth), light.y, light.z * (1.0 - warmth));
            let speck = grain * gaussian(specks, x as i32, y as i32);
            let channel = |linear: f32| {
                ((encode(shoulder(linear)) + speck) * 255.0)
                    .round()
                    .clamp(0.0, 255.0) as u8
            };
            Rgb([channel(light.x), channel(light.y), channel(light.z)])
        })
    }
}

/// Hands each line, with its number, to `work` on as many threads as there are processors.
fn in_parallel(
    cells: &mut [Color],
    line_length: usize,
    work: &(impl Fn(usize, &mut [Color]) + Sync),
) {
    let n_threads = thread::available_parallelism().map_or(1, usize::from);
    let n_lines = cells.len() / line_length;
    let lines_each = n_lines.div_ceil(n_threads).max(1);
    thread::scope(|scope| {
        for (part, cells) in cells.chunks_mut(lines_each * line_length).enumerate() {
            scope.spawn(move || {
                for (i, line) in cells.chunks_mut(line_length).enumerate() {
                    work(part * lines_each + i, line);
                }
            });
        }
    });
}

fn box_blur(pixels: &mut [Color], n: usize, step: usize, radius: usize) {
    let line: Vec<Color> = (0..n).map(|i| pixels[i * step]).collect();
    let at = |i: isize| line[i.clamp(0, n as isize - 1) as usize];
    let reach = radius as isize;
    let mut sum = (-reach..=reach).fold(Vec3::ZERO, |sum, i| sum + at(i));
    let share = 1.0 / (2 * radius + 1) as f32;
    for i in 0..n {
        pixels[i * step] = sum * share;
        sum = sum + at(i as isize + reach + 1) - at(i as isize - reach);
    }
}

/// Rolls highlights off instead of clipping them; leaves what is darker than 0.6 alone.
fn shoulder(linear: f32) -> f32 {
    let linear = linear.max(0.0);
    if linear < 0.6 {
        linear
    } else {
        0.6 + 0.4 * (1.0 - (-(linear - 0.6) / 0.4).exp())
    }
}

/// The sRGB curve (IEC 61966-2-1).
fn encode(linear: f32) -> f32 {
    if linear <= 0.003_130_8 {
        linear * 12.92
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    }
}

fn gaussian(noise: Noise, x: i32, y: i32) -> f32 {
    let sum: f32 = (0..3)
        .map(|i| noise.cell(x.wrapping_add(i * 7919), y))
        .sum();
    (sum - 1.5) * 2.0
}
