//! The first inputs of the fuzz targets: made here, and kept in `fuzz/seeds` for the fuzzer to read.
//! Pictures that nothing here can write are those of the matching engine's tests.

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
use watchhouse::rules::DEFAULT_PACK;
use watchhouse_match::HashKind;

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
    }
    let (md5, pdq) = (HashKind::Md5.example(), HashKind::Pdq.example());
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
    add(
        "ledger/note",
        checkpoint.sign(&signer).unwrap().to_string().into(),
    );
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
