//! Chance that always falls the same way: numbers and noise from a seed.
//!
//! Written here, since the pictures MUST stay the same when a library's generator changes.

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0xda94_2042_e4dd_58b5) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, never reaching, 1.
    pub(super) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 24) as f32
    }

    pub(super) fn between(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.unit()
    }

    pub(super) fn chance(&mut self, of_one: f32) -> bool {
        self.unit() < of_one
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(super) fn noise(&mut self) -> Noise {
        Noise(self.next() as u32)
    }
}

/// Gradient noise in the plane (Perlin's, with hashed gradients).
#[derive(Clone, Copy)]
pub(super) struct Noise(u32);

impl Noise {
    pub(super) const fn fixed(seed: u32) -> Noise {
        Noise(seed)
    }

    /// A number for a cell of the integer grid, from 0 to 1.
    pub(super) fn cell(self, x: i32, y: i32) -> f32 {
        (self.hash(x, y) >> 8) as f32 / (1 << 24) as f32
    }

    fn hash(self, x: i32, y: i32) -> u32 {
        let mut h =
            self.0 ^ (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77);
        h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
        h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
        h ^ (h >> 15)
    }

    fn slope(self, x: i32, y: i32, dx: f32, dy: f32) -> f32 {
        let h = self.hash(x, y);
        let gx = (h & 0xffff) as f32 / 32768.0 - 1.0;
        let gy = (h >> 16) as f32 / 32768.0 - 1.0;
        gx * dx + gy * dy
    }

    /// About -1 to 1, with features about one unit wide.
    pub(super) fn at(self, x: f32, y: f32) -> f32 {
        let (fx, fy) = (x.floor(), y.floor());
        // Far reflections reach past the largest number.
        let (ix, iy) = (fx as i32, fy as i32);
        let (jx, jy) = (ix.wrapping_add(1), iy.wrapping_add(1));
        let (dx, dy) = (x - fx, y - fy);
        let ease = |t: f32| t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
        let (u, v) = (ease(dx), ease(dy));
        let top = self.slope(ix, iy, dx, dy) * (1.0 - u) + self.slope(jx, iy, dx - 1.0, dy) * u;
        let bottom = self.slope(ix, jy, dx, dy - 1.0) * (1.0 - u)
            + self.slope(jx, jy, dx - 1.0, dy - 1.0) * u;
        (top * (1.0 - v) + bottom * v) * 1.4
    }

    /// Noise of noise at ever finer scales, about -1 to 1: clouds, hills, marble.
    pub(super) fn fractal(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut x, mut y, mut weight, mut sum, mut total) = (x, y, 1.0, 0.0, 0.0);
        for _ in 0..octaves {
            sum += self.at(x, y) * weight;
            total += weight;
            weight *= 0.5;
            // Turning each octave hides the grid.
            (x, y) = (x * 1.6 - y * 1.2 + 17.3, x * 1.2 + y * 1.6 - 4.1);
        }
        sum / total
    }

    /// Like `fractal`, with sharp crests, 0 to 1: mountains.
    pub(super) fn ridged(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut x, mut y, mut weight, mut sum, mut total) = (x, y, 1.0, 0.0, 0.0);
        let mut before = 1.0;
        for _ in 0..octaves {
            let ridge = 1.0 - self.at(x, y).abs().min(1.0);
            let ridge = ridge * ridge;
            sum += ridge * weight * before;
            total += weight;
            before = ridge.clamp(0.2, 1.0);
            weight *= 0.5;
            (x, y) = (x * 1.6 - y * 1.2 + 5.7, x * 1.2 + y * 1.6 + 31.9);
        }
        sum / total
    }
}
