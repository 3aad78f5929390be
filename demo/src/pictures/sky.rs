//! Skies: a gradient, a sun or moon, and clouds.

use super::dice::{Dice, Noise};
use super::vector::{Color, Vec3, mix, rgb, smooth, vec3};

pub(super) struct Sky {
    zenith: Color,
    pub(super) horizon: Color,
    /// Where the sun stands: sideways in heights, and up from the horizon.
    pub(super) sun: (f32, f32),
    pub(super) sunlight: Color,
    cloud_light: Color,
    cloud_dark: Color,
    cover: f32,
    stretch: f32,
    noise: Noise,
}

impl Sky {
    pub(super) fn new(dice: &mut Dice, aspect: f32) -> Sky {
        // Zenith, horizon, sunlight, lit and shaded cloud, and how high the sun may stand.
        const TIMES: [(u32, u32, u32, u32, u32, f32); 6] = [
            (0x2a62ad, 0xb4d2ea, 0xfff1da, 0xffffff, 0x93a5b8, 0.55),
            (0x49609a, 0xf6b78c, 0xffc98a, 0xffdcc0, 0x8d7896, 0.16),
            (0x2a3a70, 0xe8987a, 0xffa878, 0xffb494, 0x5a4a70, 0.14),
            (0x6f7f8f, 0xc6ccd0, 0xd9dde0, 0xdde1e4, 0x7a858f, 0.60),
            (0x4f80b4, 0xf5dcae, 0xffdf9e, 0xfff0d2, 0xa59a94, 0.30),
            (0x1f5f78, 0xc8e6d4, 0xfff6d0, 0xf6fff4, 0x7fa39c, 0.45),
        ];
        let (zenith, horizon, sun, lit, shaded, highest) = dice.pick(&TIMES);
        Sky {
            zenith: rgb(zenith),
            horizon: rgb(horizon),
            sun: (
                dice.between(0.08, 0.92) * aspect,
                dice.between(0.35, 1.0) * highest,
            ),
            sunlight: rgb(sun),
            cloud_light: rgb(lit),
            cloud_dark: rgb(shaded),
            cover: dice.between(-0.25, 0.35),
            stretch: dice.between(1.4, 3.5),
            noise: dice.noise(),
        }
    }

    /// The direction that light comes from, for a camera that looks along `z`.
    pub(super) fn sun_direction(&self, aspect: f32) -> Vec3 {
        vec3(
            (self.sun.0 / aspect - 0.5) * 2.2,
            0.25 + self.sun.1 * 1.2,
            0.35,
        )
        .normal()
    }

    /// What a surface that faces up gets from the sky alone.
    pub(super) fn ambient(&self) -> Color {
        mix(self.zenith, self.horizon, 0.45) * 0.55
    }

    /// The colour at `x` heights from the left and `up` heights above the horizon.
    pub(super) fn at(&self, x: f32, up: f32) -> Color {
        let up = up.max(0.0);
        let mut color = mix(self.horizon, self.zenith, (up * 1.6).powf(0.7));
        let away = ((x - self.sun.0).powi(2) + (up - self.sun.1).powi(2)).sqrt();
        color += self.sunlight * (0.55 * (-away * 5.0).exp() + 0.25 * (-away * 1.6).exp());
        color += self.sunlight * (2.5 * smooth(0.032, 0.024, away));

        // A flat layer of cloud seen from below comes closer together towards the horizon.
        let depth = 1.0 / (up + 0.12);
        let (cx, cy) = ((x - 0.7) * depth * 0.9, depth * self.stretch);
        let warp = self.noise.fractal(cx * 0.7 + 9.0, cy * 0.7, 3) * 0.8;
        let thick = self.noise.fractal(cx + warp, cy + warp, 6) * 1.5 + self.cover;
        let lit = self.noise.fractal(cx + warp + 0.12, cy + warp - 0.25, 4) * 1.5 + self.cover;
        let share = smooth(0.05, 0.55, thick) * smooth(0.0, 0.12, up);
        let shade = smooth(-0.35, 0.5, thick - lit + 0.15 - thick * 0.25);
        let cloud = mix(self.cloud_dark, self.cloud_light, shade)
            + self.sunlight * (0.35 * (-away * 3.0).exp());
        mix(color, cloud, share * 0.92)
    }
}
