//! The decoding child: cages itself, then answers input after input until its parent hangs up.
//!
//! It MUST read nothing before it is caged, and MUST end at the first thing that goes wrong: its
//! parent starts another.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use watchhouse_match::{Container, DecodeErrorKind, Limits};

use super::cage::{self, Bounds, Walls};
use super::protocol::{self, Header, Hello, Kind};
use super::video::hasher;
use super::{program, self_test, unpacking_child};

/// The program's hidden command that makes it a child.
pub const COMMAND: &str = "decode-child";

/// The exit code of a child whose decoder panicked.
pub const PANICKED: i32 = 101;

/// What a child is started with, as its one argument. Others on the machine can read it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChildSettings {
    pub(super) parent: u32,
    pub(super) memory_bytes: u64,
    pub(super) cpu_seconds: u64,
    pub(super) limits: LimitsArgument,
}

/// `watchhouse_match::Limits`, which knows no serde.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsArgument {
    bytes: u64,
    pixels: u64,
    animation_pixels: u64,
    frames: u32,
    decoded_bytes: u64,
}

impl From<Limits> for LimitsArgument {
    fn from(limits: Limits) -> LimitsArgument {
        LimitsArgument {
            bytes: limits.bytes,
            pixels: limits.pixels,
            animation_pixels: limits.animation_pixels,
            frames: limits.frames,
            decoded_bytes: limits.decoded_bytes,
        }
    }
}

impl From<LimitsArgument> for Limits {
    fn from(limits: LimitsArgument) -> Limits {
        Limits {
            bytes: limits.bytes,
            pixels: limits.pixels,
            animation_pixels: limits.animation_pixels,
            frames: limits.frames,
            decoded_bytes: limits.decoded_bytes,
        }
    }
}

impl ChildSettings {
    pub(super) fn to_argument(&self) -> String {
        serde_json::to_string(self).expect("numbers can be written as JSON")
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            memory_bytes: self.memory_bytes,
            cpu_seconds: self.cpu_seconds,
        }
    }
}

/// Runs `decode-child`, whatever follows it on the command line.
///
/// MUST be the first thing that the program does for this command: the cage closes every file that
/// is open by then, and holds for a process with one thread.
pub fn run() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["--self-test"] => self_test::print(),
        [self_test::ATTEMPT, attempt, walls, settings] => {
            self_test::attempt(attempt, walls, settings)
        }
        [unpacking_child::UNPACK, settings] => unpacking_child::serve(settings),
        [program::BECOME, settings, program, ref arguments @ ..] => {
            let error = program::become_program(settings, program, arguments);
            let _ = writeln!(io::stderr(), "{error:#}");
            return ExitCode::from(program::NOT_STARTED);
        }
        [hasher::HASH_FRAMES, settings, request] => hasher::serve(settings, request),
        [settings] => serve(settings),
        _ => Err(anyhow::anyhow!(
            "the server starts this command; to see what a child may do, use --self-test"
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody reads it there is nobody to tell.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

pub(super) fn parse_settings(argument: &str) -> anyhow::Result<ChildSettings> {
    serde_json::from_str(argument).context("reading the child's settings")
}

fn serve(settings: &str) -> anyhow::Result<()> {
    let settings = parse_settings(settings)?;
    let limits = Limits::from(settings.limits);
    greet(prepare(&settings, &limits))?;
    while let Some((kind, input)) = next_input(&limits)? {
        let (kind, body) = match kind {
            Kind::Beginning => tell(&input, &limits),
            _ => answer(&input, &limits),
        };
        send(kind, &body)?;
    }
    Ok(())
}

/// Says how the cage is, or why there is none. From here on a panic ends the process.
pub(super) fn greet(caged: anyhow::Result<Hello>) -> anyhow::Result<()> {
    match caged {
        Ok(hello) => send(Kind::Hello, &hello.to_body())?,
        Err(error) => {
            send(Kind::Failed, &protocol::failed_body(&format!("{error:#}")))?;
            return Err(error);
        }
    }
    // Unwinding would run more code on what just went wrong.
    std::panic::set_hook(Box::new(|_| std::process::exit(PANICKED)));
    Ok(())
}

/// A video is not decoded here: whoever asks is told what it is.
fn answer(input: &[u8], limits: &Limits) -> (Kind, Vec<u8>) {
    match Container::sniff(input) {
        Some(container) if container.is_cut_off(input) => {
            let message = format!("cannot decode the video: the {container} file is cut off");
            let body = protocol::refused_body(DecodeErrorKind::Truncated, &message);
            (Kind::Refused, body)
        }
        Some(container) => protocol::video_body(container),
        None => protocol::answer_body(&watchhouse_match::inspect(input, limits)),
    }
}

/// Of a file that is too large to be sent, only videos are looked at.
fn tell(beginning: &[u8], limits: &Limits) -> (Kind, Vec<u8>) {
    match Container::sniff(beginning) {
        Some(container) => protocol::video_body(container),
        None => {
            let message = format!("it has more than {} bytes and is no video", limits.bytes);
            let body = protocol::refused_body(DecodeErrorKind::TooManyBytes, &message);
            (Kind::Refused, body)
        }
    }
}

/// Enters the cage of a child that decodes or hashes.
pub(super) fn prepare(settings: &ChildSettings, limits: &Limits) -> anyhow::Result<Hello> {
    warm_up(limits)?;
    let cage = cage::enter(settings.parent, settings.bounds(), Walls::All)?;
    Ok(Hello::new(cage))
}

/// Decodes a picture of our own, so that what is found out once (what this processor can do, tables)
/// is found out while that is still allowed.
fn warm_up(limits: &Limits) -> anyhow::Result<()> {
    match watchhouse_match::inspect(&first_picture(), limits) {
        Ok(_) => Ok(()),
        Err(error) => bail!("cannot decode a picture of its own: {error}"),
    }
}

/// A BMP of 64 by 64 pixels, grey along one diagonal.
pub(super) fn first_picture() -> Vec<u8> {
    const SIDE: u32 = 64;
    const HEADER_BYTES: u32 = 54;
    let size_bytes = HEADER_BYTES + SIDE * SIDE * 3;
    let mut picture = b"BM".to_vec();
    for field in [size_bytes, 0, HEADER_BYTES, 40, SIDE, SIDE] {
        picture.extend(field.to_le_bytes());
    }
    // One plane of 24 bits a pixel, not compressed; the five fields after it may be 0.
    picture.extend([1, 0, 24, 0]);
    picture.extend([0; 24]);
    for y in 0..SIDE {
        for x in 0..SIDE {
            picture.extend([((x + y) * 2) as u8; 3]);
        }
    }
    picture
}

/// None when the parent has hung up.
fn next_input(limits: &Limits) -> anyhow::Result<Option<(Kind, Vec<u8>)>> {
    let mut stdin = io::stdin().lock();
    let mut header = [0; protocol::HEADER_BYTES];
    if stdin.read(&mut header[..1])? == 0 {
        return Ok(None);
    }
    stdin.read_exact(&mut header[1..])?;
    let header = Header::parse(header).map_err(anyhow::Error::msg)?;
    let is_input = matches!(header.kind, Kind::Input | Kind::Beginning);
    if !is_input || header.size_bytes > protocol::largest_input(limits) {
        bail!("the parent sent {header:?}");
    }
    let mut input = vec![0; header.size_bytes];
    stdin.read_exact(&mut input)?;
    Ok(Some((header.kind, input)))
}

pub(super) fn send(kind: Kind, body: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(&protocol::header(kind, body.len()))?;
    stdout.write_all(body)?;
    stdout.flush()
}
