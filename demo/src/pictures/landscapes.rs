//! Mountains, lakes, dunes, canyons and islands: five ways to shape a terrain.

use super::canvas::{Canvas, Size};
use super::dice::Dice;
use super::sky::Sky;
use super::terrain::{Spot, Terrain};
use super::vector::{mix, rgb, smooth, vec3};

/// Octaves of noise that are worth having where nothing finer than `detail` can be seen.
fn octaves(detail: f32, at_most: u32) -> u32 {
    let wanted = 1.0 - detail.max(1e-4).log2();
    (wanted as u32).clamp(3, at_most)
}

pub(super) fn mountains(dice: &mut Dice, size: Size) -> Canvas {
    let sky = Sky::new(dice, size.aspect());
    let (broad, fine) = (dice.noise(), dice.noise());
    let (scale, high) = (dice.between(0.5, 0.9), dice.between(1.1, 1.9));
    let (side, valley) = (dice.between(-0.5, 0.5), dice.between(0.35, 0.7));
    let height = move |x: f32, z: f32, detail: f32| {
        let ridge = broad.ridged(x * scale, z * scale, octaves(detail, 9));
        // A valley runs away from the camera, so that the near land does not hide the far.
        let open = smooth(0.0, valley * 2.0, (x - side * z * 0.4).abs());
        ridge * high * (0.12 + 0.88 * open) * smooth(0.2, 2.5, z) - 0.12
    };
    let snow_line = dice.between(0.25, 0.75) * high;
    let rock = rgb(dice.pick(&[0x6d6258, 0x5c6068, 0x7d6a58, 0x565049]));
    let grass = rgb(dice.pick(&[0x4d6330, 0x6f6a35, 0x8a6a35, 0x3d5a3a]));
    let wood = rgb(dice.pick(&[0x1d3322, 0x24381c, 0x5a3a1c]));
    let albedo = move |spot: &Spot| {
        let rough = fine.fractal(spot.x * 14.0, spot.z * 14.0, 4);
        let mut color = mix(rock * 0.75, rock * 1.2, rough * 0.5 + 0.5);
        let green = smooth(0.72, 0.9, spot.normal.y + rough * 0.1)
            * smooth(snow_line * 0.8, snow_line * 0.35, spot.height + rough * 0.1);
        color = mix(color, grass, green);
        let trees = smooth(
            0.1,
            0.3,
            fine.fractal(spot.x * 4.0, spot.z * 4.0, 5) + rough * 0.25,
        );
        color = mix(
            color,
            wood * (0.7 + rough),
            trees * smooth(snow_line * 0.6, snow_line * 0.3, spot.height),
        );
        let snow = smooth(snow_line, snow_line * 1.15, spot.height + rough * 0.16)
            * smooth(0.45, 0.68, spot.normal.y);
        mix(color, vec3(0.93, 0.95, 1.0), snow)
    };
    Terrain {
        sky: &sky,
        height: &height,
        albedo: &albedo,
        eye: vec3(0.0, dice.between(0.35, 0.7), dice.between(0.0, 0.6)),
        horizon: dice.between(0.42, 0.62),
        water: None,
        haze: dice.between(7.0, 16.0),
        far: 14.0,
    }
    .paint(size)
}

pub(super) fn lake(dice: &mut Dice, size: Size) -> Canvas {
    let sky = Sky::new(dice, size.aspect());
    let (broad, fine) = (dice.noise(), dice.noise());
    let (scale, high) = (dice.between(0.45, 0.8), dice.between(1.0, 1.7));
    let (shore, tilt) = (dice.between(1.0, 2.4), dice.between(-0.9, 0.9));
    let height = move |x: f32, z: f32, detail: f32| {
        let ridge = broad.ridged(x * scale, z * scale, octaves(detail, 9));
        let beyond = smooth(shore, shore + 3.0, z + tilt * x);
        ridge * high * (0.06 + 0.94 * beyond) - 0.16 + 0.12 * beyond - 0.2 * smooth(0.9, 0.3, z)
    };
    let tree = rgb(dice.pick(&[0x1c3a26, 0x2f4a22, 0xb0641c, 0x8c7a1e, 0x27412f]));
    let rock = rgb(dice.pick(&[0x70685e, 0x5a5d63, 0x806e60]));
    let snow_line = dice.between(0.4, 1.0) * high;
    let albedo = move |spot: &Spot| {
        let rough = fine.fractal(spot.x * 18.0, spot.z * 18.0, 4);
        let speckle = fine.cell((spot.x * 90.0) as i32, (spot.z * 90.0) as i32);
        let forest = tree * (0.5 + rough * 0.8 + speckle * 0.6).max(0.15);
        let bare =
            smooth(0.35, 0.6, spot.height + rough * 0.12) + smooth(0.75, 0.55, spot.normal.y);
        let color = mix(forest, rock * (0.9 + rough * 0.4), bare);
        let sand = smooth(0.035, 0.0, spot.height + rough * 0.01);
        let color = mix(color, rgb(0x9a8c70), sand);
        let snow = smooth(snow_line, snow_line * 1.1, spot.height + rough * 0.15);
        mix(
            color,
            vec3(0.92, 0.95, 1.0),
            snow * smooth(0.4, 0.65, spot.normal.y),
        )
    };
    Terrain {
        sky: &sky,
        height: &height,
        albedo: &albedo,
        eye: vec3(0.0, dice.between(0.18, 0.35), 0.0),
        horizon: dice.between(0.4, 0.55),
        water: Some(0.0),
        haze: dice.between(8.0, 18.0),
        far: 14.0,
    }
    .paint(size)
}

pub(super) fn dunes(dice: &mut Dice, size: Size) -> Canvas {
    let sky = Sky::new(dice, size.aspect());
    let (broad, fine) = (dice.noise(), dice.noise());
    let turn = dice.between(-1.2, 1.2);
    let (cos, sin) = (turn.cos(), turn.sin());
    let (scale, high) = (dice.between(0.5, 0.95), dice.between(0.4, 0.75));
    let height = move |x: f32, z: f32, detail: f32| {
        let warp = broad.fractal(x * 0.45, z * 0.45, 3) * 1.5;
        let along = (x * cos + z * sin) * scale + warp;
        let wave = along - along.floor();
        // Wind piles sand up gently and lets it fall steeply.
        let crest = if wave < 0.74 {
            smooth(-0.1, 0.74, wave)
        } else {
            1.0 - smooth(0.74, 1.0, wave)
        };
        let size = 0.55 + 0.9 * broad.fractal(x * 0.3 + 7.0, z * 0.3, 2);
        let ripple = if detail < 0.004 {
            (along * 95.0 + fine.fractal(x * 5.0, z * 5.0, 2) * 5.0).sin() * 0.0016
        } else {
            0.0
        };
        crest * high * size.max(0.1) + ripple
    };
    let sand = rgb(dice.pick(&[0xd9a566, 0xc9733f, 0xe6cfa3, 0xb98a5a, 0xf0e6d8]));
    let albedo = move |spot: &Spot| {
        let speck = fine.fractal(spot.x * 60.0, spot.z * 60.0, 2);
        let band = fine.fractal(spot.x * 2.0, spot.z * 2.0, 3);
        sand * (0.95 + speck * 0.12 + band * 0.18)
    };
    Terrain {
        sky: &sky,
        height: &height,
        albedo: &albedo,
        eye: vec3(
            dice.between(-40.0, 40.0),
            dice.between(0.85, 1.25),
            dice.between(0.0, 9.0),
        ),
        horizon: dice.between(0.22, 0.42),
        water: None,
        haze: dice.between(9.0, 20.0),
        far: 12.0,
    }
    .paint(size)
}

pub(super) fn canyon(dice: &mut Dice, size: Size) -> Canvas {
    let sky = Sky::new(dice, size.aspect());
    let (broad, fine) = (dice.noise(), dice.noise());
    let (scale, tables) = (dice.between(0.45, 0.8), dice.between(2.5, 4.5));
    let (bend, wide) = (dice.between(0.4, 1.2), dice.between(0.25, 0.6));
    let river = dice.chance(0.6);
    let height = move |x: f32, z: f32, detail: f32| {
        let mid = (z * 0.9).sin() * bend * 0.6 + broad.at(z * 0.5, 3.0) * 0.5;
        let bank = ((x - mid).abs() - wide).max(0.0);
        let raw = (bank * 0.9).min(1.0) * 0.9
            + broad.fractal(x * scale, z * scale, octaves(detail, 8))
                * 0.45
                * smooth(0.0, 0.4, bank);
        let step = raw * tables;
        let table = step.floor() + smooth(0.35, 0.75, step - step.floor());
        (table * 0.82 + step * 0.18) / tables * 1.15 + fine.fractal(x * 9.0, z * 9.0, 3) * 0.012
            - if river {
                0.05 * smooth(0.2, 0.0, bank)
            } else {
                0.0
            }
    };
    let stone = rgb(dice.pick(&[0xb2623a, 0xc9885a, 0x9c4f3a, 0xb89a78]));
    let other = rgb(dice.pick(&[0xe2c29a, 0x7a3f30, 0xd9a27a, 0x8f6f62]));
    let albedo = move |spot: &Spot| {
        let rough = fine.fractal(spot.x * 12.0, spot.z * 12.0, 4);
        let layer =
            fine.at(spot.height * 26.0 + rough * 0.5, 0.5) + 0.5 * fine.at(spot.height * 70.0, 9.5);
        let rock = mix(stone, other, 0.5 + layer * 0.8) * (0.85 + rough * 0.35);
        let flat = smooth(0.8, 0.95, spot.normal.y);
        let bush = smooth(0.15, 0.3, fine.fractal(spot.x * 22.0, spot.z * 22.0, 3));
        mix(rock, mix(stone * 1.05, rgb(0x5f6a3a), bush), flat * 0.75)
    };
    Terrain {
        sky: &sky,
        height: &height,
        albedo: &albedo,
        eye: vec3(
            dice.between(-0.2, 0.2),
            dice.between(0.55, 1.0),
            dice.between(0.0, 60.0),
        ),
        horizon: dice.between(0.25, 0.42),
        water: river.then_some(0.0),
        haze: dice.between(8.0, 16.0),
        far: 12.0,
    }
    .paint(size)
}

pub(super) fn islands(dice: &mut Dice, size: Size) -> Canvas {
    let sky = Sky::new(dice, size.aspect());
    let (broad, fine) = (dice.noise(), dice.noise());
    let (scale, sea) = (dice.between(0.7, 1.3), dice.between(0.02, 0.2));
    let height = move |x: f32, z: f32, detail: f32| {
        let land = broad.fractal(x * scale, z * scale, octaves(detail, 8)) - sea;
        let land = if land > 0.0 {
            land.powf(0.75) * 0.95
        } else {
            land
        };
        land - 0.02
    };
    let lush = rgb(dice.pick(&[0x2f6a2c, 0x4a7a30, 0x6a7a3c, 0x35583a]));
    let sand = rgb(dice.pick(&[0xe8d8b0, 0xd8c090, 0x8a8078, 0xf2e8d0]));
    let albedo = move |spot: &Spot| {
        let rough = fine.fractal(spot.x * 16.0, spot.z * 16.0, 4);
        let speckle = fine.cell((spot.x * 70.0) as i32, (spot.z * 70.0) as i32);
        let green = lush * (0.55 + rough * 0.6 + speckle * 0.5).max(0.15);
        let rock = mix(rgb(0x6f655a), rgb(0x8c8276), 0.5 + rough);
        let color = mix(green, rock, smooth(0.75, 0.55, spot.normal.y));
        mix(sand, color, smooth(0.03, 0.07, spot.height + rough * 0.03))
    };
    Terrain {
        sky: &sky,
        height: &height,
        albedo: &albedo,
        eye: vec3(
            dice.between(-60.0, 60.0),
            dice.between(0.45, 0.8),
            dice.between(0.0, 60.0),
        ),
        horizon: dice.between(0.25, 0.42),
        water: Some(0.0),
        haze: dice.between(7.0, 14.0),
        far: 12.0,
    }
    .paint(size)
}

/// Grey-blue ridges, each paler than the one before it: a horizon for other scenes.
pub(super) fn far_hills(dice: &mut Dice) -> impl Fn(f32) -> f32 + use<> {
    let noise = dice.noise();
    let (scale, high) = (dice.between(0.8, 2.2), dice.between(0.08, 0.2));
    move |x| (noise.ridged(x * scale, 0.5, 6) * 0.8 + 0.1) * high
}
