//! Balls and fruit on a table, by a window: a small ray tracer.

use super::canvas::{Canvas, Size};
use super::dice::{Dice, Noise};
use super::vector::{Color, Vec3, mix, rgb, smooth, vec3};

#[derive(Clone, Copy)]
enum Skin {
    Glossy,
    Striped(Color),
    Speckled(Color),
    Marbled(Color),
    Peel,
    Apple(Color),
}

/// A ball, or one squeezed to `squash` of its height.
struct Ball {
    centre: Vec3,
    radius: f32,
    squash: f32,
    color: Color,
    skin: Skin,
    noise: Noise,
}

struct Studio {
    balls: Vec<Ball>,
    light: Vec3,
    table: (Color, Color),
    table_noise: Noise,
    planks: f32,
    checks: bool,
    wall: (Color, Color),
    window: (f32, f32),
}

struct Hit {
    at: Vec3,
    normal: Vec3,
    color: Color,
    gloss: f32,
}

pub(super) fn spheres(dice: &mut Dice, size: Size) -> Canvas {
    const COLORS: [u32; 10] = [
        0xc0392b, 0x2471a3, 0x239b56, 0xd4ac0d, 0xeceff1, 0x34495e, 0x8e44ad, 0xd35400, 0x17a589,
        0xe8a0b0,
    ];
    let mut studio = Studio::new(dice);
    for _ in 0..6 + dice.below(8) {
        let color = rgb(dice.pick(&COLORS));
        let other = rgb(dice.pick(&COLORS));
        let skin = match dice.below(5) {
            0 => Skin::Striped(other),
            1 => Skin::Speckled(other),
            2 => Skin::Marbled(other),
            _ => Skin::Glossy,
        };
        let radius = dice.between(0.22, 0.75);
        let noise = dice.noise();
        studio.place(
            dice,
            size,
            Ball {
                centre: Vec3::ZERO,
                radius,
                squash: 1.0,
                color,
                skin,
                noise,
            },
        );
    }
    studio.paint(dice, size)
}

pub(super) fn fruit(dice: &mut Dice, size: Size) -> Canvas {
    let mut studio = Studio::new(dice);
    for _ in 0..9 + dice.below(9) {
        let (color, skin, radius, squash) = match dice.below(6) {
            0 => (0xf08a1c, Skin::Peel, 0.45, 0.95),
            1 => (0xf2d22e, Skin::Peel, 0.38, 0.82),
            2 => (0xb3202a, Skin::Apple(rgb(0xe8c84a)), 0.47, 0.88),
            3 => (0x8fb83a, Skin::Apple(rgb(0xc8d870)), 0.45, 0.9),
            4 => (0x4a2a5e, Skin::Marbled(rgb(0x7a5a8e)), 0.3, 1.05),
            _ => (0xe89a7a, Skin::Apple(rgb(0xd0503a)), 0.42, 0.97),
        };
        let radius = radius * dice.between(0.85, 1.2);
        let (color, noise) = (rgb(color), dice.noise());
        studio.place(
            dice,
            size,
            Ball {
                centre: Vec3::ZERO,
                radius,
                squash,
                color,
                skin,
                noise,
            },
        );
    }
    for _ in 0..dice.below(3) {
        studio.grapes(dice, size);
    }
    studio.paint(dice, size)
}

impl Studio {
    fn new(dice: &mut Dice) -> Studio {
        let table = dice.pick(&[
            (0x8a5a34, 0x5e3a20),
            (0xd8cfc0, 0xb0a490),
            (0x3a3f45, 0x23272b),
            (0x6f8a96, 0x4e6672),
            (0xc8a070, 0x9a7448),
        ]);
        let wall = dice.pick(&[
            (0x54646e, 0x28323a),
            (0xb8a894, 0x6e5f50),
            (0x7a3b34, 0x3a1a18),
            (0x40564a, 0x1e2c26),
            (0xd8d4cc, 0x8e8a84),
        ]);
        Studio {
            balls: Vec::new(),
            light: vec3(
                dice.pick(&[-1.0, 1.0]) * dice.between(2.0, 5.0),
                dice.between(3.5, 6.5),
                dice.between(-3.5, 0.5),
            ),
            table: (rgb(table.0), rgb(table.1)),
            table_noise: dice.noise(),
            planks: dice.between(0.5, 1.1),
            checks: dice.chance(0.35),
            wall: (rgb(wall.0), rgb(wall.1)),
            window: (dice.between(-3.0, 3.0), dice.between(0.6, 1.4)),
        }
    }

    /// Puts a ball where it touches no other, if there is room.
    fn place(&mut self, dice: &mut Dice, size: Size, mut ball: Ball) {
        let reach = 2.3 * size.aspect();
        for _ in 0..30 {
            let z = dice.between(-0.4, 3.2);
            let x = dice.between(-reach, reach) * (0.55 + z * 0.1);
            ball.centre = vec3(x, ball.radius * ball.squash, z);
            let is_free = self.balls.iter().all(|other| {
                let apart = ball.centre - other.centre;
                (apart.x * apart.x + apart.z * apart.z).sqrt() > (ball.radius + other.radius) * 0.96
            });
            if is_free {
                self.balls.push(ball);
                return;
            }
        }
    }

    fn grapes(&mut self, dice: &mut Dice, size: Size) {
        let (x, z) = (
            dice.between(-1.0, 1.0) * size.aspect(),
            dice.between(-0.6, 0.4),
        );
        let color = rgb(dice.pick(&[0x5a1f4a, 0x9ab84a, 0x2a2048]));
        for i in 0..16 {
            let radius = dice.between(0.13, 0.17);
            let layer = (i / 8) as f32;
            let centre = vec3(
                x + dice.between(-0.5, 0.5),
                radius + layer * 0.2,
                z + dice.between(-0.35, 0.35),
            );
            self.balls.push(Ball {
                centre,
                radius,
                squash: 1.0,
                color,
                skin: Skin::Glossy,
                noise: dice.noise(),
            });
        }
    }

    fn paint(&self, dice: &mut Dice, size: Size) -> Canvas {
        let aspect = size.aspect();
        let eye = vec3(dice.between(-0.6, 0.6), dice.between(1.5, 2.8), -6.0);
        let target = vec3(0.0, dice.between(0.2, 0.6), 1.2);
        let forward = (target - eye).normal();
        let right = vec3(forward.z, 0.0, -forward.x).normal();
        let up = vec3(
            forward.y * right.z - forward.z * right.y,
            forward.z * right.x - forward.x * right.z,
            forward.x * right.y - forward.y * right.x,
        );
        let zoom = dice.between(1.5, 1.9);
        let quarter = size.pixel() * 0.25;
        Canvas::paint(size, |x, y| {
            let mut sum = Vec3::ZERO;
            for (dx, dy) in [(-quarter, -quarter), (quarter, quarter)] {
                let ray = forward * zoom + right * (x + dx - aspect * 0.5) - up * (y + dy - 0.5);
                sum += self.seen(eye, ray.normal(), 0);
            }
            sum * 0.5
        })
    }

    fn seen(&self, from: Vec3, ray: Vec3, bounces: u32) -> Color {
        let Some(hit) = self.hit(from, ray) else {
            return self.backdrop(from, ray);
        };
        let to_light = self.light - hit.at;
        let direction = to_light.normal();
        let lit = hit.normal.dot(direction).max(0.0)
            * self.clear(hit.at + hit.normal * 0.002, direction, hit.at);
        let sky = 0.22
            + 0.16 * hit.normal.y
            + 0.1 * (hit.normal.dot(vec3(-direction.x, 0.1, -0.4))).max(0.0);
        let mut color = hit.color.times(
            vec3(1.0, 0.95, 0.86) * (lit * 1.25) + vec3(0.75, 0.85, 1.0) * (sky * self.open(&hit)),
        );
        let mirrored = ray.reflected(hit.normal);
        let grazing = (1.0 - hit.normal.dot(ray * -1.0).max(0.0)).powi(4);
        let shine = hit.gloss * (0.05 + 0.75 * grazing);
        if bounces == 0 && shine > 0.015 {
            color = mix(
                color,
                self.seen(hit.at + hit.normal * 0.004, mirrored, 1),
                shine,
            );
        }
        let glint = mirrored.dot(direction).max(0.0);
        color
            + Vec3::ONE
                * (hit.gloss * lit.min(1.0) * (glint.powi(60) * 1.4 + glint.powi(12) * 0.12))
    }

    fn hit(&self, from: Vec3, ray: Vec3) -> Option<Hit> {
        let mut nearest = f32::MAX;
        let mut found = None;
        for ball in &self.balls {
            if let Some(t) = ball.meets(from, ray)
                && t < nearest
            {
                nearest = t;
                found = Some(ball);
            }
        }
        if ray.y < 0.0 && from.y / -ray.y < nearest {
            let at = from + ray * (from.y / -ray.y);
            if at.z < 7.0 {
                return Some(Hit {
                    at,
                    normal: vec3(0.0, 1.0, 0.0),
                    color: self.table_at(at),
                    gloss: 0.35,
                });
            }
        }
        found.map(|ball| ball.surface(from + ray * nearest))
    }

    fn table_at(&self, at: Vec3) -> Color {
        let (light, dark) = self.table;
        if self.checks {
            let (u, v) = (at.x / self.planks, at.z / self.planks);
            let warp = self.table_noise.fractal(at.x * 0.8, at.z * 0.8, 2) * 0.08;
            let is_even = ((u + warp).floor() + (v + warp).floor()) as i32 % 2 == 0;
            let weave = 0.9 + 0.1 * self.table_noise.at(at.x * 60.0, at.z * 60.0);
            return if is_even {
                light * weave
            } else {
                mix(dark, light, 0.15) * weave
            };
        }
        let plank = (at.z / self.planks).floor();
        let seam = smooth(
            0.03,
            0.0,
            (at.z / self.planks - plank).min(1.0 - at.z / self.planks + plank),
        );
        let shift = plank * 13.7;
        let grain = self.table_noise.fractal(at.x * 0.6 + shift, at.z * 9.0, 5);
        let rings = (grain * 9.0 + at.z * 6.0).sin() * 0.5 + 0.5;
        let wood = mix(light, dark, 0.25 + 0.5 * rings + 0.4 * grain);
        wood * (1.0 - 0.65 * seam) * (0.85 + 0.3 * self.table_noise.cell(plank as i32, 3))
    }

    fn backdrop(&self, from: Vec3, ray: Vec3) -> Color {
        let t = (7.0 - from.z) / ray.z.max(0.05);
        let at = from + ray * t.min(40.0);
        let (light, dark) = self.wall;
        let (middle, half) = self.window;
        // Light from a window with a cross in it falls on the wall, aslant.
        let (u, v) = (at.x - middle + at.y * 0.35, at.y - 2.3);
        let pane = smooth(half * 1.15, half, u.abs()) * smooth(1.35, 1.2, v.abs());
        let bars = smooth(0.04, 0.1, u.abs()) * smooth(0.04, 0.1, (v - 0.1).abs());
        let plaster = 0.92 + 0.12 * self.table_noise.fractal(at.x * 2.0, at.y * 2.0, 4);
        let falloff = (-((at.x - self.light.x * 0.5) / 4.5).powi(2)).exp();
        mix(dark, light, 0.25 + 0.55 * falloff) * (plaster * 0.8)
            + vec3(1.0, 0.9, 0.7) * (0.28 * pane * bars)
    }

    /// How much of the light, which is as large as a window, reaches a place: 0 to 1.
    fn clear(&self, from: Vec3, direction: Vec3, at: Vec3) -> f32 {
        const N: usize = 6;
        let mut free = 0.0;
        for i in 0..N {
            let turn = i as f32 * 2.4
                + self
                    .table_noise
                    .cell((at.x * 700.0) as i32, (at.z * 700.0) as i32)
                    * 6.3;
            let wide = 0.11 * ((i as f32 + 0.5) / N as f32).sqrt();
            let ray = (direction + vec3(turn.cos(), 0.3 * turn.sin(), turn.sin()) * wide).normal();
            if !self
                .balls
                .iter()
                .any(|ball| ball.meets(from, ray).is_some())
            {
                free += 1.0 / N as f32;
            }
        }
        free
    }

    /// How open a place is to the room: low where a ball touches the table.
    fn open(&self, hit: &Hit) -> f32 {
        let mut open = 1.0;
        for ball in &self.balls {
            let apart = ball.centre - hit.at;
            let distance = apart.length();
            if distance > ball.radius * 1.02 {
                let share = (ball.radius / distance).powi(2)
                    * hit.normal.dot(apart * (1.0 / distance)).max(0.0);
                open *= 1.0 - 0.85 * share;
            }
        }
        open
    }
}

impl Ball {
    fn meets(&self, from: Vec3, ray: Vec3) -> Option<f32> {
        let squeeze = |v: Vec3| vec3(v.x, v.y / self.squash, v.z);
        let (offset, way) = (squeeze(from - self.centre), squeeze(ray));
        let (a, b) = (way.dot(way), offset.dot(way));
        let root = b * b - a * (offset.dot(offset) - self.radius * self.radius);
        if root < 0.0 {
            return None;
        }
        let t = (-b - root.sqrt()) / a;
        (t > 1e-3).then_some(t)
    }

    fn surface(&self, at: Vec3) -> Hit {
        let local = (at - self.centre) * (1.0 / self.radius);
        let mut normal = vec3(local.x, local.y / (self.squash * self.squash), local.z).normal();
        let around = local.z.atan2(local.x);
        let (color, gloss) = match self.skin {
            Skin::Glossy => (self.color, 0.9),
            Skin::Striped(other) => {
                let band = ((local.y * 0.8 + local.x * 0.6) * 7.0).sin();
                (mix(self.color, other, smooth(-0.1, 0.1, band)), 0.7)
            }
            Skin::Speckled(other) => {
                let spot = self.noise.at(around * 5.0, local.y * 7.0);
                (mix(self.color, other, smooth(0.18, 0.24, spot)), 0.5)
            }
            Skin::Marbled(other) => {
                let vein = self
                    .noise
                    .fractal(local.x * 2.0 + local.z, local.y * 2.0 - local.z, 5);
                (mix(self.color, other, smooth(-0.1, 0.35, vein)), 0.8)
            }
            Skin::Peel => {
                let pore = self.noise.at(
                    local.x * 26.0 + local.z * 9.0,
                    local.y * 26.0 - local.z * 17.0,
                );
                normal = (normal + vec3(pore, pore * 0.7, -pore) * 0.09).normal();
                (self.color * (0.95 + 0.06 * pore), 0.4)
            }
            Skin::Apple(other) => {
                let streak = self.noise.fractal(around * 4.0, local.y * 1.2, 4)
                    + local.y * 0.3
                    + local.x * 0.35;
                let stem = smooth(0.2, 0.0, (local.x * local.x + local.z * local.z).sqrt())
                    * smooth(0.3, 0.8, local.y);
                let skin = mix(self.color, other, smooth(0.0, 0.55, streak));
                (mix(skin, rgb(0x3a2a18), stem * 0.85), 0.65)
            }
        };
        Hit {
            at,
            normal,
            color,
            gloss,
        }
    }
}
