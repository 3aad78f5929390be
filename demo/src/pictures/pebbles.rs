//! Wet stones on a beach.

use super::canvas::{Canvas, Size};
use super::dice::{Dice, Noise};
use super::vector::{Color, Vec3, mix, rgb, smooth, vec3};

struct Beach {
    stones: Noise,
    paint: Noise,
    colors: [Color; 6],
    sun: Vec3,
}

pub(super) fn pebbles(dice: &mut Dice, size: Size) -> Canvas {
    const SHORES: [[u32; 6]; 3] = [
        [0x5a5f66, 0x8a8078, 0xb8b0a4, 0x3c4046, 0x9a6a50, 0xd8d4cc],
        [0x6a4a3a, 0xb07a54, 0x4a4038, 0xd0b898, 0x8a8a84, 0x3a2e2a],
        [0x46606a, 0x7a929a, 0xa8b0a8, 0x2c3a40, 0xc8c0b0, 0x6a7a60],
    ];
    let beach = Beach {
        stones: dice.noise(),
        paint: dice.noise(),
        colors: dice.pick(&SHORES).map(rgb),
        sun: vec3(
            dice.between(-0.8, 0.8),
            dice.between(-0.8, 0.1),
            dice.between(0.4, 0.8),
        )
        .normal(),
    };
    let (coarse, patch) = (dice.between(4.5, 7.5), dice.noise());
    let (foam, edge) = (dice.noise(), dice.between(-0.35, 0.35));
    let slant = dice.between(-0.5, 0.5);
    Canvas::paint(size, |x, y| {
        // Small stones fill the gaps between large ones.
        let large = smooth(-0.45, -0.05, patch.fractal(x * 1.6, y * 1.6, 3) + 0.1);
        let color = match beach.stone(x, y, coarse, large) {
            Some(color) => color,
            None => beach
                .stone(x + 31.0, y + 17.0, coarse * 2.7, 1.0)
                .map_or(rgb(0x16130f), |color| color * 0.75),
        };
        // The sea has just drawn back from one side.
        let reach = y + slant * x - 0.55 + edge + foam.fractal(x * 2.0, y * 2.0, 4) * 0.22;
        let wet = mix(
            color,
            color * 0.62 + rgb(0x0c1418),
            smooth(-0.12, 0.05, reach),
        );
        let lace = smooth(0.12, 0.3, 0.36 - foam.fractal(x * 13.0, y * 13.0, 4).abs());
        let water = mix(
            wet,
            vec3(0.78, 0.86, 0.88),
            lace * smooth(0.05, 0.2, reach) * smooth(0.5, 0.2, reach),
        );
        mix(water, rgb(0x3f6f78), smooth(0.2, 0.75, reach) * 0.7)
    })
}

impl Beach {
    /// None in the gaps between stones of this size.
    fn stone(&self, x: f32, y: f32, scale: f32, share: f32) -> Option<Color> {
        let (u, v) = (x * scale, y * scale);
        let (cx, cy) = (u.floor() as i32, v.floor() as i32);
        let (mut first, mut second, mut which) = (f32::MAX, f32::MAX, (0, 0));
        let mut toward = (0.0, 0.0);
        for iy in cy - 1..=cy + 1 {
            for ix in cx - 1..=cx + 1 {
                let dx = u - ix as f32 - 0.15 - 0.7 * self.stones.cell(ix, iy);
                let dy = v - iy as f32 - 0.15 - 0.7 * self.stones.cell(ix + 4000, iy);
                let turn = self.stones.cell(ix, iy + 4000) * 3.2;
                let (a, b) = (
                    dx * turn.cos() + dy * turn.sin(),
                    dy * turn.cos() - dx * turn.sin(),
                );
                let away = (a * a * 0.75 + b * b * 1.3).sqrt();
                if away < first {
                    (second, first, which, toward) = (first, away, (ix, iy), (dx, dy));
                } else if away < second {
                    second = away;
                }
            }
        }
        let dice = self.stones.cell(which.0 + 77, which.1 - 77);
        let rim = (second - first) * 1.6;
        let rough = self.paint.fractal(u * 2.5 + dice * 90.0, v * 2.5, 4);
        if dice > share || rim < 0.1 + rough * 0.05 {
            return None;
        }
        let round = (rim / 0.9).min(1.0);
        let steep = (1.0 - round).powf(1.6);
        let length = (toward.0 * toward.0 + toward.1 * toward.1).sqrt().max(0.01);
        let normal = vec3(
            toward.0 / length * steep,
            toward.1 / length * steep,
            1.1 - steep * 0.6,
        )
        .normal();
        let base = self.colors[(self.stones.cell(which.0 - 9, which.1 + 9) * 5.999) as usize];
        let vein = smooth(
            0.05,
            0.01,
            (self.paint.fractal(u * 0.9 + dice * 50.0, v * 0.9, 2) - 0.2).abs(),
        );
        let base = mix(
            base * (0.8 + rough * 0.45 + dice * 0.35),
            rgb(0xe0dcd4),
            vein * smooth(0.5, 0.6, dice) * 0.8,
        );
        let lit = normal.dot(self.sun).max(0.0);
        let glint = (self.sun * -1.0).reflected(normal).z.max(0.0).powi(40);
        let hollow = 0.35 + 0.65 * smooth(0.05, 0.5, rim);
        Some(base * ((0.28 + 1.0 * lit) * hollow) + Vec3::ONE * (glint * 0.35))
    }
}
