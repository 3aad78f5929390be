//! The sieve against the exact hash: near enough for everything that is found exactly, and silent about
//! what it cannot tell.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, RgbImage};
use watchhouse_match::screen::MARGIN_BITS;
use watchhouse_match::{
    BankId, BankSettings, EntryId, Hash, Index, Inspection, Limits, Screened, inspect, screen,
};

use crate::make;

/// What a bank finds unless its settings say otherwise.
const THRESHOLD: u32 = 31;

fn screened(file: &[u8]) -> Option<Screened> {
    screen(file, &Limits::default()).expect("this file is whole")
}

fn inspected(file: &[u8]) -> Inspection {
    inspect(file, &Limits::default()).expect("this file is whole")
}

/// By how many bits the sieve is off, at most, over all eight transforms.
fn deviation(screened: &Screened, exact: &Inspection) -> u32 {
    let pairs = screened.near.iter().zip(&exact.frames[0].dihedrals);
    pairs
        .map(|(near, hash)| near.distance(hash))
        .max()
        .expect("there are eight")
}

fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, quality)
        .encode_image(picture)
        .expect("pictures can be written");
    file
}

#[test]
fn drawings_are_screened_within_the_margin() {
    // Sides around the bounds from which on it looks at less, and not of whole blocks.
    for (width, height) in [
        (256, 300),
        (511, 641),
        (899, 1203),
        (900, 1207),
        (1601, 1100),
    ] {
        for seed in 1..5 {
            let file = jpeg(&make::drawing(width, height, seed), 60 + 9 * seed as u8);
            let screened = screened(&file).expect("it is large enough");
            assert_eq!((screened.width, screened.height), (width, height));
            let deviation = deviation(&screened, &inspected(&file));
            assert!(
                deviation <= MARGIN_BITS,
                "{width}x{height}, {seed}: {deviation} bits"
            );
        }
    }
}

#[test]
fn what_a_sieve_cannot_tell_is_left_to_decoding() {
    let drawing = make::drawing(300, 300, 1);
    let small = make::drawing(300, 255, 1);
    let flat = RgbImage::from_pixel(300, 300, image::Rgb([90, 120, 40]));
    let of_one_step = RgbImage::from_fn(300, 300, |x, _| image::Rgb([90 + u8::from(x > 150); 3]));
    for (name, file) in [
        ("png", make::file(drawing.clone(), image::ImageFormat::Png)),
        ("small", jpeg(&small, 90)),
        ("flat", jpeg(&flat, 90)),
        ("nearly flat", jpeg(&of_one_step, 90)),
        ("of red, green and blue", in_rgb(&jpeg(&drawing, 90))),
    ] {
        assert_eq!(screened(&file), None, "{name}");
    }
    let grey = DynamicImage::from(drawing).into_luma8();
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut file, 90);
    encoder
        .encode_image(&grey)
        .expect("pictures can be written");
    let screened = screened(&file).expect("grey is luma");
    assert!(deviation(&screened, &inspected(&file)) <= MARGIN_BITS);
}

/// As Adobe's programs say that nothing was done to the colours.
fn in_rgb(file: &[u8]) -> Vec<u8> {
    let jfif = usize::from(u16::from_be_bytes([file[4], file[5]])) + 4;
    assert_eq!(&file[6..10], b"JFIF");
    let adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0";
    [&file[..2], adobe, &file[jfif..]].concat()
}

#[test]
fn a_file_cut_anywhere_is_not_screened() {
    let file = jpeg(&make::drawing(300, 300, 2), 50);
    assert!(screened(&file).is_some());
    for n_bytes in (0..file.len())
        .step_by(11)
        .chain(file.len() - 40..file.len())
    {
        let cut = screen(&file[..n_bytes], &Limits::default());
        assert!(!matches!(cut, Ok(Some(_))), "cut to {n_bytes} bytes");
        if n_bytes >= 3 {
            assert_eq!(cut.map_err(|error| error.code()), Err("truncated"));
        }
    }
}

#[test]
fn limits_hold_before_anything_is_read() {
    let file = jpeg(&make::drawing(300, 300, 2), 50);
    let code = |limits: Limits| screen(&file, &limits).map_err(|error| error.code());
    let limits = Limits::default();
    assert_eq!(
        code(Limits {
            bytes: 100,
            ..limits
        }),
        Err("too_many_bytes")
    );
    assert_eq!(
        code(Limits {
            pixels: 300,
            ..limits
        }),
        Err("too_many_pixels")
    );
    let decoded_bytes = 1_000;
    assert_eq!(
        code(Limits {
            decoded_bytes,
            ..limits
        }),
        Err("too_much_memory")
    );
}

/// Wallpapers from Debian's packages `plasma-workspace-wallpapers` and `mate-backgrounds`: one of each
/// folder, which holds the same at several sizes or by the same hand.
fn photographs() -> Vec<PathBuf> {
    let mut of_folder = BTreeMap::<PathBuf, Vec<PathBuf>>::new();
    for root in ["/usr/share/wallpapers", "/usr/share/backgrounds/mate"] {
        list(Path::new(root), &mut of_folder);
    }
    let mut chosen = Vec::new();
    for (folder, mut files) in of_folder {
        files.sort();
        let is_one_motif = folder.ends_with("images") || folder.ends_with("images_dark");
        files.truncate(if is_one_motif { 1 } else { usize::MAX });
        chosen.extend(files);
    }
    chosen
}

fn list(folder: &Path, of_folder: &mut BTreeMap<PathBuf, Vec<PathBuf>>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        if kind.as_ref().is_ok_and(|kind| kind.is_dir()) {
            list(&path, of_folder);
        } else if kind.is_ok_and(|kind| kind.is_file())
            && path.extension().is_some_and(|extension| extension == "jpg")
        {
            of_folder.entry(folder.to_owned()).or_default().push(path);
        }
    }
}

#[test]
#[allow(
    clippy::print_stdout,
    reason = "says what a test proved, or that it proved nothing"
)]
fn on_photographs_nothing_is_lost_that_is_found_exactly() {
    let photographs = photographs();
    if photographs.is_empty() {
        println!(
            "skipped: no photographs; install plasma-workspace-wallpapers and mate-backgrounds"
        );
        return;
    }
    let files: Vec<(String, Vec<u8>)> =
        photographs.iter().flat_map(|path| versions(path)).collect();
    let exact: Vec<Inspection> = files.iter().map(|(_, file)| inspected(file)).collect();

    let (bank, wide_bank) = (BankId(1), BankId(2));
    let mut index = Index::new();
    for (bank, threshold) in [(bank, THRESHOLD), (wide_bank, THRESHOLD + MARGIN_BITS)] {
        let settings = BankSettings {
            threshold,
            is_enabled: true,
            ..BankSettings::default()
        };
        index.set_bank(bank, settings).expect("there are few banks");
        for (entry, exact) in (0..).zip(&exact) {
            let hash = Hash::Pdq(exact.frames[0].pdq.hash);
            // Degenerate hashes are refused, and then they are found by nobody.
            let _refused = index.insert(EntryId(entry * 2 + u64::from(bank.0 == 2)), bank, &hash);
        }
    }
    let found = |hash, bank| {
        let mut hits = Vec::new();
        index.lookup(&Hash::Pdq(hash), &mut hits);
        hits.retain(|hit| hit.bank == bank);
        let entries = hits.iter().map(|hit| hit.entry.0 / 2);
        entries.collect::<std::collections::BTreeSet<u64>>()
    };
    let (mut n_screened, mut sum, mut worst) = (0, 0, 0);
    for ((name, file), exact) in files.iter().zip(&exact) {
        let Some(screened) = screened(file) else {
            continue;
        };
        n_screened += 1;
        let deviation = deviation(&screened, exact);
        assert!(deviation <= MARGIN_BITS, "{name}: {deviation} bits");
        sum += screened.near[0].distance(&exact.frames[0].pdq.hash);
        worst = worst.max(deviation);
        for (near, hash) in screened.near.iter().zip(&exact.frames[0].dihedrals) {
            let lost = &found(*hash, bank) - &found(*near, wide_bank);
            assert!(lost.is_empty(), "{name} loses {lost:?}");
        }
    }
    let mean = f64::from(sum) / f64::from(n_screened);
    println!(
        "{n_screened} of {} files screened: mean {mean:.2}, worst {worst} bits",
        files.len()
    );
    assert!(
        n_screened * 2 > files.len() as u32,
        "{n_screened} of {}",
        files.len()
    );
    assert!(mean <= 2.0, "{mean} bits off in the mean");
}

/// A photograph as it is, if it is not too large for a test, and smaller, worse, and altered.
fn versions(path: &Path) -> Vec<(String, Vec<u8>)> {
    let file = std::fs::read(path).expect("it was listed");
    let picture = image::load_from_memory(&file).expect("it is a photograph");
    let shorter = picture.width().min(picture.height());
    let mut versions = Vec::new();
    for (side, quality) in [
        (280, 90),
        (420, 75),
        (640, 50),
        (880, 85),
        (960, 40),
        (1_200, 80),
    ] {
        if side > shorter {
            continue;
        }
        let (width, height) = (
            picture.width() * side / shorter,
            picture.height() * side / shorter,
        );
        let smaller = picture.thumbnail_exact(width, height);
        let altered = if side % 40 == 0 {
            smaller.adjust_contrast(30.0)
        } else {
            smaller
        };
        let name = format!("{} at {side} and {quality}", path.display());
        versions.push((name, jpeg(&altered.into_rgb8(), quality)));
    }
    if u64::from(picture.width()) * u64::from(picture.height()) < 6_000_000 {
        versions.push((path.display().to_string(), file));
    }
    versions
}
