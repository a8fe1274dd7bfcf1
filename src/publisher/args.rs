//! `meetingcast publish` on the command line.

use super::{
    options::{PublishOptions, VideoCodec},
    palette::Colour,
    planes::PictureSize,
    tone::{InvalidTone, Talk, Tone},
};
use crate::{
    redacted::Redacted,
    units::{FrameRate, Kbps},
};
use std::{convert::Infallible, path::PathBuf};

/// A real WebRTC client with test media.
#[derive(Debug, Clone, clap::Args)]
pub struct PublishArgs {
    /// The WHIP endpoint, for example http://127.0.0.1:8080/v1/conferences/demo/whip?participant=alice
    #[arg(long, value_name = "URL")]
    whip: String,
    /// Sent as `Authorization: Bearer`
    #[arg(long, value_parser = token)]
    token: Option<Redacted<String>>,
    /// The picture's colour: azure, orange, jade, violet, sand, red, sky, pink, olive, …
    #[arg(long, default_value = "azure")]
    pattern: Colour,
    /// The steady tone, hertz [default: the pattern's own]
    #[arg(long, value_name = "HZ", value_parser = tone)]
    tone: Option<Tone>,
    /// Sound only from second FROM to second TO of every EVERY seconds, as of who talks and listens
    #[arg(long, value_name = "FROM-TO/EVERY")]
    talk: Option<Talk>,
    /// Stands on the picture [default: the pattern's name]
    #[arg(long)]
    name: Option<String>,
    /// h264 or vp8
    #[arg(long, default_value = "h264")]
    codec: VideoCodec,
    /// Pixels
    #[arg(long, default_value_t = 640)]
    width: usize,
    /// Pixels
    #[arg(long, default_value_t = 360)]
    height: usize,
    /// Frames a second
    #[arg(long, default_value_t = 30)]
    fps: u32,
    /// The picture's rate, kbit/s
    #[arg(long, default_value_t = 800)]
    video_kbps: u32,
    /// Send a file's H.264 or VP8 and Opus as they are, again and again, instead of test media
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tone", "talk", "codec", "width", "height", "fps", "video_kbps"])]
    file: Option<PathBuf>,
    /// Send no picture
    #[arg(long)]
    no_video: bool,
    /// Send no sound
    #[arg(long)]
    no_audio: bool,
    /// End after so many seconds [default: when told to]
    #[arg(long)]
    seconds: Option<u64>,
    /// Publish again when the session is lost
    #[arg(long)]
    reconnect: bool,
}

fn token(text: &str) -> Result<Redacted<String>, Infallible> {
    Ok(Redacted::new(text.to_owned()))
}

fn tone(text: &str) -> Result<Tone, InvalidTone> {
    Tone::new(text.parse().map_err(|_| InvalidTone)?)
}

impl From<PublishArgs> for PublishOptions {
    fn from(args: PublishArgs) -> Self {
        let defaults = Self::participant(args.pattern.index(), &args.whip);
        Self {
            token: args.token,
            name: args.name.unwrap_or(defaults.name),
            tone: args.tone.unwrap_or(defaults.tone).talking(args.talk),
            codec: args.codec,
            size: PictureSize { width: args.width, height: args.height },
            rate: FrameRate(args.fps),
            video_kbps: Kbps(args.video_kbps),
            video: !args.no_video,
            audio: !args.no_audio,
            file: args.file,
            seconds: args.seconds,
            reconnect: args.reconnect,
            ..defaults
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: PublishArgs,
    }

    #[test]
    fn a_line_with_nothing_but_the_endpoint_is_enough() {
        let line = Line::try_parse_from(["publish", "--whip", "http://h/whip"]).unwrap();
        let options = PublishOptions::from(line.args);
        assert!(options.check().is_ok());
        assert_eq!(
            (options.colour.name(), options.name.as_str(), options.tone),
            ("azure", "azure", Tone::of(0))
        );
        assert_eq!((options.size, options.rate), (PictureSize { width: 640, height: 360 }, FrameRate(30)));
        assert!(options.audio && options.video && !options.reconnect && options.seconds.is_none());
    }

    #[test]
    fn a_line_with_everything_is_taken_and_its_token_is_not_shown() {
        let text = "publish --whip http://h/whip --token s3cret --pattern jade --tone 440 --name bob --codec vp8 \
                    --width 320 --height 180 --fps 15 --video-kbps 300 --no-audio --seconds 9 --reconnect";
        let line = Line::try_parse_from(text.split_whitespace()).unwrap();
        assert!(!format!("{line:?}").contains("s3cret"));
        let options = PublishOptions::from(line.args);
        assert_eq!(options.token.unwrap().expose(), "s3cret");
        assert_eq!((options.colour.name(), options.tone.hz(), options.name.as_str()), ("jade", 440, "bob"));
        assert_eq!(
            (options.codec, options.seconds, options.video_kbps),
            (VideoCodec::Vp8, Some(9), Kbps(300))
        );
        assert!(!options.audio && options.video && options.reconnect);
    }

    #[test]
    fn wrong_values_are_refused_with_what_is_allowed() {
        for (flag, value, sentence) in [
            ("--codec", "av1", "codec must be h264 or vp8"),
            ("--tone", "9000", "tone must be from 50 to 2500 Hz"),
            ("--talk", "4-2/6", "talk must have the form FROM-TO/EVERY"),
            ("--pattern", "mauve", "pattern must be one of azure"),
        ] {
            let error = Line::try_parse_from(["publish", "--whip", "http://h/", flag, value]).unwrap_err();
            assert!(error.to_string().contains(sentence), "{error}");
        }
    }
}
