//! Northern lights over black woods.

use super::canvas::{Canvas, Size};
use super::dice::{Dice, Noise};
use super::landscapes::far_hills;
use super::vector::{Color, Vec3, mix, rgb, smooth, vec3};

struct Curtain {
    base: f32,
    sway: f32,
    tall: f32,
    bright: f32,
    low: Color,
    high: Color,
    noise: Noise,
}

pub(super) fn aurora(dice: &mut Dice, size: Size) -> Canvas {
    let aspect = size.aspect();
    let curtains: Vec<Curtain> = (0..3 + dice.below(3))
        .map(|_| Curtain {
            base: dice.between(0.3, 0.7),
            sway: dice.between(0.15, 0.5),
            tall: dice.between(0.12, 0.4),
            bright: dice.between(0.45, 1.0),
            low: rgb(dice.pick(&[0x3cff9a, 0x6aff7a, 0x30e8c0])),
            high: rgb(dice.pick(&[0xb040ff, 0xff4a9a, 0x4060ff, 0x20c0a0])),
            noise: dice.noise(),
        })
        .collect();
    let stars = dice.noise();
    let (hills, nearer) = (far_hills(dice), far_hills(dice));
    let trees = dice.noise();
    let ground = dice.between(0.74, 0.86);
    let slope = dice.between(-0.12, 0.12);
    let mirrored = dice.chance(0.5);
    let glow = rgb(dice.pick(&[0x0a1a30, 0x141438, 0x06202a]));

    let scene = move |x: f32, y: f32| {
        let mut color = mix(vec3(0.003, 0.006, 0.016), glow, y);
        color += starlight(stars, x, y);
        for curtain in &curtains {
            color += curtain.light(x, y);
        }
        if y > ground - hills(x) - 0.06 {
            color = mix(rgb(0x0c1622), color, 0.12);
        }
        if y > ground - nearer(x + 9.0) * 0.6 + 0.01 {
            color = rgb(0x070d14);
        }
        if y > ground + 0.05 + slope * (x - aspect * 0.5) - conifers(trees, x) {
            color = rgb(0x020406);
        }
        color
    };
    let shore = ground + 0.05;
    let ripples = dice.noise();
    Canvas::paint(size, |x, y| {
        if !mirrored || y < shore {
            return scene(x, y);
        }
        let ripple = ripples.fractal(x * 6.0, 1.5 / (y - shore + 0.02), 3);
        scene(
            x + ripple * 0.004,
            shore - (y - shore) * 2.2 + ripple * 0.03,
        ) * 0.6
    })
}

impl Curtain {
    fn light(&self, x: f32, y: f32) -> Color {
        let fold = self.noise.fractal(x * 1.1, 0.5, 4);
        let edge = self.base + fold * self.sway;
        let up = edge - y;
        if up < -0.05 {
            return Vec3::ZERO;
        }
        let rays = 0.45
            + 0.75 * self.noise.at(x * 38.0 + fold * 20.0, 7.5).abs()
            + 0.5 * self.noise.at(x * 9.0 + fold * 9.0, 3.5);
        let strength =
            smooth(-0.04, 0.015, up) * (-(up.max(0.0)) / (self.tall * (0.5 + rays * 0.5))).exp();
        let patch = smooth(-0.35, 0.4, self.noise.fractal(x * 1.7 + 31.0, 2.5, 3));
        mix(self.low, self.high, up / self.tall * 0.6)
            * (strength * rays.max(0.1) * patch * self.bright)
    }
}

fn starlight(stars: Noise, x: f32, y: f32) -> Color {
    let scale = 70.0;
    let (cx, cy) = ((x * scale).floor(), (y * scale).floor());
    let (ix, iy) = (cx as i32, cy as i32);
    if stars.cell(ix, iy) > 0.28 {
        return Vec3::ZERO;
    }
    let dx = x * scale - cx - (0.2 + 0.6 * stars.cell(ix + 5000, iy));
    let dy = y * scale - cy - (0.2 + 0.6 * stars.cell(ix, iy + 5000));
    let bright = stars.cell(ix + 9000, iy).powi(5) * 1.6 + 0.15;
    let near = (dx * dx + dy * dy).sqrt();
    mix(rgb(0xaec8ff), rgb(0xfff0d8), stars.cell(ix, iy + 700))
        * (bright * smooth(0.17, 0.03, near))
}

/// Height of a row of firs at `x`.
fn conifers(noise: Noise, x: f32) -> f32 {
    let mut high: f32 = 0.0;
    for (layer, width) in [(0, 0.045_f32), (1, 0.03), (2, 0.02)] {
        let cell = (x / width).floor();
        for near in [-1, 0, 1] {
            let i = cell as i32 + near;
            let middle = (i as f32 + 0.2 + 0.6 * noise.cell(i, layer)) * width;
            let tall = width * (1.2 + 3.0 * noise.cell(i, layer + 10));
            let aside = (x - middle).abs();
            let boughs = 1.0 - 0.25 * ((aside * 700.0).sin().abs());
            high = high.max((tall - aside * tall / (width * 0.42) * boughs).min(tall));
        }
    }
    high.max(0.0) + noise.fractal(x * 40.0, 0.5, 3) * 0.004
}
