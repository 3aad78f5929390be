//! Checking a whole log from outside, and finding what is wrong with it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use proptest::prelude::*;
use tempfile::TempDir;
use watchhouse::ledger::{
    bundle::{Bundle, push_entry},
    checkpoint::Checkpoint,
    edge::Edge,
    merkle::{EMPTY_ROOT, TreeHead, leaf_hash},
    source::{DirectorySource, MAX_RESOURCE_BYTES, Source},
    verify::{Report, VerifyError, verify_log},
};

use super::{
    ORIGIN,
    checkpoints::{TESSERA_ENTRIES, TESSERA_ORIGIN, tessera_signer},
    entry, leaves, naive, reference, signer, verifiers,
};

/// A log in a directory, published after every batch.
struct Log {
    directory: TempDir,
    edge: Edge,
}

impl Log {
    fn of(batches: &[usize]) -> Log {
        let mut log = Log {
            directory: TempDir::new().expect("a scratch directory"),
            edge: Edge::empty(),
        };
        log.publish_checkpoint(log.edge.head());
        for batch in batches {
            let first = log.edge.size() as usize;
            let entries: Vec<_> = (first..first + batch).map(entry).collect();
            log.append(&entries);
        }
        log
    }

    fn append(&mut self, entries: &[Vec<u8>]) {
        let before = self.edge.size();
        let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        for written in self.edge.append(&leaves) {
            self.write(&written.tile.path(), &written.bytes);
        }
        let size = self.edge.size();
        for index in before / 256..size.div_ceil(256) {
            let bundle = Bundle::at(index, size).expect("the log has entries there");
            let mut bytes = Vec::new();
            for i in (bundle.first_entry()..).take(bundle.width.into()) {
                // The test's own entries, unless this very batch brings others.
                let own = entry(i as usize);
                let new = i.checked_sub(before).map(|i| &entries[i as usize]);
                push_entry(&mut bytes, new.unwrap_or(&own)).expect("entries are short");
            }
            self.write(&bundle.path(), &bytes);
        }
        self.publish_checkpoint(self.edge.head());
    }

    fn publish_checkpoint(&self, head: TreeHead) {
        self.write("checkpoint", sign(head).as_bytes());
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.at(path);
        let parent = path.parent().expect("the file is in the log's directory");
        fs::create_dir_all(parent).expect("the directory can be made");
        fs::write(path, bytes).expect("the file can be written");
    }

    fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.at(path)).expect("the log has the file")
    }

    fn flip(&self, path: &str, at: usize, bit: u8) {
        let mut bytes = self.read(path);
        bytes[at] ^= 1 << bit;
        self.write(path, &bytes);
    }

    fn at(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn verify(&self) -> Result<Report, VerifyError> {
        self.verify_since(None)
    }

    fn verify_since(&self, earlier: Option<&str>) -> Result<Report, VerifyError> {
        let source = DirectorySource {
            root: self.directory.path().to_owned(),
        };
        verify_log(&source, ORIGIN, &verifiers(), earlier.map(str::as_bytes))
    }

    fn error(&self) -> String {
        let error = self.verify().expect_err("something is wrong with the log");
        error.to_string()
    }
}

fn sign(head: TreeHead) -> String {
    let note = Checkpoint::new(ORIGIN, head).sign(&signer());
    note.expect("the origin can be printed").to_string()
}

fn head(size: usize) -> TreeHead {
    TreeHead {
        size: size as u64,
        root: naive::root(&leaves(size)),
    }
}

const FILES_OF_600: [&str; 8] = [
    "checkpoint",
    "tile/0/000",
    "tile/0/001",
    "tile/0/002.p/88",
    "tile/1/000.p/2",
    "tile/entries/000",
    "tile/entries/001",
    "tile/entries/002.p/88",
];

#[test]
fn an_empty_log_verifies_without_a_tile() {
    let log = Log::of(&[]);
    assert_eq!(
        log.verify().expect("the log is right"),
        Report {
            origin: ORIGIN.to_owned(),
            size: 0,
            root: EMPTY_ROOT,
            tiles_checked: 0,
            entries_checked: 0,
        }
    );
    assert_eq!(
        fs::read_dir(log.directory.path())
            .expect("it can be listed")
            .count(),
        1
    );
}

#[test]
fn every_byte_of_a_small_log_is_checked() {
    let log = Log::of(&[20]);
    for path in ["checkpoint", "tile/0/000.p/20", "tile/entries/000.p/20"] {
        for at in 0..log.read(path).len() {
            let bit = (at % 8) as u8;
            log.flip(path, at, bit);
            let error = log.error();
            assert!(
                error.contains(&format!("\"{path}\"")),
                "{path} byte {at}: {error}"
            );
            log.flip(path, at, bit);
        }
    }
    assert!(log.verify().is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_flipped_bit_is_found_and_its_file_named(
        path in prop::sample::select(&FILES_OF_600[..]),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let log = Log::of(&[600]);
        let at = at.index(log.read(path).len());
        log.flip(path, at, bit);
        let error = log.error();
        let quoted = format!("\"{path}\"");
        prop_assert!(error.starts_with(&quoted), "{}", error);
    }

    #[test]
    fn a_log_grown_in_any_batches_verifies(
        batches in prop::collection::vec(0usize..500, 0..5),
        earlier in any::<prop::sample::Index>(),
    ) {
        let size = batches.iter().sum::<usize>();
        let earlier = sign(head(earlier.index(size + 1)));
        let report = Log::of(&batches).verify_since(Some(&earlier)).expect("the log is right");
        prop_assert_eq!(
            report,
            Report {
                origin: ORIGIN.to_owned(),
                size: size as u64,
                root: naive::root(&leaves(size)),
                tiles_checked: naive::tiles(size).len() as u64,
                entries_checked: size as u64,
            }
        );
    }
}

#[test]
fn what_is_missing_short_or_long_is_named() {
    let log = Log::of(&[600]);
    for path in FILES_OF_600 {
        let bytes = log.read(path);
        log.write(path, &bytes[..bytes.len() - 1]);
        let short = log.error();
        log.write(path, &[&bytes[..], &[0]].concat());
        let long = log.error();
        fs::remove_file(log.at(path)).expect("the file is there");
        let missing = log.error();
        for error in [short, long] {
            assert!(error.starts_with(&format!("\"{path}\"")), "{path}: {error}");
        }
        let full = path.split(".p/").next().expect("a path is not empty");
        assert_eq!(missing, format!("\"{full}\" is not there"));
        log.write(path, &bytes);
    }
}

#[test]
fn a_file_longer_than_any_in_a_log_is_not_read() {
    let log = Log::of(&[3]);
    let file = fs::File::create(log.at("tile/entries/000.p/3")).expect("the file can be written");
    file.set_len(MAX_RESOURCE_BYTES as u64 + 1)
        .expect("the file can be grown");
    assert_eq!(
        log.error(),
        "\"tile/entries/000.p/3\" cannot be read: it has more than 16777472 bytes"
    );
}

#[test]
fn an_exchanged_entry_is_named_by_its_number() {
    let log = Log::of(&[600]);
    let good = log.read("tile/entries/001");
    let text = String::from_utf8(good.clone()).expect("lengths and entries are ASCII here");
    log.write(
        "tile/entries/001",
        text.replace("entry 300", "entry 999").as_bytes(),
    );
    assert_eq!(
        log.error(),
        "\"tile/entries/001\": entry 300 of the log is not the one that the signed tree has"
    );

    log.flip("tile/0/002.p/88", 32 * 3, 0);
    assert_eq!(
        log.error(),
        "\"tile/entries/001\" and \"tile/0/001\" differ at entry 300 of the log, \
         and neither leads to the signed root"
    );

    log.write("tile/entries/001", &good);
    assert_eq!(
        log.error(),
        "\"tile/0/002.p/88\": hash 3 is not what the log's entries give"
    );
}

#[test]
fn a_log_rewritten_with_its_own_key_is_found_by_an_earlier_checkpoint() {
    let mut log = Log::of(&[300]);
    log.append(&[b"another".to_vec()]);
    let log_302 = sign(head(302));
    let log_301 = sign(head(301));
    let log_300 = sign(head(300));

    assert!(log.verify_since(Some(&log_300)).is_ok());
    assert!(matches!(
        log.verify_since(Some(&log_301)),
        Err(VerifyError::Rewritten { earlier: 301, .. })
    ));
    assert!(matches!(
        log.verify_since(Some(&log_302)),
        Err(VerifyError::Shrunk {
            size: 301,
            earlier: 302
        })
    ));
    let unsigned = log_300.replace("300", "299");
    assert!(matches!(
        log.verify_since(Some(&unsigned)),
        Err(VerifyError::EarlierCheckpoint(_))
    ));
}

#[test]
fn a_signed_root_that_is_not_the_trees_is_found() {
    let log = Log::of(&[300]);
    let wrong = TreeHead {
        size: 300,
        ..head(299)
    };
    log.publish_checkpoint(wrong);
    assert!(matches!(
        log.verify(),
        Err(VerifyError::WrongRoot { size: 300, .. })
    ));
}

#[test]
fn partial_tiles_may_go_once_the_full_ones_are_there() {
    let log = Log::of(&[500, 100]);
    log.publish_checkpoint(head(500));
    for partial in ["tile/0/001.p", "tile/entries/001.p"] {
        fs::remove_dir_all(log.at(partial)).expect("they were published");
    }
    let report = log.verify().expect("the log is right");
    assert_eq!((report.size, report.tiles_checked), (500, 3));
}

/// Tessera's published log, as it was at an earlier size.
struct Tessera<'a> {
    directory: &'a Path,
    size: usize,
}

impl Source for Tessera<'_> {
    fn fetch(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let root = self.directory.to_owned();
        let path = match path {
            "checkpoint" => format!("checkpoint.{}", self.size),
            other => other.to_owned(),
        };
        DirectorySource { root }.fetch(&path)
    }
}

#[test]
fn tesseras_log_verifies_at_every_size_and_since_every_size() {
    let Some(directory) = reference("tessera-log") else {
        return;
    };
    let known = [tessera_signer().verifier().clone()];
    for size in 0..=15 {
        let source = Tessera {
            directory: &directory,
            size,
        };
        for earlier in 0..=size {
            let earlier = fs::read(directory.join(format!("checkpoint.{earlier}")))
                .expect("the log has all its checkpoints");
            let report = verify_log(&source, TESSERA_ORIGIN, &known, Some(&earlier))
                .expect("Tessera's log is right");
            assert_eq!(report.entries_checked, size as u64);
        }
    }
}

#[test]
fn we_write_the_tiles_and_bundles_that_tessera_wrote() {
    let Some(directory) = reference("tessera-log") else {
        return;
    };
    let mut edge = Edge::empty();
    let mut bundle = Vec::new();
    for (size, entry) in (1..).zip(TESSERA_ENTRIES) {
        push_entry(&mut bundle, entry.as_bytes()).expect("the entry is short");
        let theirs = fs::read(directory.join(format!("tile/entries/000.p/{size}")));
        assert_eq!(theirs.expect("the log has the bundle"), bundle);
        for written in edge.append(&[leaf_hash(entry.as_bytes())]) {
            let theirs = fs::read(directory.join(written.tile.path()));
            assert_eq!(theirs.expect("the log has the tile"), written.bytes);
        }
    }
}
