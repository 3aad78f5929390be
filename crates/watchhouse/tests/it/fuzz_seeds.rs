//! The first inputs of the fuzz targets: made here, and kept in `fuzz/seeds` for the fuzzer to read.
//! Pictures that nothing here can write are those of the matching engine's tests.

mod jpeg;

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use walkdir::WalkDir;
use watchhouse::ledger::checkpoint::Checkpoint;
use watchhouse::ledger::merkle::TreeHead;
use watchhouse::ledger::note::Signer;
use watchhouse::ledger::proof::Proof;
use watchhouse::rules::DEFAULT_PACK;
use watchhouse_match::screen::MARGIN_BITS;
use watchhouse_match::{
    BankId, BankSettings, EntryId, Hash, HashKind, Index, Limits, inspect, screen,
};

use crate::{make, pack};

/// By path below `fuzz/seeds`: the target, and a name.
type Seeds = BTreeMap<PathBuf, Vec<u8>>;

#[test]
fn the_seeds_are_those_that_are_made_here() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz"));
    let made = seeds();
    if std::env::var_os("UPDATE_SEEDS").is_some() {
        let _ = fs::remove_dir_all(folder.join("seeds"));
        for (path, bytes) in &made {
            let path = folder.join("seeds").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    let kept = kept(&folder.join("seeds"));

    let differing = |path: &&PathBuf| made.get(*path) != kept.get(*path);
    let differing: Vec<_> = made.keys().chain(kept.keys()).filter(differing).collect();
    assert!(
        differing.is_empty(),
        "make them anew with UPDATE_SEEDS=1: {differing:?}"
    );
    let n_bytes: usize = kept.values().map(Vec::len).sum();
    assert!(n_bytes < 100_000, "{n_bytes} bytes");
    for target in fs::read_dir(folder.join("src/bin")).unwrap() {
        let target = target.unwrap().path();
        let name = target.file_stem().unwrap();
        assert!(
            kept.keys().any(|path| path.starts_with(name)),
            "{name:?} has no seeds"
        );
    }
}

#[test]
fn pictures_for_the_sieve_are_sifted_and_sound() {
    let limits = Limits::default();
    for picture in [
        jpeg::baseline(256),
        jpeg::baseline(904),
        jpeg::progressive(1_504),
    ] {
        let screened = screen(&picture, &limits).unwrap().unwrap();
        let exact = inspect(&picture, &limits).unwrap().frames[0].pdq.hash;
        let distance = screened.near[0].distance(&exact);
        assert!(distance <= MARGIN_BITS, "{distance} bits");
    }
}

fn kept(folder: &Path) -> Seeds {
    let files = WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file());
    let read = |entry: walkdir::DirEntry| {
        let bytes = fs::read(entry.path()).unwrap();
        let path = entry.path().strip_prefix(folder).unwrap().to_owned();
        (path, bytes)
    };
    files.map(read).collect()
}

fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    let mut add = |path: &str, bytes: Vec<u8>| {
        assert!(seeds.insert(path.into(), bytes).is_none(), "{path} twice");
    };
    for (path, bytes) in [
        ("decode_jpeg/colour", encoded(&colour(), ImageFormat::Jpeg)),
        ("decode_jpeg/grey", encoded(&grey(), ImageFormat::Jpeg)),
        ("decode_png/colour", encoded(&colour(), ImageFormat::Png)),
        (
            "decode_png/grey-16-bit",
            encoded(
                &DynamicImage::ImageLuma16(grey().to_luma16()),
                ImageFormat::Png,
            ),
        ),
        (
            "decode_png/alpha",
            encoded(
                &DynamicImage::ImageRgba8(colour().to_rgba8()),
                ImageFormat::Png,
            ),
        ),
        ("decode_gif/still", encoded(&colour(), ImageFormat::Gif)),
        ("decode_gif/animated", animated()),
        ("decode_webp/colour", encoded(&colour(), ImageFormat::WebP)),
        ("decode_bmp/colour", encoded(&colour(), ImageFormat::Bmp)),
        ("decode_tiff/colour", encoded(&colour(), ImageFormat::Tiff)),
        (
            "decode_tiff/grey-16-bit",
            encoded(
                &DynamicImage::ImageLuma16(grey().to_luma16()),
                ImageFormat::Tiff,
            ),
        ),
    ] {
        add(path, bytes);
    }
    for (target, names) in [
        (
            "decode_avif",
            &["plain", "alpha", "tiled", "turned", "animated"][..],
        ),
        ("decode_heic", &["plain", "alpha", "444"]),
        (
            "decode_jxl",
            &["lossy", "lossless", "alpha", "container", "animated"],
        ),
    ] {
        let ending = target.trim_start_matches("decode_");
        for name in names {
            add(
                &format!("{target}/{name}"),
                make::stored(&format!("{name}.{ending}")),
            );
        }
    }
    for kind in HashKind::all() {
        add(&format!("hash/{kind}"), kind.example().into());
        let hash = Hash::parse(kind, kind.example()).unwrap();
        add(&format!("hash/{kind}-bytes"), hash.as_bytes().to_vec());
    }
    add("screen/small", jpeg::baseline(256));
    add("screen/large", jpeg::baseline(904));
    add("screen/very-large", jpeg::progressive(1_504));
    add("snapshot/empty", saved(&Index::new()));
    add("snapshot/each-kind", saved(&listed()));
    let pdq = HashKind::Pdq.example();
    add(
        "vpdq/lines",
        format!("0,100,{pdq},0.000\n30,49,{pdq},1.001\n").into(),
    );
    add(
        "vpdq/json",
        format!("[\"{pdq},100,0.0\", \"{pdq},50,1.23e+02\"]").into(),
    );
    add("text/as-written", "bad word\nA Bad\u{a0} WORD!".into());
    add("text/disguised", "modern\n\u{43c}0d3rn, rnodern".into());
    add("url/page", b"HTTP://a.example:80/%7e/./b?c#d".to_vec());
    add("url/folder", b"a.example:81/b/".to_vec());
    add(
        "url/text",
        "see www.a.example, http://0x7f.1\\ or https://\u{fc}.example".into(),
    );
    add(
        "container/mp4",
        b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08mdat".to_vec(),
    );
    add(
        "container/webm",
        b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm\x18\x53\x80\x67\x81\0".to_vec(),
    );
    add("container/avi", b"RIFF\x04\0\0\0AVI ".to_vec());
    let md5 = HashKind::Md5.example();
    add(
        "bank_file/plain",
        format!("# ours\n\npdq {pdq}\nmd5 {md5}\n").into(),
    );
    add(
        "bank_file/csv",
        format!("pdq,md5,source,id\n{pdq},{md5},\"a \"\"b\"\"\nc\",1\n").into(),
    );
    add(
        "bank_file/jsonl",
        format!("{{\"pdq\":\"{pdq}\",\"id\":\"1\"}}\n{{\"md5\":\"{md5}\"}}\n").into(),
    );
    add("rules/default", DEFAULT_PACK.into());
    let checkpoint = Checkpoint::new(
        "log.example.org",
        TreeHead {
            size: 7,
            root: [5; 32],
        },
    );
    let signer = Signer::from_seed("log.example.org", &[1; 32]).unwrap();
    add("ledger/checkpoint", checkpoint.to_string().into());
    let note = checkpoint.sign(&signer).unwrap().to_string();
    add("ledger/note", note.clone().into());
    let proof = Proof {
        extra: Some(b"salt".to_vec()),
        index: 3,
        hashes: vec![[6; 32], [7; 32]],
        checkpoint: note,
    };
    add("ledger/proof", proof.to_string().into());
    add("ledger/key", signer.verifier().to_string().into());
    add("ledger/path", b"tile/entries/x001/234.p/17".to_vec());
    add("ledger/bundle", b"\0\x03one\0\x03two".to_vec());

    let files: &pack::Files<'_> = &[("a/b.txt", b"words and words and words"), ("c", b"")];
    let tar = pack::tar(files);
    add("archive/tar.gz", pack::gzip(&tar));
    add("archive/tar.zst", pack::zstd(&tar));
    add("archive/tar.xz", pack::xz(&tar));
    add("archive/file.gz", pack::gzip(b"words"));
    add("archive/tar", tar);
    add("archive/zip", pack::zip(files));
    add("archive/zip-stored", pack::zip_stored(files));
    seeds
}

/// An index with a hash of each kind, and one that was removed.
fn listed() -> Index {
    let mut index = Index::new();
    for (bank, threshold) in [(1, 31), (2, 0)] {
        let settings = BankSettings {
            threshold,
            ..BankSettings::default()
        };
        index.set_bank(BankId(bank), settings).unwrap();
    }
    for (entry, kind) in (2..).map(EntryId).zip(HashKind::all()) {
        let hash = Hash::parse(kind, kind.example()).unwrap();
        index.insert(entry, BankId(1), &hash).unwrap();
    }
    let pdq = Hash::parse(HashKind::Pdq, HashKind::Pdq.example()).unwrap();
    index.insert(EntryId(20), BankId(2), &pdq).unwrap();
    index.insert(EntryId(1), BankId(2), &pdq).unwrap();
    index.remove(EntryId(20));
    index
}

/// Without the checksum, which the target adds.
fn saved(index: &Index) -> Vec<u8> {
    let mut bytes = Vec::new();
    index.snapshot().save(&mut bytes).unwrap();
    bytes.truncate(bytes.len() - 4);
    bytes
}

fn colour() -> DynamicImage {
    let pixel = |x, y| Rgb([(x * 8) as u8, (y * 8) as u8, ((x ^ y) * 8) as u8]);
    DynamicImage::ImageRgb8(RgbImage::from_fn(24, 20, pixel))
}

fn grey() -> DynamicImage {
    let pixel = |x, y| Luma([((x * y) % 256) as u8]);
    DynamicImage::ImageLuma8(GrayImage::from_fn(20, 24, pixel))
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn animated() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut gif = GifEncoder::new(&mut bytes);
    for picture in [
        colour(),
        grey().resize_exact(24, 20, image::imageops::Nearest),
    ] {
        gif.encode_frame(Frame::new(picture.to_rgba8())).unwrap();
    }
    drop(gif);
    bytes
}
