//! Land seen from above its valleys: a height for every place, drawn column by column from near to far.

use super::canvas::{Canvas, Size};
use super::dice::Noise;
use super::sky::Sky;
use super::vector::{Color, Vec3, mix, smooth, vec3};

/// How the land lies and looks. Places are in units of the land, `z` away from the camera.
pub(super) struct Terrain<'a> {
    pub(super) sky: &'a Sky,
    /// Height of the land at `x`, `z`; detail finer than the third number need not be there.
    pub(super) height: &'a (dyn Fn(f32, f32, f32) -> f32 + Sync),
    pub(super) albedo: &'a (dyn Fn(&Spot) -> Color + Sync),
    /// Where the camera stands.
    pub(super) eye: Vec3,
    /// Rows above the horizon, in heights.
    pub(super) horizon: f32,
    /// Land below this lies under water.
    pub(super) water: Option<f32>,
    /// How far one sees before everything has the colour of the air.
    pub(super) haze: f32,
    pub(super) far: f32,
}

/// A place on the land's surface.
pub(super) struct Spot {
    pub(super) x: f32,
    pub(super) z: f32,
    pub(super) height: f32,
    pub(super) normal: Vec3,
}

const STEPS: usize = 760;
const NEAR: f32 = 0.12;
/// Rows drawn for each row of the picture, so that crests are not jagged.
const FINE: usize = 2;

impl Terrain<'_> {
    pub(super) fn paint(&self, size: Size) -> Canvas {
        let aspect = size.aspect();
        let sun = self.sky.sun_direction(aspect);
        let dry = Canvas::paint_columns(size, |x, column| self.draw_column(x, aspect, sun, column));
        if self.water.is_none() {
            return dry;
        }
        self.flood(&dry)
    }

    fn draw_column(&self, x: f32, aspect: f32, sun: Vec3, column: &mut [Color]) {
        let n_rows = column.len() * FINE;
        let mut fine = vec![Vec3::ZERO; n_rows];
        let sideways = x - aspect * 0.5;
        // Rows below this one are drawn.
        let mut top = n_rows;
        let mut before: Option<Color> = None;
        for step in 0..STEPS {
            let z = NEAR * (self.far / NEAR).powf(step as f32 / (STEPS - 1) as f32);
            let (wx, wz) = (self.eye.x + sideways * z, self.eye.z + z);
            let ground = (self.height)(wx, wz, z * 0.002);
            let level = self.water.map_or(ground, |water| ground.max(water));
            let row = (self.horizon + (self.eye.y - level) / z) * n_rows as f32;
            if row >= top as f32 {
                before = None;
                continue;
            }
            let color = if level > ground {
                WATER
            } else {
                self.shade(wx, wz, z, ground, sun)
            };
            let new_top = row.max(0.0).ceil() as usize;
            let from = before
                .filter(|before| *before != WATER && color != WATER)
                .unwrap_or(color);
            let n = top.saturating_sub(new_top).max(1) as f32;
            for (i, cell) in fine[new_top.min(top)..top].iter_mut().rev().enumerate() {
                *cell = mix(from, color, (i as f32 + 1.0) / n);
            }
            top = top.min(new_top);
            before = Some(color);
            if top == 0 {
                break;
            }
        }
        for (row, cell) in fine[..top].iter_mut().enumerate() {
            *cell = self.sky.at(x, self.horizon - row as f32 / n_rows as f32);
        }
        for (i, cell) in column.iter_mut().enumerate() {
            let parts = &fine[i * FINE..(i + 1) * FINE];
            *cell = if parts.contains(&WATER) {
                WATER
            } else {
                parts.iter().fold(Vec3::ZERO, |sum, part| sum + *part) * (1.0 / FINE as f32)
            };
        }
    }

    fn shade(&self, x: f32, z: f32, away: f32, height: f32, sun: Vec3) -> Color {
        let detail = away * 0.002;
        let gap = detail.max(0.002);
        let normal = vec3(
            height - (self.height)(x + gap, z, detail),
            gap,
            height - (self.height)(x, z + gap, detail),
        )
        .normal();
        let spot = Spot {
            x,
            z,
            height,
            normal,
        };
        let albedo = (self.albedo)(&spot);
        let lit = normal.dot(sun).max(0.0) * self.sunlit(x, z, height, sun);
        let light = self.sky.sunlight * (1.9 * lit) + self.sky.ambient() * (0.6 + 0.4 * normal.y);
        let air = 1.0 - (-away / self.haze).exp();
        mix(
            albedo.times(light),
            self.sky.horizon * 0.92,
            air * air.sqrt(),
        )
    }

    /// 1 in the sun, 0 in the shadow of a crest.
    fn sunlit(&self, x: f32, z: f32, height: f32, sun: Vec3) -> f32 {
        let mut clear: f32 = 1.0;
        let mut along = 0.03;
        for _ in 0..14 {
            let ray = height + sun.y * along;
            let above = ray - (self.height)(x + sun.x * along, z + sun.z * along, 0.03);
            clear = clear.min(0.5 + above * 14.0 / along.max(0.1));
            along *= 1.32;
        }
        clear.clamp(0.0, 1.0)
    }

    /// Fills the water with what it mirrors, broken by ripples.
    fn flood(&self, dry: &Canvas) -> Canvas {
        let size = dry.size;
        let deep = mix(self.sky.horizon, vec3(0.01, 0.05, 0.07), 0.8);
        Canvas::paint(size, |x, y| {
            let here = dry.sample(x, y);
            // At the shore a sample is part water, part land; the mark is strongly negative, so any part shows.
            if here.x >= -0.02 {
                return here;
            }
            let below = (y - self.horizon).max(0.001);
            let depth = 0.25 / below;
            let ripple = RIPPLES.fractal(x * depth * 3.2, depth * 30.0, 3) * below.min(0.25);
            let mirrored = self.horizon - below * 0.92 + ripple * 0.16;
            let seen = dry.sample(x + ripple * 0.05, mirrored.max(0.0));
            let seen = if seen.x < 0.0 {
                self.sky.at(x, 0.05)
            } else {
                seen
            };
            let clarity = smooth(0.0, 0.5, below);
            mix(seen * 0.88, deep, 0.12 + 0.5 * clarity)
                + self.sky.sunlight * (ripple.max(0.0) * 0.35)
        })
    }
}

/// Marks water until it is known what it mirrors; no light is negative.
const WATER: Color = vec3(-64.0, -64.0, -64.0);
const RIPPLES: Noise = Noise::fixed(77);
