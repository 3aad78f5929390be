//! The fast ways against the naive ones: equal, bit for bit.

mod compaction;
mod jpeg;
mod naive;
mod pixels;
mod screen;
mod snapshot;
mod walk;

use proptest::prelude::*;

use crate::arch::Kernel;
use crate::hash::PdqHash;
use crate::index::PdqColumns;
use crate::pdq::{Family, Pdq, PdqHasher, Spectrum, Transform, luma_rounded_once, pdq};
use crate::picture::{Channels, Picture, Row};

/// A picture with detail at every scale, the same for the same seed.
fn drawn(width: usize, height: usize, channels: Channels, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    (0..width * height * channels.count())
        .map(|at| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let wave = (at as f64 * (seed % 97) as f64 / 700.0).sin() * 90.0 + 128.0;
            wave as u8 ^ (state as u8 & 0x1f)
        })
        .collect()
}

fn channels() -> impl Strategy<Value = Channels> {
    prop_oneof![
        Just(Channels::Grey),
        Just(Channels::GreyAlpha),
        Just(Channels::Rgb),
        Just(Channels::Rgba),
    ]
}

/// Hashes of which some are near each other, by bits of one half or of both.
fn near_hash() -> impl Strategy<Value = PdqHash> {
    let bits = prop_oneof![Just(0usize..128), Just(128usize..256), Just(0usize..256)];
    let flips = bits.prop_flat_map(|bits| proptest::collection::vec(bits, 0..60));
    (any::<[u8; 32]>(), 0u8..4, flips).prop_map(|(bytes, kind, flips)| {
        let mut hash = PdqHash(if kind == 0 { bytes } else { [kind; 32] });
        for bit in flips {
            hash.0[bit / 8] ^= 1 << (bit % 8);
        }
        hash
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_kernel_hashes_as_the_naive_one_does(
        (width, height) in (5usize..700, 5usize..700),
        channels in channels(),
        seed in any::<u64>(),
    ) {
        let samples = drawn(width, height, channels, seed);
        let picture = Picture::new(width, height, channels, &samples);
        for family in [Family::Full, Family::Stretch512] {
            let expected = naive::pdq(&picture, family);
            for (nth, kernel) in Kernel::all().iter().enumerate() {
                let mut hasher = PdqHasher::with(kernel, width, height, family);
                picture.each_row(|row| hasher.push(row));
                let Pdq { hash, quality } = hasher.finish().pdq();
                let found = (hash, i32::from(quality));
                prop_assert_eq!(found, expected, "kernel {}, the fastest being 0", nth);
            }
        }
    }

    #[test]
    fn every_kernel_hashes_planes_as_it_hashes_pixels(
        (width, height) in (5usize..700, 5usize..700),
        seed in any::<u64>(),
    ) {
        let samples = drawn(width, height, Channels::Rgb, seed);
        let picture = Picture::rgb(width, height, &samples);
        let planes = [0, 1, 2].map(|channel| -> Vec<u8> {
            samples.iter().skip(channel).step_by(3).copied().collect()
        });
        for family in [Family::Full, Family::Stretch512] {
            let expected = pdq(&picture, family);
            for (nth, kernel) in Kernel::all().iter().enumerate() {
                let mut hasher = PdqHasher::with(kernel, width, height, family);
                for y in 0..height {
                    let row = planes.each_ref().map(|plane| &plane[y * width..][..width]);
                    hasher.push(Row::Planar(row));
                }
                prop_assert_eq!(hasher.finish().pdq(), expected, "kernel {}", nth);
            }
        }
    }

    #[test]
    fn hash_of_a_transform_equals_hash_of_the_transformed_picture(seed in any::<u64>()) {
        // At 64x64 there is no blur and no sampling, so turning is exact but for the order of sums.
        let samples = drawn(64, 64, Channels::Grey, seed);
        let spectrum = Spectrum::of(&Picture::grey(64, 64, &samples), Family::Full);
        for transform in Transform::ALL {
            let turned = naive::turn(&samples, 64, transform);
            let expected = pdq(&Picture::grey(64, 64, &turned), Family::Full).hash;
            let distance = spectrum.hash(transform).distance(&expected);
            prop_assert!(distance <= 2, "{transform:?} is {distance} bits off");
        }
    }

    #[test]
    fn distance_equals_counting_bit_by_bit(a in any::<[u8; 32]>(), b in any::<[u8; 32]>()) {
        let (a, b) = (PdqHash(a), PdqHash(b));
        prop_assert_eq!(a.distance(&b), naive::distance(&a, &b));
        prop_assert_eq!(a.count_ones(), naive::distance(&a, &PdqHash::default()));
    }

    #[test]
    fn every_kernel_finds_what_comparing_one_by_one_finds(
        listed in proptest::collection::vec(near_hash(), 0..300),
        queries in proptest::collection::vec(near_hash(), 1..=8),
        within in 0u32..=63,
    ) {
        let mut columns = PdqColumns::default();
        let mut expected = Vec::new();
        for (row, hash) in listed.iter().enumerate() {
            columns.push(hash);
            for (query_idx, query) in queries.iter().enumerate() {
                let distance = naive::distance(hash, query);
                if distance <= within {
                    expected.push((query_idx, row, distance));
                }
            }
        }
        expected.sort_unstable();
        for (nth, kernel) in Kernel::all().iter().enumerate() {
            let mut found = Vec::new();
            kernel.sweep(&columns, &queries, within, &mut |query_idx, row, distance| {
                found.push((query_idx, row, distance));
            });
            found.sort_unstable();
            prop_assert_eq!(&found, &expected, "kernel {}, the fastest being 0", nth);
        }
    }
}

#[test]
fn luma_in_thousandths_equals_luma_in_doubles_for_every_colour() {
    for colour in 0..1 << 24 {
        let [red, green, blue, _] = u32::to_le_bytes(colour);
        let doubles = 0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue);
        let found = luma_rounded_once(&[red, green, blue]);
        assert_eq!(found.to_bits(), (doubles as f32).to_bits(), "{colour:#08x}");
    }
}

#[test]
fn large_pictures_equal_the_naive_ones_too() {
    for (width, height) in [(1600, 1004), (5, 3000), (3000, 5), (64, 2000), (129, 128)] {
        let samples = drawn(width, height, Channels::Rgb, 77);
        let picture = Picture::rgb(width, height, &samples);
        let Pdq { hash, quality } = pdq(&picture, Family::Full);
        assert_eq!(
            (hash, i32::from(quality)),
            naive::pdq(&picture, Family::Full),
            "{width}x{height}"
        );
    }
}

#[test]
fn dihedrals_come_in_the_order_of_all_and_start_with_the_hash() {
    let samples = drawn(300, 200, Channels::Rgb, 5);
    let spectrum = Spectrum::of(&Picture::rgb(300, 200, &samples), Family::Full);
    let dihedrals = spectrum.dihedrals();
    assert_eq!(dihedrals[0], spectrum.pdq().hash);
    assert_eq!(
        dihedrals,
        Transform::ALL.map(|transform| spectrum.hash(transform))
    );
}

#[test]
fn pictures_below_five_pixels_have_no_hash() {
    for (width, height) in [(4, 100), (100, 4), (1, 1)] {
        let samples = drawn(width, height, Channels::Grey, 3);
        let tiny = Spectrum::of(&Picture::grey(width, height, &samples), Family::Full);
        assert_eq!(
            (tiny.pdq().hash, tiny.pdq().quality),
            (PdqHash::default(), 0)
        );
        assert_eq!(tiny.dihedrals(), [PdqHash::default(); 8]);
    }
}
