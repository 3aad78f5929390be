//! How `ffmpeg` and `ffprobe` are told what to do, and nothing else.

use watchhouse_match::{Container, Sampling};

use super::protocol::Announced;

/// Its stdin, opened once more so that it can be read in any order: an MP4's index may be at its end.
const INPUT: &str = "/proc/self/fd/0";

/// What people's devices and browsers make and play, and what older ones made.
const PICTURES: &str = "h264,hevc,av1,libdav1d,vp8,libvpx,vp9,libvpx-vp9,vp6,vp6a,vp6f,theora,mpeg4,\
    mpeg1video,mpeg2video,h263,flv,mjpeg,msmpeg4v1,msmpeg4v2,msmpeg4,wmv1,wmv2,wmv3,vc1,prores,dvvideo,\
    svq1,svq3,cinepak,msvideo1";

/// What comes beside pictures: both programs open a decoder for each stream while they find out what is
/// in a file, and `ffprobe` gives up on the whole file where it may not.
const BESIDE: &str = "aac,aac_latm,mp3,mp3float,mp2,mp2float,mp1,mp1float,ac3,eac3,dca,truehd,opus,\
    libopus,vorbis,libvorbis,flac,alac,speex,amrnb,amrwb,wmav1,wmav2,wmapro,nellymoser,gsm,qdm2,\
    adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,pcm_alaw,pcm_mulaw,pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,\
    pcm_s24le,pcm_s24be,pcm_s32le,pcm_f32le,pcm_f32be,pcm_bluray,\
    mov_text,srt,subrip,ass,ssa,webvtt,dvbsub,dvdsub,pgssub";

/// What to say to `ffprobe`: what is the video, in lines that `hasher` reads.
pub(super) fn probe(container: Container) -> Vec<String> {
    let mut arguments = strings(&["-v", "quiet"]);
    arguments.extend(input(container));
    arguments.extend(strings(&[
        // The first video that is no picture on a song's cover.
        "-select_streams",
        "V:0",
        "-show_entries",
        "stream=width,height,avg_frame_rate,duration,nb_frames:format=duration",
        "-of",
        "compact",
    ]));
    arguments
}

/// What to say to `ffmpeg`: the chosen frames as raw RGB, one after the other, in the size announced.
pub(super) fn decode(
    container: Container,
    most_pixels: u64,
    announced: &Announced,
    sampling: &Sampling,
) -> Vec<String> {
    let Announced { width, height, .. } = announced;
    // Area averaging is what the published tool asks for where it must scale, which here is only where
    // a video changes its size midway.
    let scale = format!("scale={width}:{height}:flags=area");
    let filter = match sampling.every() {
        1 => scale,
        every => format!("select=not(mod(n\\,{every})),{scale}"),
    };
    let mut arguments = strings(&["-v", "quiet", "-nostdin", "-filter_threads", "1"]);
    // Half a video is no answer: it ends at the first fault.
    arguments.extend(strings(&["-xerror", "-threads", "1", "-noautorotate"]));
    let pixels = most_pixels.min(i32::MAX as u64).to_string();
    arguments.extend(strings(&["-max_pixels", &pixels]));
    arguments.extend(input(container));
    arguments.extend(strings(&["-map", "0:V:0"]));
    // Every frame once, as it was stored.
    arguments.extend(strings(&["-vsync", "passthrough", "-vf", &filter]));
    arguments.extend(strings(&["-pix_fmt", "rgb24", "-threads", "1"]));
    arguments.extend(strings(&["-f", "rawvideo", "pipe:1"]));
    arguments
}

fn input(container: Container) -> Vec<String> {
    let demuxer = demuxer(container);
    let decoders = format!("{PICTURES},{BESIDE}");
    strings(&[
        "-protocol_whitelist",
        "file",
        "-format_whitelist",
        demuxer,
        "-codec_whitelist",
        &decoders,
        "-f",
        demuxer,
        "-i",
        INPUT,
    ])
}

fn demuxer(container: Container) -> &'static str {
    match container {
        Container::Mp4 => "mov",
        Container::WebM | Container::Matroska => "matroska",
        Container::Avi => "avi",
        Container::MpegTs => "mpegts",
        Container::MpegPs => "mpeg",
        Container::Flv => "flv",
        Container::Asf => "asf",
        Container::Ogg => "ogg",
    }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
