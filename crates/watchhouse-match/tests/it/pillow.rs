//! Our JPEG decoder beside the one that hash lists were made with: equal, sample for sample.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use image::RgbImage;
use watchhouse_match::decode::{Viewer, decode};
use watchhouse_match::{Channels, Family, Limits, Picture, Row, inspect, pdq};

use crate::make;

const SUBSAMPLINGS: [&str; 3] = ["4:4:4", "4:2:2", "4:2:0"];

/// Pillow, which sits on libjpeg-turbo.
struct Pillow {
    process: Child,
    asks: ChildStdin,
    answers: ChildStdout,
}

impl Pillow {
    /// None, said aloud, where it is not installed.
    #[allow(clippy::print_stdout, reason = "says that a test proved nothing here")]
    fn start() -> Option<Pillow> {
        let mut process = Command::new("/usr/bin/python3")
            .args(["-c", include_str!("pillow.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        let asks = process.stdin.take().expect("it is piped");
        let answers = process.stdout.take().expect("it is piped");
        let mut pillow = Pillow {
            process,
            asks,
            answers,
        };
        let ready = pillow.answer();
        if ready.is_none() {
            println!("skipped: no Pillow for /usr/bin/python3 (Debian package python3-pil)");
        }
        ready.map(|_| pillow)
    }

    fn save(&mut self, picture: &RgbImage, mode: &str, options: &str) -> Vec<u8> {
        let (width, height) = picture.dimensions();
        let asked = format!(
            r#"{{"save": "{mode}", "width": {width}, "height": {height}, "options": {{{options}}}}}"#
        );
        self.ask(&asked, picture)
    }

    fn open(&mut self, file: &[u8]) -> Vec<u8> {
        self.ask(&format!(r#"{{"open": {}}}"#, file.len()), file)
    }

    fn ask(&mut self, asked: &str, bytes: &[u8]) -> Vec<u8> {
        writeln!(self.asks, "{asked}").expect("it listens");
        self.asks.write_all(bytes).expect("it listens");
        self.asks.flush().expect("it listens");
        self.answer().expect("it answers")
    }

    fn answer(&mut self) -> Option<Vec<u8>> {
        let mut size = [0; 4];
        self.answers.read_exact(&mut size).ok()?;
        let mut answer = vec![0; u32::from_le_bytes(size) as usize];
        self.answers.read_exact(&mut answer).ok()?;
        Some(answer)
    }

    fn check(&mut self, file: &[u8], what: &str) {
        let (ours, theirs) = (pixels_of(file), self.open(file));
        assert_eq!(ours.len(), theirs.len(), "{what}");
        let n_different = ours.iter().zip(&theirs).filter(|(a, b)| a != b).count();
        assert_eq!(n_different, 0, "of {} samples of {what}", ours.len());
    }
}

impl Drop for Pillow {
    fn drop(&mut self) {
        // It ends by itself when nobody asks any more; this leaves nothing behind.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Collects red, green and blue of all pixels.
#[derive(Default)]
struct Pixels(Vec<u8>);

impl Viewer for Pixels {
    fn begin(&mut self, _index: u32, _width: usize, _height: usize) {}

    fn row(&mut self, row: Row<'_>) {
        match row {
            Row::Packed(Channels::Grey, samples) => {
                self.0.extend(samples.iter().flat_map(|&grey| [grey; 3]));
            }
            Row::Planar([red, green, blue]) => {
                let pixels = red.iter().zip(green).zip(blue);
                self.0.extend(pixels.flat_map(|((&r, &g), &b)| [r, g, b]));
            }
            Row::Packed(channels, _) => panic!("{channels:?} of a JPEG"),
        }
    }

    fn end(&mut self) {}
}

/// Of a JPEG.
pub(crate) fn pixels_of(file: &[u8]) -> Vec<u8> {
    let mut pixels = Pixels::default();
    decode(file, &Limits::default(), &mut pixels).expect("it is whole");
    pixels.0
}

#[test]
fn pictures_of_all_small_sizes_equal_pillows() {
    let Some(mut pillow) = Pillow::start() else {
        return;
    };
    for width in 1..=40 {
        for height in [1, 2, 3, 7, 8, 9, 15, 16, 17, 18, 31, 32, 33, 40] {
            let seed = width * 41 + height;
            let drawing = make::drawing(width, height, seed);
            let (quality, is_progressive) = (seed * 7 % 100 + 1, seed % 3 == 0);
            for subsampling in SUBSAMPLINGS {
                let options = format!(
                    r#""quality": {quality}, "progressive": {is_progressive}, "subsampling": "{subsampling}""#
                );
                let file = pillow.save(&drawing, "RGB", &options);
                pillow.check(&file, &format!("{width}x{height}, {options}"));
            }
        }
    }
}

#[test]
fn larger_pictures_equal_pillows() {
    let Some(mut pillow) = Pillow::start() else {
        return;
    };
    for (width, height) in [(641, 479), (1030, 257), (64, 1000)] {
        let drawing = make::drawing(width, height, 3);
        for mode in ["RGB", "L", "CMYK"] {
            for subsampling in SUBSAMPLINGS {
                for more in [
                    r#""quality": 100"#,
                    r#""quality": 85"#,
                    r#""quality": 30, "progressive": true"#,
                    r#""quality": 60, "restart_marker_blocks": 5"#,
                ] {
                    let options = format!(r#"{more}, "subsampling": "{subsampling}""#);
                    let file = pillow.save(&drawing, mode, &options);
                    pillow.check(&file, &format!("{mode} {width}x{height}, {options}"));
                }
            }
        }
    }
}

#[test]
fn inks_and_progression_keep_the_hash() {
    let Some(mut pillow) = Pillow::start() else {
        return;
    };
    for seed in 1..5 {
        let drawing = make::drawing(400, 300, seed);
        let expected = pdq(&Picture::rgb(400, 300, &drawing), Family::Full).hash;
        for (mode, options) in [
            ("RGB", r#""quality": 90"#),
            ("RGB", r#""quality": 90, "progressive": true"#),
            ("CMYK", r#""quality": 90"#),
            ("CMYK", r#""quality": 90, "progressive": true"#),
        ] {
            let file = pillow.save(&drawing, mode, options);
            let inspection = inspect(&file, &Limits::default()).expect("it is whole");
            let distance = inspection.frames[0].pdq.hash.distance(&expected);
            assert!(distance <= 10, "{mode}, {options}: {distance} bits off");
        }
    }
}

/// Pillow writes three kinds of subsampling, and reads all. The blocks of a grey picture are taken for
/// those of a coloured one.
#[test]
fn every_subsampling_equals_pillows() {
    let Some(mut pillow) = Pillow::start() else {
        return;
    };
    for factors in [
        [0x11, 0x11, 0x11],
        [0x12, 0x11, 0x11],
        [0x41, 0x11, 0x11],
        [0x14, 0x11, 0x11],
        [0x42, 0x11, 0x11],
        [0x21, 0x12, 0x11],
        [0x11, 0x22, 0x12],
        [0x22, 0x22, 0x11],
        [0x31, 0x13, 0x11],
    ] {
        let blocks_each = factors.map(|f| u32::from(f >> 4) * u32::from(f & 15));
        let most = |shift: u8| {
            factors
                .map(|f| u32::from(f >> shift & 15))
                .into_iter()
                .max()
        };
        let (most_h, most_v) = (most(4).expect("three"), most(0).expect("three"));
        for (columns, rows) in [(1, 1), (2, 3), (7, 5), (20, 2)] {
            let n_wide = columns * blocks_each.iter().sum::<u32>();
            let drawing = make::drawing(8 * n_wide, 8 * rows, columns);
            let file = pillow.save(&drawing, "L", r#""quality": 60"#);
            for cut in [0, 1, 5, 7] {
                let size = (columns * 8 * most_h - cut, rows * 8 * most_v - cut);
                let file = coloured(&file, size, factors);
                pillow.check(&file, &format!("{factors:x?} of {size:?}"));
            }
        }
    }
}

/// The blocks of a grey picture under the headers of a coloured one, all with the same tables.
fn coloured(grey: &[u8], (width, height): (u32, u32), factors: [u8; 3]) -> Vec<u8> {
    let place = |marker: [u8; 4]| {
        let mut windows = grey.windows(4);
        windows.position(|at| at == marker).expect("it is baseline")
    };
    let (frame, scan) = (place([0xff, 0xc0, 0, 11]), place([0xff, 0xda, 0, 8]));
    let [[.., w1, w0], [.., h1, h0]] = [width, height].map(u32::to_be_bytes);
    let [a, b, c] = factors;
    let frame_header = [
        0xff, 0xc0, 0, 17, 8, h1, h0, w1, w0, 3, 1, a, 0, 2, b, 0, 3, c, 0,
    ];
    let scan_header = [0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0];
    [
        &grey[..frame],
        &frame_header,
        &grey[frame + 13..scan],
        &scan_header,
        &grey[scan + 10..],
    ]
    .concat()
}
