//! Weights of blocks against sums over their samples, and of progressive files, which only an encoder
//! of our own writes here.

use image::codecs::jpeg::JpegEncoder;
use image::{ImageBuffer, Rgb};
use proptest::prelude::*;

use super::drawn;
use super::jpeg::transcode_to_progressive;
use crate::pdq::{Family, SIDE, Spectrum, Transform, weights};
use crate::picture::{Channels, Picture};
use crate::screen::{Axis, MARGIN_BITS};
use crate::{Limits, inspect, screen};

/// What a block's samples are, written as T.81 has it.
fn samples(coefficients: &[f32; 8]) -> [f32; 8] {
    std::array::from_fn(|x| {
        let waves = coefficients.iter().enumerate().map(|(u, coefficient)| {
            let scale = if u == 0 { 0.5f32.sqrt() } else { 1.0 };
            let angle = (2 * x + 1) as f32 * u as f32 * std::f32::consts::PI / 16.0;
            scale / 2.0 * coefficient * angle.cos()
        });
        waves.sum()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn coefficients_weigh_what_their_samples_weigh(len in 256usize..5_000, seed in any::<u64>()) {
        let noise = drawn(len.div_ceil(8), 8, Channels::Grey, seed);
        let blocks: Vec<[f32; 8]> = noise.as_chunks().0.iter().map(|block| block.map(f32::from)).collect();
        let samples: Vec<f32> = blocks.iter().flat_map(samples).collect();
        let axis = Axis::<8>::new(len);
        let mut values = [0.0; SIDE];
        for (block, known) in blocks.iter().zip(&axis.blocks) {
            for (coefficient, weights) in block.iter().zip(&known.weights) {
                for (value, weight) in values[known.first..].iter_mut().zip(weights) {
                    *value += coefficient * weight;
                }
            }
        }
        for (i, value) in values.into_iter().enumerate() {
            let (first, weights) = weights(i, len);
            let expected: f32 = samples[first..].iter().zip(&weights).map(|(s, w)| s * w).sum();
            prop_assert!((value - expected).abs() < 0.05, "{i}: {value} for {expected}");
        }
    }

    #[test]
    fn samples_weigh_what_pdq_makes_of_them(
        (width, height) in (65usize..700, 65usize..700),
        seed in any::<u64>(),
    ) {
        let picture = drawn(width, height, Channels::Grey, seed);
        let mut values = Box::new([[0.0f32; SIDE]; SIDE]);
        for (y, row) in values.iter_mut().enumerate() {
            let (first_y, down) = weights(y, height);
            for (x, value) in row.iter_mut().enumerate() {
                let (first_x, across) = weights(x, width);
                for (y, down) in (first_y..).zip(&down) {
                    let row = &picture[y * width + first_x..];
                    let sum: f32 = row.iter().zip(&across).map(|(&s, w)| f32::from(s) * w).sum();
                    *value += down * sum;
                }
            }
        }
        let exact = Spectrum::of(&Picture::grey(width, height, &picture), Family::Full).pdq();
        // Only the order of the sums differs.
        let distance = Spectrum::of_block(&values).hash(Transform::Original).distance(&exact.hash);
        prop_assert!(distance <= 2, "{distance} bits");
    }
}

#[test]
fn blocks_reach_no_further_than_an_axis_has_room_for() {
    for len in (256..1_500).chain((1_500..65_536).step_by(1_001)) {
        let sum = |blocks: f32| (blocks / SIDE as f32 - 0.125f32.sqrt()).abs() < 0.001;
        // Panics where there is no room.
        let all = Axis::<8>::new(len).blocks;
        assert!(
            sum(all.iter().flat_map(|block| block.weights[0]).sum()),
            "{len}"
        );
        if len >= 600 {
            // Lets go of what there is no room for.
            let straight = Axis::with_straight_lines(len).blocks;
            assert!(
                sum(straight.iter().flat_map(|block| block.weights[0]).sum()),
                "{len}"
            );
        }
    }
}

#[test]
fn progressive_drawings_are_screened_within_the_margin() {
    for (width, height, seed) in [(1_500, 1_503, 1u32), (1_701, 1_600, 2)] {
        let picture = ImageBuffer::from_fn(width, height, |x, y| {
            let distance = f64::from(x).hypot(f64::from(y) - 300.0) / (30.0 + f64::from(seed));
            let slope = (x / 9 * seed + y / 5) % 256;
            Rgb([(distance.sin() * 90.0 + 120.0) as u8, slope as u8, 60])
        });
        let mut baseline = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut baseline, 80);
        picture
            .write_with_encoder(encoder)
            .expect("drawings can be written");
        let file = transcode_to_progressive(&baseline);
        let limits = Limits::default();

        let screened = screen(&file, &limits)
            .expect("it is whole")
            .expect("it is large");

        let exact = inspect(&file, &limits).expect("it is whole");
        for (near, hash) in screened.near.iter().zip(&exact.frames[0].dihedrals) {
            assert!(
                near.distance(hash) <= MARGIN_BITS,
                "{} bits",
                near.distance(hash)
            );
        }
        for n_bytes in (3..file.len()).step_by(9_973) {
            let cut = screen(&file[..n_bytes], &limits).map_err(|error| error.code());
            assert_eq!(
                cut,
                Err("truncated"),
                "cut to {n_bytes} of {} bytes",
                file.len()
            );
        }
    }
}
