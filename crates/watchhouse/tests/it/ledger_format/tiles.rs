//! Tiles and bundles: their paths, which of them a size has, and how they grow.

use proptest::prelude::*;
use watchhouse::ledger::{
    bundle::{Bundle, BundleError, EntryTooLong, bundles_at, push_entry},
    edge::Edge,
    path::Resource,
    plan::Plan,
    tile::{Tile, tiles_at},
    tile_set::TileSet,
};

use super::{Rows, bytes, leaves, naive};

fn tile(level: u8, index: u64, width: u16) -> Tile {
    Tile {
        level,
        index,
        width,
    }
}

#[test]
fn paths_are_those_of_the_specification() {
    let cases = [
        (Resource::Checkpoint, "checkpoint"),
        (Resource::Tile(tile(0, 0, 256)), "tile/0/000"),
        (Resource::Tile(tile(0, 255, 1)), "tile/0/255.p/1"),
        (Resource::Tile(tile(63, 999, 255)), "tile/63/999.p/255"),
        (Resource::Tile(tile(2, 1000, 256)), "tile/2/x001/000"),
        (
            Resource::Tile(tile(1, 1_234_067, 256)),
            "tile/1/x001/x234/067",
        ),
        (
            Resource::Bundle(Bundle {
                index: 455_667,
                width: 256,
            }),
            "tile/entries/x455/667",
        ),
        (
            Resource::Bundle(Bundle {
                index: 1_234_067,
                width: 89,
            }),
            "tile/entries/x001/x234/067.p/89",
        ),
        (
            Resource::Tile(tile(0, u64::MAX / 256, 256)),
            "tile/0/x072/x057/x594/x037/x927/935",
        ),
    ];
    for (resource, path) in cases {
        assert_eq!(resource.path(), path);
        assert_eq!(Resource::parse(path), Some(resource), "{path}");
    }
}

#[test]
fn a_path_that_is_not_the_one_spelling_is_refused() {
    let paths = [
        "",
        "/checkpoint",
        "checkpoint/",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/00/000",
        "tile/64/000",
        "tile/256/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile//000",
        "tile/0/0",
        "tile/0/1000",
        "tile/0/x001",
        "tile/0/001/234",
        "tile/0/x001/x234",
        "tile/0/x000/001",
        "tile/0/x001//001",
        "tile/0/X001/001",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/../../etc/passwd",
        "tile/entries/..",
        "tile/Entries/000",
        "tile/0/x072/x057/x594/x037/x927/936",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x018/x446/x744/x073/x709/x551/615",
        "tile/0/٠٠٠",
    ];
    for path in paths {
        assert_eq!(Resource::parse(path), None, "{path}");
    }
}

#[test]
fn a_size_has_the_tiles_of_the_specification() {
    let partial_and_full = |size| {
        let mut full = [0u64; 3];
        let mut partial = Vec::new();
        for tile in tiles_at(size) {
            if tile.is_full() {
                full[usize::from(tile.level)] += 1;
            } else {
                partial.push(tile.path());
            }
        }
        (full, partial.join(" "))
    };
    assert_eq!(partial_and_full(0), ([0, 0, 0], String::new()));
    assert_eq!(
        partial_and_full(256),
        ([1, 0, 0], "tile/1/000.p/1".to_owned())
    );
    assert_eq!(
        partial_and_full(257),
        ([1, 0, 0], "tile/0/001.p/1 tile/1/000.p/1".to_owned())
    );
    assert_eq!(
        partial_and_full(70_000),
        (
            [273, 1, 0],
            "tile/0/273.p/112 tile/1/001.p/17 tile/2/000.p/1".to_owned()
        )
    );
    assert_eq!(bundles_at(0).count(), 0);
    assert_eq!(bundles_at(70_000).count(), 274);
    assert_eq!(
        bundles_at(70_000).last().map(|bundle| bundle.path()),
        Some("tile/entries/273.p/112".to_owned())
    );
}

#[test]
fn a_tree_of_three_levels_grows_as_the_oracle_says() {
    let rows = Rows::grown_by(&[255, 1, 1, 65_278, 2, 300]);
    let all = leaves(65_837);
    let tiles = naive::tiles(all.len());
    assert_eq!(tiles_at(all.len() as u64).collect::<Vec<_>>(), tiles);
    assert_eq!(rows.0.len(), tiles.len());
    for tile in tiles {
        assert!(
            rows.0[&(tile.level, tile.index)] == naive::tile(tile, &all),
            "{}",
            tile.path()
        );
    }
    let size = all.len() as u64;
    let edge = Edge::load(size, &rows.only(Edge::tiles(size))).expect("all tiles are kept");
    assert_eq!(edge.root(), naive::root(&all));
    let plan = Plan::inclusion(65_536, size).expect("the leaf is in the tree");
    assert_eq!(
        plan.hashes(&rows.only(plan.tiles())),
        Ok(naive::path(65_536, &all))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn growing_in_any_batches_gives_the_oracles_tiles(
        batches in prop::collection::vec(0usize..600, 0..5),
    ) {
        let mut rows = Rows::default();
        let mut kept = Edge::empty();
        let mut size = 0;
        for batch in batches {
            let all = leaves(size + batch);
            let before = rows.0.clone();
            rows.append(size as u64, &all[size..]);
            let written = kept.append(&all[size..]);
            size += batch;

            let tiles = naive::tiles(size);
            prop_assert_eq!(rows.0.len(), tiles.len());
            for tile in tiles {
                let bytes = &rows.0[&(tile.level, tile.index)];
                prop_assert_eq!(bytes, &naive::tile(tile, &all));
                // Exactly the tiles that are new or have grown were written, once each.
                let n_written = written.iter().filter(|written| written.tile == tile).count();
                let has_changed = before.get(&(tile.level, tile.index)) != Some(bytes);
                prop_assert_eq!(n_written, usize::from(has_changed));
            }
            prop_assert!(written.is_sorted_by_key(|written| written.tile));
            prop_assert_eq!(kept.root(), naive::root(&all));
            prop_assert_eq!(kept.size(), size as u64);
            let loaded = Edge::load(size as u64, &rows.only(Edge::tiles(size as u64)));
            prop_assert_eq!(loaded.map(|edge| edge.head()), Ok(kept.head()));
        }
    }

    #[test]
    fn bundles_read_back_as_they_were_written(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..=256),
    ) {
        let bundle = Bundle::at(0, entries.len() as u64).expect("there are entries");
        let mut bytes = Vec::new();
        for entry in &entries {
            push_entry(&mut bytes, entry).expect("the entry is short");
        }
        prop_assert_eq!(bundle.decode(&bytes), Ok(entries.iter().map(Vec::as_slice).collect()));
    }

    #[test]
    fn no_bytes_break_the_bundle_reader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bundle = Bundle { index: 0, width: 3 };
        if let Ok(entries) = bundle.decode(&bytes) {
            let mut again = Vec::new();
            for entry in entries {
                push_entry(&mut again, entry).expect("it came out of a bundle");
            }
            prop_assert_eq!(again, bytes);
        }
    }
}

#[test]
fn a_missing_or_short_tile_is_named() {
    let mut tiles = TileSet::new();
    tiles.insert(0, 0, vec![0; 96]);
    let plan = Plan::inclusion(3, 5).expect("the leaf is in the tree");
    let missing = plan.hashes(&tiles).expect_err("the tile has 3 hashes of 5");
    assert_eq!(
        missing.to_string(),
        "\"tile/0/000.p/5\" is missing or cut off: expected 160 bytes, found 96"
    );
    assert_eq!(
        Edge::load(300, &tiles)
            .expect_err("nothing of it is there")
            .path,
        "tile/0/001.p/44"
    );
}

#[test]
fn a_malformed_bundle_is_refused() {
    let bundle = Bundle { index: 0, width: 3 };
    let good = bytes("00036f6e65000374776f00057468726565");
    let entries: [&[u8]; 3] = [b"one", b"two", b"three"];
    assert_eq!(bundle.decode(&good), Ok(entries.to_vec()));

    let cases = [
        (&good[..16], BundleError::CutOff { entry: 2, left: 6 }),
        (&good[..11], BundleError::CutOff { entry: 2, left: 1 }),
        (
            &good[..10],
            BundleError::TooFew {
                found: 2,
                expected: 3,
            },
        ),
        (
            &[&good[..], &[0, 0]].concat(),
            BundleError::Trailing {
                left: 2,
                expected: 3,
            },
        ),
    ];
    for (bytes, error) in cases {
        assert_eq!(bundle.decode(bytes), Err(error));
    }
}

#[test]
fn an_entry_that_does_not_fit_is_refused_and_leaves_nothing() {
    let mut bytes = Vec::new();
    assert_eq!(
        push_entry(&mut bytes, &[0; 65_536]),
        Err(EntryTooLong(65_536))
    );
    assert_eq!(bytes, b"");
    assert_eq!(push_entry(&mut bytes, &[0; 65_535]), Ok(()));
    assert_eq!(bytes.len(), 65_537);
}
