//! Checks a whole log from outside: from what it serves, its key, and nothing else.
//!
//! Everything is computed twice: from the entries, and from the lowest tiles. The side that leads to
//! the signed root is right, so the other can be told what exactly is wrong with it. What is checked
//! is the tree of the latest checkpoint; narrower partial tiles of earlier ones may still be served,
//! and nothing here looks at them. The log MUST NOT be trusted in anything: not in its sizes either.

use std::io;

use super::{
    bundle::{Bundle, BundleError, bundles_at},
    checkpoint::{Checkpoint, CheckpointError, print_node_hash},
    edge::{Edge, WrittenTile},
    merkle::{EMPTY_ROOT, NodeHash, TreeHead, leaf_hash},
    note::Verifier,
    path::CHECKPOINT,
    source::Source,
    tile::Tile,
};

/// What was found to be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub origin: String,
    pub size: u64,
    pub root: NodeHash,
    /// Tiles of hashes; the entry bundles are not among them.
    pub tiles_checked: u64,
    pub entries_checked: u64,
}

/// The first thing that is wrong with a log.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("\"{path}\" cannot be read: {error}")]
    Unreadable { path: String, error: io::Error },
    #[error("\"{path}\" is not there")]
    Missing { path: String },
    #[error("\"{CHECKPOINT}\": {0}")]
    Checkpoint(CheckpointError),
    #[error("the earlier checkpoint: {0}")]
    EarlierCheckpoint(CheckpointError),
    #[error("\"{path}\" has {found} bytes, expected {expected}")]
    WrongLength {
        path: String,
        expected: usize,
        found: usize,
    },
    #[error("\"{path}\" is not an entry bundle: {error}")]
    NotABundle { path: String, error: BundleError },
    #[error("\"{path}\": hash {position} is not what the log's entries give")]
    WrongHash { path: String, position: usize },
    #[error("\"{path}\": entry {entry} of the log is not the one that the signed tree has")]
    WrongEntry { path: String, entry: u64 },
    #[error(
        "\"{bundle}\" and \"{tile}\" differ at entry {entry} of the log, and neither leads to the signed root"
    )]
    BothWrong {
        bundle: String,
        tile: String,
        entry: u64,
    },
    #[error(
        "\"{CHECKPOINT}\": line 3 has the root {signed}, but the {size} entries have the root {computed}"
    )]
    WrongRoot {
        size: u64,
        signed: String,
        computed: String,
    },
    #[error(
        "\"{CHECKPOINT}\": line 2 has the size {size}, but the earlier checkpoint had {earlier}"
    )]
    Shrunk { size: u64, earlier: u64 },
    #[error(
        "the log was rewritten: its first {earlier} entries have the root {computed}, but the earlier checkpoint had {signed}"
    )]
    Rewritten {
        earlier: u64,
        signed: String,
        computed: String,
    },
}

/// Checks every entry and every hash of the log `origin` against its checkpoint, which one of `known`
/// must have signed.
///
/// With an earlier signed checkpoint it also checks that the log has only grown since. It fetches the
/// whole log, one bundle or tile at a time, and holds no more than two edges of it.
pub fn verify_log(
    source: &dyn Source,
    origin: &str,
    known: &[Verifier],
    earlier: Option<&[u8]>,
) -> Result<Report, VerifyError> {
    let note = require(source, CHECKPOINT)?;
    let signed = Checkpoint::open(&note, origin, known)
        .map_err(VerifyError::Checkpoint)?
        .head;
    let earlier = earlier
        .map(|note| Checkpoint::open(note, origin, known))
        .transpose()
        .map_err(VerifyError::EarlierCheckpoint)?
        .map(|checkpoint| checkpoint.head);
    if let Some(earlier) = earlier.filter(|earlier| earlier.size > signed.size) {
        return Err(VerifyError::Shrunk {
            size: signed.size,
            earlier: earlier.size,
        });
    }

    let mut replay = Replay::new(
        source,
        signed.size,
        earlier.map_or(0, |earlier| earlier.size),
    );
    for bundle in bundles_at(signed.size) {
        replay.take(bundle)?;
    }
    replay.judge(signed, earlier)?;

    Ok(Report {
        origin: origin.to_owned(),
        size: signed.size,
        root: signed.root,
        tiles_checked: replay.tiles_checked,
        entries_checked: replay.from_entries.size(),
    })
}

/// The log, computed anew from its beginning.
struct Replay<'a> {
    source: &'a dyn Source,
    size: u64,
    from_entries: Edge,
    /// From the tiles of level 0.
    from_tiles: Edge,
    /// What the entries give at the earlier checkpoint's size.
    earlier_size: u64,
    earlier_root: NodeHash,
    /// The first tile that is not what the entries give.
    wrong_tile: Option<VerifyError>,
    /// The first entry that is not what the tiles of level 0 have.
    wrong_entry: Option<Difference>,
    tiles_checked: u64,
}

/// Where a bundle and the tile beside it differ.
struct Difference {
    bundle: String,
    tile: String,
    entry: u64,
}

impl<'a> Replay<'a> {
    fn new(source: &'a dyn Source, size: u64, earlier_size: u64) -> Replay<'a> {
        Replay {
            source,
            size,
            from_entries: Edge::empty(),
            from_tiles: Edge::empty(),
            earlier_size,
            earlier_root: EMPTY_ROOT,
            wrong_tile: None,
            wrong_entry: None,
            tiles_checked: 0,
        }
    }

    /// Takes the next bundle, and compares the tiles that end with it.
    fn take(&mut self, bundle: Bundle) -> Result<(), VerifyError> {
        let (bundle_path, leaves) = self.fetch_leaves(bundle)?;
        if let Some(n_leaves) = self.earlier_size.checked_sub(bundle.first_entry())
            && (1..=u64::from(bundle.width)).contains(&n_leaves)
        {
            let mut edge = self.from_entries.clone();
            edge.append(&leaves[..n_leaves as usize]);
            self.earlier_root = edge.root();
        }

        for WrittenTile { tile, bytes } in self.from_entries.append(&leaves) {
            // What grows further with a later bundle is compared then.
            if Tile::at(tile.level, tile.index, self.size) != Some(tile) {
                continue;
            }
            let (tile_path, found) = self.fetch_tile(tile)?;
            self.tiles_checked += 1;
            let (computed, _) = bytes.as_chunks();
            if let Some(position) = first_difference(computed, &found) {
                if tile.level == 0 && self.wrong_entry.is_none() {
                    self.wrong_entry = Some(Difference {
                        bundle: bundle_path.clone(),
                        tile: tile_path.clone(),
                        entry: bundle.first_entry() + position as u64,
                    });
                }
                self.wrong_tile.get_or_insert(VerifyError::WrongHash {
                    path: tile_path,
                    position,
                });
            }
            if tile.level == 0 {
                self.from_tiles.append(&found);
            }
        }
        Ok(())
    }

    /// Says who is wrong, now that both sides can be held against the signed root.
    fn judge(&mut self, signed: TreeHead, earlier: Option<TreeHead>) -> Result<(), VerifyError> {
        let computed = self.from_entries.root();
        if computed == signed.root {
            if let Some(wrong_tile) = self.wrong_tile.take() {
                return Err(wrong_tile);
            }
        } else if let Some(difference) = self.wrong_entry.take() {
            let Difference {
                bundle,
                tile,
                entry,
            } = difference;
            return Err(if self.from_tiles.root() == signed.root {
                VerifyError::WrongEntry {
                    path: bundle,
                    entry,
                }
            } else {
                VerifyError::BothWrong {
                    bundle,
                    tile,
                    entry,
                }
            });
        } else {
            return Err(VerifyError::WrongRoot {
                size: signed.size,
                signed: print_node_hash(&signed.root),
                computed: print_node_hash(&computed),
            });
        }

        match earlier {
            Some(earlier) if earlier.root != self.earlier_root => Err(VerifyError::Rewritten {
                earlier: earlier.size,
                signed: print_node_hash(&earlier.root),
                computed: print_node_hash(&self.earlier_root),
            }),
            _ => Ok(()),
        }
    }

    fn fetch_leaves(&self, bundle: Bundle) -> Result<(String, Vec<NodeHash>), VerifyError> {
        let mut found = bundle;
        let bytes = match fetch(self.source, &bundle.path())? {
            Some(bytes) => bytes,
            None => {
                // A log may drop a partial bundle or tile once the full one is there.
                found = bundle.full();
                require(self.source, &found.path())?
            }
        };
        let path = found.path();
        match found.decode(&bytes) {
            Ok(entries) => {
                let entries = entries.into_iter().take(bundle.width.into());
                Ok((path, entries.map(leaf_hash).collect()))
            }
            Err(error) => Err(VerifyError::NotABundle { path, error }),
        }
    }

    fn fetch_tile(&self, tile: Tile) -> Result<(String, Vec<NodeHash>), VerifyError> {
        let mut found = tile;
        let bytes = match fetch(self.source, &tile.path())? {
            Some(bytes) => bytes,
            None => {
                found = tile.full();
                require(self.source, &found.path())?
            }
        };
        let path = found.path();
        if bytes.len() != found.size_bytes() {
            return Err(VerifyError::WrongLength {
                path,
                expected: found.size_bytes(),
                found: bytes.len(),
            });
        }
        let (hashes, _) = bytes.as_chunks();
        Ok((path, hashes[..tile.width.into()].to_vec()))
    }
}

fn fetch(source: &dyn Source, path: &str) -> Result<Option<Vec<u8>>, VerifyError> {
    source.fetch(path).map_err(|error| VerifyError::Unreadable {
        path: path.to_owned(),
        error,
    })
}

fn require(source: &dyn Source, path: &str) -> Result<Vec<u8>, VerifyError> {
    let path = path.to_owned();
    fetch(source, &path)?.ok_or(VerifyError::Missing { path })
}

fn first_difference(computed: &[NodeHash], found: &[NodeHash]) -> Option<usize> {
    computed.iter().zip(found).position(|(a, b)| a != b)
}
