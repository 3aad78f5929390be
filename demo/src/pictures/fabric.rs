//! Cloth in folds: plaid, stripes, dots or damask.

use super::canvas::{Canvas, Size};
use super::dice::Dice;
use super::vector::{Color, Vec3, mix, rgb, smooth, vec3};

#[derive(Clone, Copy)]
enum Pattern {
    Plaid,
    Stripes,
    Dots,
    Damask,
}

pub(super) fn fabric(dice: &mut Dice, size: Size) -> Canvas {
    const CLOTHS: [[u32; 4]; 6] = [
        [0x8a1c2a, 0x1c2a4a, 0xe0c890, 0x2a4a3a],
        [0x22456a, 0xe8e4da, 0xb0482a, 0x101c2c],
        [0x5a7a5a, 0xf0e8d0, 0x2a3a2a, 0xc89a4a],
        [0x6a4a7a, 0xd8c0d8, 0x2a1a3a, 0xe0a050],
        [0xc8a050, 0x7a2a1a, 0xf4ecd8, 0x3a2a20],
        [0x2a6a70, 0xf0d8b8, 0xd86a4a, 0x10282c],
    ];
    let colors = dice.pick(&CLOTHS).map(rgb);
    let pattern = dice.pick(&[
        Pattern::Plaid,
        Pattern::Stripes,
        Pattern::Dots,
        Pattern::Damask,
    ]);
    let (broad, fine) = (dice.noise(), dice.noise());
    let turn = dice.between(0.0, std::f32::consts::PI);
    let (cos, sin) = (turn.cos(), turn.sin());
    let (folds, deep) = (dice.between(1.6, 3.4), dice.between(0.09, 0.17));
    let scale = dice.between(3.0, 7.0);
    let grain = dice.between(-0.6, 0.6);
    let sun = vec3(dice.between(-0.8, 0.8), dice.between(-0.8, -0.2), 0.75).normal();

    let fold = |x: f32, y: f32| {
        let (u, v) = (x * cos + y * sin, y * cos - x * sin);
        let warp = broad.fractal(u * 0.9, v * 0.9, 3);
        let crest = 1.0 - broad.at(u * folds + warp * 1.6, v * 0.55 + warp).abs();
        let small = 1.0 - broad.at(u * folds * 2.1 + 9.0, v * 1.2 + warp * 1.5).abs();
        (crest * crest + 0.35 * small * small + 0.5 * warp) * deep
    };
    Canvas::paint(size, |x, y| {
        let gap = 0.004;
        let here = fold(x, y);
        let (dx, dy) = (
            (fold(x + gap, y) - here) / gap,
            (fold(x, y + gap) - here) / gap,
        );
        let normal = vec3(-dx, -dy, 1.0).normal();
        // Cloth slides with its folds, so the pattern bends where they are.
        let (px, py) = (x + dx * 0.03, y + dy * 0.03);
        let (u, v) = (
            (px * grain.cos() + py * grain.sin()) * scale,
            (py * grain.cos() - px * grain.sin()) * scale,
        );
        let dyed = pattern.color(u, v, &colors);
        let thread = fine.at(u * 26.0, v * 7.0) * 0.06 + fine.at(u * 7.0, v * 26.0) * 0.06;
        let lit = normal.dot(sun).max(0.0);
        let hollow = smooth(-0.06, 0.16, here);
        let sheen = sun
            .reflected(normal)
            .dot(vec3(0.0, 0.0, -1.0))
            .max(0.0)
            .powi(10);
        dyed * ((0.16 + 1.05 * lit) * (0.45 + 0.6 * hollow) * (1.0 + thread))
            + Vec3::ONE * (sheen * 0.16)
    })
}

impl Pattern {
    fn color(self, u: f32, v: f32, [ground, second, third, fourth]: &[Color; 4]) -> Color {
        let band = |at: f32, middle: f32, half: f32| {
            let away = (at - at.floor() - middle).abs();
            smooth(half + 0.015, half - 0.015, away)
        };
        match self {
            Pattern::Plaid => {
                let mut color = *ground;
                for (at, other) in [(u, 0.0), (v, 0.5)] {
                    let twill = if ((u + v) * 24.0 + other).fract().abs() < 0.5 {
                        0.75
                    } else {
                        0.45
                    };
                    color = mix(color, *second, band(at, 0.35, 0.16) * twill);
                    color = mix(color, *third, band(at, 0.72, 0.03) * twill * 1.3);
                    color = mix(color, *fourth, band(at, 0.86, 0.06) * twill);
                }
                color
            }
            Pattern::Stripes => {
                let wide = mix(*ground, *second, band(u * 0.8, 0.3, 0.2));
                mix(
                    mix(wide, *third, band(u * 0.8, 0.7, 0.05)),
                    *fourth,
                    band(u * 0.8, 0.86, 0.02),
                )
            }
            Pattern::Dots => {
                let row = (v * 1.4).floor();
                let shift = if row as i32 % 2 == 0 { 0.0 } else { 0.5 };
                let (du, dv) = ((u * 1.4 + shift).fract().abs() - 0.5, (v * 1.4 - row) - 0.5);
                let away = (du * du + dv * dv).sqrt();
                let dot = mix(*second, *third, smooth(0.16, 0.13, away));
                mix(*ground, dot, smooth(0.3, 0.27, away))
            }
            Pattern::Damask => {
                let wave = (u * 3.1).sin()
                    + (v * 3.1).sin()
                    + ((u + v) * 4.4).cos() * 0.6
                    + ((u - v) * 6.2).sin() * 0.45;
                let leaf = smooth(-0.05, 0.12, wave) * smooth(1.5, 1.3, wave);
                mix(
                    *ground,
                    mix(*second, *third, smooth(0.8, 0.95, wave)),
                    leaf * 0.8,
                )
            }
        }
    }
}
