//! A city across the water, by day, at dusk or at night.

use super::canvas::{Canvas, Size};
use super::dice::{Dice, Noise};
use super::sky::Sky;
use super::vector::{Color, mix, rgb, smooth, vec3};

struct Tower {
    left: f32,
    right: f32,
    top: f32,
    /// A second, narrower part on the roof, as a share of the width; and its height.
    crown: (f32, f32),
    mast: f32,
    wall: Color,
    windows: (f32, f32),
    lit: f32,
    noise: Noise,
    /// 0 at the water, 1 as far as one can see.
    away: f32,
}

pub(super) fn skyline(dice: &mut Dice, size: Size) -> Canvas {
    let aspect = size.aspect();
    let sky = Sky::new(dice, aspect);
    let night = dice.unit();
    let shore = dice.between(0.66, 0.86);
    let towers = rows_of_towers(dice, aspect, shore, night);
    let dry = Canvas::paint(size, |x, y| {
        let behind = sky.at(x, shore - y) * (1.0 - 0.75 * night);
        let haze = sky.horizon * (0.85 - 0.6 * night);
        towers
            .iter()
            .rev()
            .find_map(|tower| tower.color(x, y, shore, night, haze))
            .unwrap_or(behind)
    });
    let ripples = dice.noise();
    let water = mix(
        sky.horizon * (0.6 - 0.45 * night),
        vec3(0.01, 0.03, 0.05),
        0.6,
    );
    Canvas::paint(size, |x, y| {
        if y < shore {
            return dry.sample(x, y);
        }
        let below = y - shore;
        let depth = 0.3 / (below + 0.03);
        let ripple = ripples.fractal(x * depth * 2.2, depth * 12.0, 3);
        let mirrored = shore - below * 1.15 + ripple * (0.02 + below * 0.25);
        let seen = dry.sample(x + ripple * 0.006, mirrored.clamp(0.0, shore));
        let quay = smooth(0.006, 0.002, below);
        mix(mix(seen * 0.8, water, 0.2 + below), rgb(0x1a1a1c), quay)
    })
}

/// From the far to the near ones.
fn rows_of_towers(dice: &mut Dice, aspect: f32, shore: f32, night: f32) -> Vec<Tower> {
    let mut towers = Vec::new();
    for away in [0.75, 0.45, 0.2, 0.0] {
        let (centre, spread) = (dice.between(0.1, 0.9) * aspect, dice.between(0.25, 0.6));
        let mut x = -0.05;
        while x < aspect {
            let width = dice.between(0.035, 0.12) * (1.2 - away * 0.6);
            let downtown = (-((x - centre) / spread).powi(2)).exp();
            let tall = dice.between(0.05, 0.16) + downtown * dice.between(0.05, 0.5);
            let grey = dice.pick(&[0x8a8f98, 0xa39a8e, 0x6b7480, 0xb0a89a, 0x7a5a4a, 0x4f5b66]);
            if dice.chance(0.88) {
                towers.push(Tower {
                    left: x,
                    right: x + width,
                    top: (shore - tall).max(0.05),
                    crown: (dice.between(0.3, 0.8), dice.pick(&[0.0, 0.0, 0.02, 0.05])),
                    mast: dice.pick(&[0.0, 0.0, 0.0, 0.07]) * downtown,
                    wall: rgb(grey),
                    windows: (dice.between(0.007, 0.014), dice.between(0.01, 0.02)),
                    lit: dice.between(0.15, 0.65) * (0.15 + 0.85 * night),
                    noise: dice.noise(),
                    away,
                });
            }
            x += width * dice.between(0.75, 1.25);
        }
    }
    towers
}

impl Tower {
    fn color(&self, x: f32, y: f32, shore: f32, night: f32, haze: Color) -> Option<Color> {
        let middle = (self.left + self.right) * 0.5;
        let half = (self.right - self.left) * 0.5;
        let aside = (x - middle).abs();
        let in_body = aside < half && y > self.top;
        let in_crown = aside < half * self.crown.0 && y > self.top - self.crown.1;
        let in_mast = aside < 0.0022 && y > self.top - self.crown.1 - self.mast;
        if y > shore || !(in_body || in_crown || in_mast) {
            return None;
        }
        let (wide, high) = self.windows;
        let (u, v) = ((x - self.left) / wide, (y - self.top) / high);
        let (column, row) = (u.floor(), v.floor());
        let (u, v) = (u - column, v - row);
        let pane = smooth(0.12, 0.2, u)
            * smooth(0.88, 0.8, u)
            * smooth(0.15, 0.25, v)
            * smooth(0.8, 0.7, v);
        let pane = if in_body { pane } else { 0.0 };
        let dice = self.noise.cell(column as i32, row as i32);
        let side = if x > middle + half * 0.35 { 0.55 } else { 1.0 };
        let wall =
            self.wall * (side * (1.0 - 0.88 * night) * (0.75 + 0.25 * (1.0 - (y - self.top))));
        let glass = mix(self.wall * 0.25, haze, 0.35) * (1.0 - 0.7 * night);
        let lamp = mix(
            rgb(0xffc46a),
            rgb(0xe8f0ff),
            self.noise.cell(row as i32, column as i32 + 99),
        );
        let lamp = lamp * (0.45 + 0.8 * dice / self.lit.max(0.05)).min(1.2);
        let window = if dice < self.lit {
            mix(glass, lamp, 0.3 + 0.7 * night)
        } else {
            glass
        };
        Some(mix(mix(wall, window, pane), haze, self.away))
    }
}
