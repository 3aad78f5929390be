//! The child that hashes a video's frames. It reads what `ffprobe` and then `ffmpeg` write into one
//! pipe, which is its stdin: two lines of text, and frames of raw RGB.
//!
//! Both are hostile: whoever has taken over the decoder writes what it likes. Text is cut short and
//! numbers are checked; any bytes are a picture.

use std::io::{self, BufRead, Read as _};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use watchhouse_match::{
    DecodeErrorKind, Family, Frame, Limits, Picture, Sampling, Spectrum, Variant,
};

use super::super::child;
use super::super::protocol::{self, Kind};
use super::protocol::{self as said, Announced};

/// The hidden argument that makes a child hash frames.
pub(in super::super) const HASH_FRAMES: &str = "--hash-frames";

/// Two lines of numbers are shorter.
const LONGEST_TEXT: u64 = 4_096;

const BYTES_A_PIXEL: u64 = 3;

/// What is asked of the child, beside the settings of every child.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub(super) seconds_per_hash: f64,
    pub(super) max_frames: u32,
}

impl Request {
    pub(super) fn to_argument(self) -> String {
        serde_json::to_string(&self).expect("numbers can be written as JSON")
    }
}

/// What stops the child from going on: the decoder's fault, said to the parent.
struct Refused {
    kind: DecodeErrorKind,
    why: String,
}

fn refused(kind: DecodeErrorKind, why: impl Into<String>) -> Refused {
    let why = why.into();
    Refused { kind, why }
}

/// `decode-child --hash-frames …`
pub(in super::super) fn serve(settings: &str, request: &str) -> anyhow::Result<()> {
    let settings = child::parse_settings(settings)?;
    let request: Request = serde_json::from_str(request).context("reading what to hash")?;
    let limits = Limits::from(settings.limits);
    child::greet(child::prepare(&settings, &limits))?;

    let mut stdin = io::stdin().lock();
    let text = read_text(&mut stdin)?;
    let announced = match announce(&text, &request, &limits) {
        Ok(announced) => announced,
        Err(refused) => return refuse(&refused),
    };
    child::send(Kind::Announced, &announced.to_body())?;
    match hash_frames(&mut stdin, &announced, &request)? {
        Ok((n_frames, n_rest)) => {
            child::send(Kind::Ended, &said::ended_body(n_frames, n_rest))?;
            Ok(())
        }
        Err(refused) => refuse(&refused),
    }
}

fn refuse(Refused { kind, why }: &Refused) -> anyhow::Result<()> {
    let message = format!("cannot decode the video: {why}");
    child::send(Kind::Refused, &protocol::refused_body(*kind, &message))?;
    Ok(())
}

/// The lines that `ffprobe` writes: of the stream, if there is one, and of the whole file.
fn read_text(stdin: &mut impl BufRead) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut limited = stdin.take(LONGEST_TEXT);
    loop {
        let start = text.len();
        if limited.read_line(&mut text)? == 0 {
            bail!("what ffprobe says has no end");
        }
        if text[start..].starts_with("format|") {
            return Ok(text);
        }
    }
}

/// What the video says of itself, if it is within the limits.
fn announce(text: &str, request: &Request, limits: &Limits) -> Result<Announced, Refused> {
    let line = |kind: &str| text.lines().find_map(|line| line.strip_prefix(kind));
    let stream = line("stream|").ok_or_else(|| {
        let why = "there is no video in it that can be decoded";
        refused(DecodeErrorKind::UnsupportedFormat, why)
    })?;
    let format = line("format|").unwrap_or_default();
    let field = |line: &'_ str, name: &str| -> Option<String> {
        let mut fields = line.split('|').filter_map(|field| field.split_once('='));
        let (_, value) = fields.find(|(field, _)| *field == name)?;
        Some(value.to_owned())
    };
    let number = |line: &str, name: &str| field(line, name)?.parse::<u32>().ok();
    let seconds = |line: &str| field(line, "duration")?.parse::<f64>().ok();

    let (width, height) = number(stream, "width")
        .zip(number(stream, "height"))
        .filter(|(width, height)| *width > 0 && *height > 0)
        .ok_or_else(|| {
            refused(
                DecodeErrorKind::Malformed,
                "it does not say how large it is",
            )
        })?;
    let pixels = u64::from(width) * u64::from(height);
    if pixels > limits.pixels {
        let why = format!("it is {width}x{height} pixels, more than {}", limits.pixels);
        return Err(refused(DecodeErrorKind::TooManyPixels, why));
    }
    let bytes = pixels.saturating_mul(BYTES_A_PIXEL);
    if bytes > limits.decoded_bytes {
        let why = format!(
            "a frame of {width}x{height} pixels takes {bytes} bytes, more than {}",
            limits.decoded_bytes
        );
        return Err(refused(DecodeErrorKind::TooMuchMemory, why));
    }
    let rate = field(stream, "avg_frame_rate").and_then(|rate| {
        let (frames, seconds) = rate.split_once('/')?;
        Some((frames.parse().ok()?, seconds.parse().ok()?))
    });
    let announced = Announced {
        width,
        height,
        rate: rate.unwrap_or((0, 0)),
    };

    let rate = announced.frames_per_second();
    let timed = seconds(stream).or_else(|| seconds(format)).unwrap_or(0.0) * rate;
    let counted = number(stream, "nb_frames").map_or(0.0, f64::from);
    // Where nothing is said this is no number, and frames are counted as they come.
    let n_frames = counted.max(timed);
    let sampling = Sampling::new(rate, request.seconds_per_hash);
    let n_hashes = n_frames / f64::from(sampling.every());
    if n_hashes > f64::from(request.max_frames) + 1.0 {
        let why = format!(
            "it says that it has {n_frames:.0} frames, of which {n_hashes:.0} would be hashed, more \
             than {}",
            request.max_frames
        );
        return Err(refused(DecodeErrorKind::TooManyFrames, why));
    }
    Ok(announced)
}

/// Hashes frame after frame. How many there were, and how many bytes came after the last.
fn hash_frames(
    stdin: &mut impl BufRead,
    announced: &Announced,
    request: &Request,
) -> anyhow::Result<Result<(u32, u32), Refused>> {
    let sampling = Sampling::new(announced.frames_per_second(), request.seconds_per_hash);
    let (width, height) = (announced.width as usize, announced.height as usize);
    let mut pixels = vec![0; width * height * BYTES_A_PIXEL as usize];
    for nth in 0.. {
        let n_read = read_full(stdin, &mut pixels)?;
        if n_read < pixels.len() {
            return Ok(Ok((nth, n_read as u32)));
        }
        let number = sampling.number(nth).filter(|_| nth < request.max_frames);
        let Some(index) = number else {
            let why = format!("more than {} frames would be hashed", request.max_frames);
            return Ok(Err(refused(DecodeErrorKind::TooManyFrames, why)));
        };
        let spectrum = Spectrum::of(&Picture::rgb(width, height, &pixels), Family::Full);
        let frame = Frame {
            variant: Variant::AsStored,
            index,
            pdq: spectrum.pdq(),
            dihedrals: spectrum.dihedrals(),
        };
        child::send(Kind::Frame, &said::frame_body(&frame))?;
    }
    unreachable!("the limit of frames ends it")
}

/// Reads until the buffer is full or nothing more comes.
fn read_full(stdin: &mut impl BufRead, buffer: &mut [u8]) -> io::Result<usize> {
    let mut n_read = 0;
    while n_read < buffer.len() {
        match stdin.read(&mut buffer[n_read..]) {
            Ok(0) => break,
            Ok(n) => n_read += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n_read)
}
