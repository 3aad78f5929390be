//! From coefficients to colours: every kernel as the portable one, and that one as the formulas.

use proptest::prelude::*;

use super::naive;
use crate::arch::Kernel;
use crate::decode::jpeg::idct::BlockRow;
use crate::decode::jpeg::{Near, Upsampled, Upsampling};
use crate::jpeg::Block;

const WIDTH: usize = 256;

/// Steps and coefficients as files of any quality have them, most of them zero.
fn real_blocks() -> impl Strategy<Value = (Vec<Block>, [u16; 64])> {
    let coefficient = prop_oneof![4 => Just(0i16), 2 => -3i16..=3, 1 => -60i16..=60];
    let block = proptest::collection::vec(coefficient, 64).prop_map(|values| {
        let mut block: Block = values.try_into().expect("64 of them");
        block[0] *= 8;
        block
    });
    let few = (Just([0; 64]), -1024i16..1024).prop_map(|(mut block, shade): (Block, i16)| {
        block[0] = shade / 8;
        block
    });
    let blocks = proptest::collection::vec(prop_oneof![block, few], 1..=WIDTH / 8);
    (blocks, proptest::collection::vec(1u16..16, 64))
        .prop_map(|(blocks, steps)| (blocks, steps.try_into().expect("64 of them")))
}

fn any_blocks() -> impl Strategy<Value = (Vec<Block>, [u16; 64])> {
    let block = proptest::collection::vec(any::<i16>(), 64)
        .prop_map(|values| Block::try_from(values).expect("64 of them"));
    let blocks = proptest::collection::vec(block, 1..=WIDTH / 8);
    (blocks, proptest::collection::vec(any::<u16>(), 64))
        .prop_map(|(blocks, steps)| (blocks, steps.try_into().expect("64 of them")))
}

/// The bound that a reader knows: 0 where there is only the first coefficient.
fn bounds(blocks: &[Block]) -> Vec<u8> {
    let is_shade = |block: &Block| block[1..].iter().all(|&coefficient| coefficient == 0);
    blocks
        .iter()
        .map(|block| if is_shade(block) { 0 } else { 63 })
        .collect()
}

/// Rows of samples without what pads them.
fn samples(kernel: &Kernel, blocks: &[Block], steps: &[u16; 64]) -> Vec<Vec<u8>> {
    let mut samples = vec![0; 8 * WIDTH];
    let last = &bounds(blocks);
    kernel.idct(
        BlockRow {
            blocks,
            last,
            steps,
        },
        &mut samples,
        WIDTH,
    );
    let rows = samples.chunks(WIDTH);
    rows.map(|row| row[..8 * blocks.len()].to_vec()).collect()
}

fn portable() -> &'static Kernel {
    Kernel::all().last().expect("the portable one")
}

proptest! {
    #[test]
    fn samples_are_those_of_the_formula((blocks, steps) in real_blocks()) {
        let found = samples(portable(), &blocks, &steps);
        for (x, block) in blocks.iter().enumerate() {
            for (y, expected) in naive::idct(block, &steps).into_iter().enumerate() {
                prop_assert_eq!(&found[y][8 * x..][..8], &expected, "row {} of block {}", y, x);
            }
        }
    }

    #[test]
    fn every_kernel_transforms_alike(
        (blocks, steps) in prop_oneof![real_blocks(), any_blocks()],
    ) {
        let expected = samples(portable(), &blocks, &steps);
        for (nth, kernel) in Kernel::all().iter().enumerate() {
            let found = samples(kernel, &blocks, &steps);
            prop_assert_eq!(&found, &expected, "kernel {}, the fastest being 0", nth);
        }
    }

    #[test]
    fn every_kernel_upsamples_as_the_formula_does(
        rows in (3usize..200).prop_flat_map(|width| {
            let row = proptest::collection::vec(any::<u8>(), width);
            (row.clone(), row)
        }),
        is_below in any::<bool>(),
        upsampling in prop_oneof![
            Just(Upsampling::Columns),
            Just(Upsampling::Rows),
            Just(Upsampling::ColumnsAndRows),
            (1usize..=4).prop_map(|columns| Upsampling::Repeat { columns }),
        ],
    ) {
        let (covering, beside) = rows;
        let expected = naive::upsampled(upsampling, &covering, &beside, is_below);
        for (nth, kernel) in Kernel::all().iter().enumerate() {
            let mut found = Upsampled::new(covering.len(), expected.len());
            let near = Near { covering: &covering, beside: &beside, is_below };
            kernel.upsample(&mut found, upsampling, near);
            prop_assert_eq!(&found.samples, &expected, "kernel {}", nth);
        }
    }
}

#[test]
fn every_kernel_converts_every_colour_as_the_formula_does() {
    let every: Vec<u8> = (0..=255).collect();
    let mut rgb = [(); 3].map(|()| vec![0; 256]);
    for luma in 0..=255 {
        for blueness in 0..=255 {
            let ycc = [&[luma; 256][..], &[blueness; 256], &every];
            let expected: Vec<[u8; 3]> = (0..256)
                .map(|i| naive::rgb(ycc.map(|samples| samples[i])))
                .collect();
            for (nth, kernel) in Kernel::all().iter().enumerate() {
                kernel.to_rgb(ycc, rgb.each_mut().map(Vec::as_mut_slice));
                for (redness, expected) in expected.iter().enumerate() {
                    let found = rgb.each_ref().map(|samples| samples[redness]);
                    assert_eq!(
                        &found, expected,
                        "{luma} {blueness} {redness}, kernel {nth}"
                    );
                }
            }
        }
    }
}
