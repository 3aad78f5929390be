//! Fallen leaves, one upon the other.

use super::canvas::{Canvas, Size};
use super::dice::{Dice, Noise};
use super::vector::{Color, mix, rgb, smooth};

struct Leaf {
    middle: (f32, f32),
    turn: f32,
    length: f32,
    /// Widest half width as a share of the length.
    slim: f32,
    teeth: f32,
    veins: f32,
    bow: f32,
    color: Color,
    blush: Color,
    noise: Noise,
    bright: f32,
}

pub(super) fn leaves(dice: &mut Dice, size: Size) -> Canvas {
    const SEASONS: [[u32; 6]; 4] = [
        [0xb8441c, 0xd98a1e, 0x8a2a1a, 0xe0b83a, 0x6e4a22, 0xc86a28],
        [0x3f7a2e, 0x6aa03a, 0x2a5a2c, 0x8ab84a, 0x4a8a4e, 0xa8c060],
        [0x7a1f3a, 0xc83a4a, 0x4a2a5a, 0xe07a5a, 0x9a4a6a, 0x3a3a4a],
        [0x5a6a3a, 0xc8a83a, 0x8a7a3a, 0xd8c878, 0x4a5a4a, 0xa85a2a],
    ];
    let season = dice.pick(&SEASONS);
    let soil = dice.noise();
    let (earth, moss) = (rgb(0x2a2018), rgb(0x3a3a20));
    let mut canvas = Canvas::paint(size, |x, y| {
        let rough = soil.fractal(x * 12.0, y * 12.0, 5);
        mix(earth, moss, 0.5 + rough) * (0.6 + rough * 0.5)
    });
    let light = dice.between(0.0, std::f32::consts::TAU);
    let patch = dice.noise();
    let largest = dice.between(0.28, 0.55);
    let n = (90.0 * size.aspect()) as usize;
    for i in 0..n {
        let age = i as f32 / n as f32;
        let middle = (
            dice.between(-0.1, size.aspect() + 0.1),
            dice.between(-0.1, 1.1),
        );
        // Leaves of one tree lie together.
        let kind =
            ((patch.at(middle.0 * 1.3, middle.1 * 1.3) * 0.5 + 0.5) * 5.0) as usize + dice.below(2);
        let leaf = Leaf {
            middle,
            turn: dice.between(0.0, std::f32::consts::TAU),
            length: largest * dice.between(0.35, 1.0),
            slim: dice.between(0.2, 0.42),
            teeth: dice.pick(&[0.0, 0.02, 0.05]),
            veins: dice.between(9.0, 16.0),
            bow: dice.between(-0.25, 0.25),
            color: rgb(season[kind.min(5)]),
            blush: rgb(dice.pick(&season)),
            noise: dice.noise(),
            bright: 0.35 + 0.65 * age,
        };
        leaf.drop_onto(&mut canvas, light);
    }
    canvas
}

impl Leaf {
    fn drop_onto(&self, canvas: &mut Canvas, light: f32) {
        let reach = self.length * 0.65;
        let (x, y) = self.middle;
        let (from, to) = ((x - reach, y - reach), (x + reach, y + reach));
        let shadow = self.length * 0.05;
        let (sx, sy) = (light.cos() * shadow, light.sin() * shadow);
        canvas.touch(from, to, |x, y, under| {
            let (t, side, half) = self.place(x - sx, y - sy);
            let near = smooth(half + 0.05, half - 0.05, side.abs())
                * smooth(-0.06, 0.06, t)
                * smooth(1.06, 0.94, t);
            under * (1.0 - 0.6 * near)
        });
        let edge = canvas.size.pixel() / self.length;
        canvas.touch(from, to, |x, y, under| {
            let (t, side, half) = self.place(x, y);
            let stalk = smooth(0.012 + edge, 0.012, side.abs())
                * smooth(-0.16, -0.15, t)
                * smooth(0.1, 0.0, t);
            let cover = (smooth(edge, -edge, side.abs() - half)
                * smooth(0.0, edge, t)
                * smooth(1.0, 1.0 - edge, t))
            .max(stalk);
            if cover <= 0.0 {
                under
            } else {
                mix(under, self.color(t, side, half, light), cover)
            }
        });
    }

    /// Along the leaf (0 stalk, 1 tip), aside of its rib, and how wide it is there; all in lengths.
    fn place(&self, x: f32, y: f32) -> (f32, f32, f32) {
        let (cos, sin) = (self.turn.cos(), self.turn.sin());
        let (dx, dy) = (
            (x - self.middle.0) / self.length,
            (y - self.middle.1) / self.length,
        );
        let t = dx * cos + dy * sin + 0.5;
        let side = dy * cos - dx * sin - self.bow * (t - 0.5) * (t - 0.5) + self.bow * 0.1;
        let inside = t.clamp(0.0, 1.0);
        let half = self.slim
            * (std::f32::consts::PI * inside.powf(0.8))
                .sin()
                .max(0.0)
                .powf(0.85)
            * (1.0 - 0.25 * inside);
        let tooth = self.teeth * ((inside * 46.0).fract() - 0.5) * half * 4.0;
        (t, side, half + tooth)
    }

    fn color(&self, t: f32, side: f32, half: f32, light: f32) -> Color {
        let out = side.abs() / half.max(0.01);
        let blotch = self.noise.fractal(t * 4.0, side * 6.0, 4);
        let base = mix(
            self.color,
            self.blush,
            smooth(-0.2, 0.7, blotch + out * 0.4 - 0.2),
        );
        let rib = smooth(0.016, 0.006, side.abs());
        let vein = ((t - side.abs() * 0.9) * self.veins).fract();
        let vein = smooth(0.14, 0.0, vein.min(1.0 - vein)) * smooth(0.98, 0.8, out);
        // Each half leans its own way, and the blade swells between the veins.
        let lean = side.signum() * (self.turn + std::f32::consts::FRAC_PI_2 - light).cos();
        let shade = 0.95 - 0.28 * lean * (0.4 + 0.6 * out) - 0.18 * vein + 0.15 * blotch;
        let spots = smooth(0.45, 0.6, self.noise.at(t * 16.0, side * 16.0 + 40.0));
        let lit = mix(base * shade, rgb(0x3a2414), spots * 0.6);
        mix(lit, base * 1.5 + rgb(0x302810), rib * 0.75 + vein * 0.12) * self.bright
    }
}
