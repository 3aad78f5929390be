//! Coefficients come back as they were coded, and nothing comes back from files that are not whole.

mod encode;

use encode::{Plane, Sheet, scan};
use proptest::prelude::*;

use crate::jpeg::{self, Block, Detail, JpegError, NATURAL};

/// All blocks of each component, in rows of whole MCUs.
type Planes = Vec<Vec<Block>>;

fn read(file: &[u8]) -> Result<Planes, JpegError> {
    let mut reader = jpeg::read(file)?;
    let mut planes = vec![Vec::new(); reader.frame().components.len()];
    while let Some((_, row)) = reader.next_row()? {
        for (component, plane) in planes.iter_mut().enumerate() {
            for (block, &last) in row.components[component].iter().zip(&row.last[component]) {
                let behind = &NATURAL[usize::from(last) + 1..];
                assert!(behind.iter().all(|&place| block[usize::from(place)] == 0));
                plane.push(*block);
            }
        }
    }
    Ok(planes)
}

/// What is left of the first component, if it can be sifted.
fn sift(file: &[u8], detail: Detail) -> Result<Option<Vec<Block>>, JpegError> {
    let mut reader = jpeg::read(file)?;
    if !reader.sift(detail) {
        return Ok(None);
    }
    let mut blocks = Vec::new();
    while let Some((_, row)) = reader.next_row()? {
        blocks.extend_from_slice(&row.components[0]);
    }
    Ok(Some(blocks))
}

/// Coefficients of all sizes, most of them zero; `n_bytes` of noise make them.
fn sheet(
    (width, height): (usize, usize),
    factors: &[(usize, usize)],
    restart_interval: usize,
    seed: u64,
) -> Sheet {
    let mut state = seed | 1;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as u32
    };
    let is_single = factors.len() == 1;
    let most_h = factors.iter().map(|&(h, _)| h).max().unwrap_or(1);
    let most_v = factors.iter().map(|&(_, v)| v).max().unwrap_or(1);
    let (most_h, most_v) = if is_single { (1, 1) } else { (most_h, most_v) };
    let planes = factors.iter().map(|&(h, v)| {
        let (h_used, v_used) = if is_single { (1, 1) } else { (h, v) };
        let blocks_per_row = width.div_ceil(8 * most_h) * h_used;
        let n_blocks = blocks_per_row * height.div_ceil(8 * most_v) * v_used;
        let blocks = (0..n_blocks).map(|_| {
            let density = noise() % 8;
            let mut block = [0; 64];
            for coefficient in &mut block {
                if noise() % 8 < density && noise() % 8 < density {
                    let size = noise() % 11;
                    let number = (noise() & ((1 << size) - 1)) as i16;
                    *coefficient = if noise() % 2 == 0 { number } else { -number };
                }
            }
            block
        });
        Plane {
            h,
            v,
            blocks_per_row,
            size: (
                (width * h_used).div_ceil(most_h).div_ceil(8),
                (height * v_used).div_ceil(most_v).div_ceil(8),
            ),
            blocks: blocks.collect(),
        }
    });
    Sheet {
        width,
        height,
        planes: planes.collect(),
        restart_interval,
    }
}

/// The same coefficients in another coding.
pub(super) fn transcode_to_progressive(file: &[u8]) -> Vec<u8> {
    let planes = read(file).expect("the file is whole");
    let reader = jpeg::read(file).expect("the file is whole");
    let frame = reader.frame();
    let planes = frame.components.iter().zip(planes);
    encode::progressive(&Sheet {
        width: frame.width,
        height: frame.height,
        planes: planes
            .map(|(component, blocks)| Plane {
                h: component.h,
                v: component.v,
                blocks_per_row: component.blocks_per_row,
                size: (component.width.div_ceil(8), component.height.div_ceil(8)),
                blocks,
            })
            .collect(),
        restart_interval: 0,
    })
}

/// Small, with every kind of block in it.
fn small_sheet() -> Sheet {
    sheet((37, 21), &[(2, 2), (1, 1), (1, 1)], 2, 99)
}

/// Compares the blocks that are part of the picture.
fn assert_same(planes: &Planes, sheet: &Sheet) {
    for (found, plane) in planes.iter().zip(&sheet.planes) {
        let rows = found.chunks_exact(plane.blocks_per_row);
        for (found, row) in rows
            .zip(plane.blocks.chunks_exact(plane.blocks_per_row))
            .take(plane.size.1)
        {
            assert_eq!(found[..plane.size.0], row[..plane.size.0]);
        }
    }
}

fn factors() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop_oneof![
        Just(vec![(1, 1)]),
        Just(vec![(2, 3)]),
        Just(vec![(1, 1); 3]),
        Just(vec![(2, 2), (1, 1), (1, 1)]),
        Just(vec![(2, 1), (1, 1), (1, 1)]),
        Just(vec![(1, 2), (1, 1), (1, 1)]),
        Just(vec![(4, 1), (1, 1), (2, 1)]),
        Just(vec![(3, 2), (1, 1), (1, 2)]),
        Just(vec![(1, 1), (2, 2), (1, 2)]),
        Just(vec![(1, 1); 4]),
        Just(vec![(2, 2), (1, 1), (1, 1), (2, 2)]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn coefficients_come_back_however_they_are_coded(
        size in (1usize..150, 1usize..100),
        factors in factors(),
        restart_interval in 0usize..6,
        seed in any::<u64>(),
    ) {
        let sheet = sheet(size, &factors, restart_interval, seed);
        for file in [
            encode::baseline(&sheet, true),
            encode::baseline(&sheet, false),
            encode::progressive(&sheet),
        ] {
            assert_same(&read(&file).expect("the file is whole"), &sheet);
        }
    }

    #[test]
    fn a_sieve_finds_what_reading_finds(
        size in (1usize..150, 1usize..100),
        factors in factors(),
        restart_interval in 0usize..6,
        seed in any::<u64>(),
    ) {
        let sheet = sheet(size, &factors, restart_interval, seed);
        let file = encode::baseline(&sheet, true);
        let all = sift(&file, Detail::All).expect("the file is whole").expect("one scan");
        prop_assert_eq!(&all, &sheet.planes[0].blocks);
        let lowest = sift(&file, Detail::Lowest).expect("the file is whole").expect("one scan");
        for (found, block) in lowest.iter().zip(&all) {
            prop_assert_eq!([0, 1, 8, 9].map(|at| found[at]), [0, 1, 8, 9].map(|at| block[at]));
        }
        let file = encode::progressive(&sheet);
        let means = sift(&file, Detail::Constant).expect("the file is whole").expect("in the first scan");
        let plane = &sheet.planes[0];
        let rows = means.chunks_exact(plane.blocks_per_row).zip(all.chunks_exact(plane.blocks_per_row));
        for (found, blocks) in rows.take(plane.size.1) {
            for (found, block) in found.iter().zip(blocks).take(plane.size.0) {
                prop_assert_eq!(found[0], block[0] >> 1 << 1);
            }
        }
        prop_assert!(sift(&file, Detail::Lowest).expect("the file is whole").is_none());
    }

    #[test]
    fn changed_files_are_read_or_refused(
        is_progressive in any::<bool>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut file = if is_progressive {
            encode::progressive(&small_sheet())
        } else {
            encode::baseline(&small_sheet(), true)
        };
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        // Sizes may have changed too; nobody would have read one that large.
        if jpeg::read(&file).is_ok_and(|reader| reader.memory_bytes() > 64 << 20) {
            return Ok(());
        }
        let found = read(&file);
        for detail in [Detail::Constant, Detail::Lowest, Detail::All] {
            let sifted = sift(&file, detail);
            if found.is_err() && !is_progressive {
                prop_assert!(!matches!(sifted, Ok(Some(_))), "{:?} passes", found.err());
            }
        }
    }
}

/// Codes that need more bits than the ones that are looked up, several to a leap, in a file large
/// enough to be leaped through.
#[test]
fn large_files_are_sifted_as_small_ones_are() {
    let mut sheet = sheet((700, 500), &[(2, 2), (1, 1), (1, 1)], 0, 5);
    for plane in &mut sheet.planes {
        // Full of short codes, so that leaps come to the end of a block that has no code for it.
        for block in plane.blocks.iter_mut().step_by(3) {
            *block = block.map(|coefficient| (coefficient % 2) | 1);
        }
    }
    let file = encode::baseline(&sheet, true);
    assert!(file.len() > 200_000, "{}", file.len());
    let lowest = sift(&file, Detail::Lowest)
        .expect("the file is whole")
        .expect("one scan");
    for (found, block) in lowest.iter().zip(&sheet.planes[0].blocks) {
        let lowest = |block: &Block| [0, 1, 8, 9].map(|at| block[at]);
        assert_eq!(lowest(found), lowest(block));
    }
    for n_bytes in (file.len() - 3_000..file.len()).step_by(7) {
        let sifted = sift(&file[..n_bytes], Detail::Lowest);
        assert_eq!(sifted, Err(JpegError::Truncated), "cut to {n_bytes} bytes");
    }
}

#[test]
fn a_file_cut_anywhere_is_truncated() {
    let sheet = small_sheet();
    for file in [
        encode::baseline(&sheet, true),
        encode::baseline(&sheet, false),
        encode::progressive(&sheet),
    ] {
        for n_bytes in 0..file.len() {
            let cut = &file[..n_bytes];
            assert_eq!(
                read(cut),
                Err(JpegError::Truncated),
                "cut to {n_bytes} bytes"
            );
            for detail in [Detail::Constant, Detail::Lowest, Detail::All] {
                assert!(
                    !matches!(sift(cut, detail), Ok(Some(_))),
                    "cut to {n_bytes} bytes"
                );
            }
        }
    }
}

#[test]
fn restart_markers_must_be_there_and_in_order() {
    let file = encode::baseline(&small_sheet(), true);
    let at = file
        .windows(2)
        .position(|pair| pair == [0xff, 0xd1])
        .expect("it has a second restart");
    let mut misnumbered = file.clone();
    misnumbered[at + 1] = 0xd2;
    let missing = [&file[..at], &file[at + 2..]].concat();
    for file in [misnumbered, missing] {
        assert!(matches!(read(&file), Err(JpegError::Malformed(_))));
        assert!(matches!(
            sift(&file, Detail::Lowest),
            Err(JpegError::Malformed(_))
        ));
    }
}

#[test]
fn scans_must_bring_all_components_once_and_in_a_possible_order() {
    let sheet = sheet((40, 40), &[(1, 1); 3], 0, 3);
    let dc = scan(&[0, 1, 2], (0, 0), 0, 0);
    let ac = scan(&[1], (1, 63), 0, 1);
    let refined = scan(&[1], (1, 63), 1, 0);
    let progressive = |scans: &[encode::ScanScript]| read(&encode::file(&sheet, 0xc2, scans)).err();
    let baseline = |scans: &[encode::ScanScript]| read(&encode::file(&sheet, 0xc0, scans)).err();
    let whole = |at: usize| scan(&[at], (0, 63), 0, 0);
    let refused = |why| Some(JpegError::Malformed(why));

    assert_eq!(
        progressive(&[dc.clone(), ac.clone(), refined.clone()]),
        None
    );
    let disordered = refused("its scans are in no possible order");
    assert_eq!(progressive(&[ac.clone(), dc.clone()]), disordered);
    assert_eq!(progressive(&[dc.clone(), refined.clone()]), disordered);
    assert_eq!(progressive(&[dc.clone(), ac.clone(), ac]), disordered);
    assert_eq!(baseline(&[whole(0), whole(1), whole(1)]), disordered);
    let incomplete = refused("a component has no scan");
    assert_eq!(progressive(&[scan(&[0, 2], (0, 0), 0, 0)]), incomplete);
    assert_eq!(baseline(&[whole(0), whole(2)]), incomplete);
    let all = scan(&[0, 1, 2], (0, 63), 0, 0);
    assert_eq!(
        baseline(&[all.clone(), all]),
        refused("it has a scan too many")
    );
    assert_eq!(progressive(&[]), refused("it has no scan"));
    let impossible = refused("it has a scan that cannot be");
    assert_eq!(progressive(&[scan(&[0], (0, 5), 0, 0)]), impossible);
    assert_eq!(
        progressive(&[dc.clone(), scan(&[0, 1], (1, 5), 0, 0)]),
        impossible
    );
    assert_eq!(
        progressive(&[dc.clone(), scan(&[0], (5, 1), 0, 0)]),
        impossible
    );
    assert_eq!(progressive(&[scan(&[0, 1, 2], (0, 0), 3, 1)]), impossible);
    let twice = refused("it has a scan with a component twice");
    assert_eq!(progressive(&[scan(&[0, 0], (0, 0), 0, 0)]), twice);
}

#[test]
fn scans_are_counted() {
    let sheet = sheet((16, 16), &[(1, 1)], 0, 3);
    let mut scans = vec![scan(&[0], (0, 0), 0, 0)];
    scans.extend((1..=63).map(|k| scan(&[0], (k, k), 0, 1)));
    let file = encode::file(&sheet, 0xc2, &scans);
    assert_eq!(read(&file).err(), None);
    scans.push(scan(&[0], (1, 1), 1, 0));
    let file = encode::file(&sheet, 0xc2, &scans);
    assert_eq!(read(&file).err(), Some(JpegError::TooManyScans));
    assert_eq!(
        sift(&file, Detail::Constant).err(),
        Some(JpegError::TooManyScans)
    );
}

#[test]
fn other_coding_processes_are_unsupported() {
    let sheet = sheet((16, 16), &[(1, 1)], 0, 3);
    let scans = [scan(&[0], (0, 63), 0, 0)];
    let whole = encode::file(&sheet, 0xc0, &scans);
    assert_eq!(read(&whole).err(), None);
    for kind in [0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf] {
        let file = encode::file(&sheet, kind, &scans);
        assert!(
            matches!(read(&file), Err(JpegError::Unsupported(_))),
            "{kind:#x}"
        );
    }
    let mut of_12_bits = whole;
    let at = of_12_bits.windows(2).position(|pair| pair == [0xff, 0xc0]);
    of_12_bits[at.expect("it has a frame") + 4] = 12;
    assert!(matches!(read(&of_12_bits), Err(JpegError::Unsupported(_))));
}

#[test]
fn memory_is_announced_before_it_is_taken() {
    let mut sheet = small_sheet();
    (sheet.width, sheet.height) = (65_500, 65_500);
    let blocks = 65_500u64.div_ceil(16) * 6;
    for (file, n_rows) in [
        (encode::baseline(&sheet, true), 1),
        (encode::progressive(&sheet), 65_500u64.div_ceil(16)),
    ] {
        let reader = jpeg::read(&file).expect("its headers can be read");
        assert_eq!(reader.memory_bytes(), blocks * 129 * n_rows);
    }
    assert!(read(&encode::baseline(&sheet, true)).is_err());
}
