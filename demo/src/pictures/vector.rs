//! Three numbers: a place, a direction, or a colour in linear light (red, green, blue).

use std::ops::{Add, AddAssign, Mul, Sub};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Vec3 {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) z: f32,
}

/// Linear light, 1.0 is the white of a lit sheet of paper; may be brighter.
pub(super) type Color = Vec3;

pub(super) const fn vec3(x: f32, y: f32, z: f32) -> Vec3 {
    Vec3 { x, y, z }
}

impl Vec3 {
    pub(super) const ZERO: Vec3 = vec3(0.0, 0.0, 0.0);
    pub(super) const ONE: Vec3 = vec3(1.0, 1.0, 1.0);

    pub(super) fn dot(self, other: Vec3) -> f32 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    pub(super) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    pub(super) fn normal(self) -> Vec3 {
        self * (1.0 / self.length().max(1e-9))
    }

    pub(super) fn times(self, other: Vec3) -> Vec3 {
        vec3(self.x * other.x, self.y * other.y, self.z * other.z)
    }

    /// The mirror image of a direction in a surface.
    pub(super) fn reflected(self, normal: Vec3) -> Vec3 {
        self - normal * (2.0 * self.dot(normal))
    }
}

impl Add for Vec3 {
    type Output = Vec3;
    fn add(self, other: Vec3) -> Vec3 {
        vec3(self.x + other.x, self.y + other.y, self.z + other.z)
    }
}

impl AddAssign for Vec3 {
    fn add_assign(&mut self, other: Vec3) {
        *self = *self + other;
    }
}

impl Sub for Vec3 {
    type Output = Vec3;
    fn sub(self, other: Vec3) -> Vec3 {
        vec3(self.x - other.x, self.y - other.y, self.z - other.z)
    }
}

impl Mul<f32> for Vec3 {
    type Output = Vec3;
    fn mul(self, by: f32) -> Vec3 {
        vec3(self.x * by, self.y * by, self.z * by)
    }
}

/// A colour as it is written on screens, `0xRRGGBB`.
pub(super) fn rgb(hex: u32) -> Color {
    let channel = |shift: u32| {
        let encoded = ((hex >> shift) & 255) as f32 / 255.0;
        if encoded <= 0.04045 {
            encoded / 12.92
        } else {
            ((encoded + 0.055) / 1.055).powf(2.4)
        }
    };
    vec3(channel(16), channel(8), channel(0))
}

/// `a` at 0, `b` at 1, and no further on either side.
pub(super) fn mix(a: Vec3, b: Vec3, t: f32) -> Vec3 {
    let t = t.clamp(0.0, 1.0);
    a * (1.0 - t) + b * t
}

/// 0 below `from`, 1 above `to`, smooth between; `from` may be the larger.
pub(super) fn smooth(from: f32, to: f32, value: f32) -> f32 {
    let t = ((value - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
