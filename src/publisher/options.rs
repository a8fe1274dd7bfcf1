//! What a publisher sends, and where to.

use super::{
    palette::Colour,
    pattern::{InvalidPattern, Pattern},
    planes::PictureSize,
    tone::{InvalidTone, Tone},
};
use crate::{
    redacted::Redacted,
    units::{FrameRate, Kbps},
};
use std::{fmt, path::PathBuf, str::FromStr};
use url::Url;

/// How the picture is encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VideoCodec {
    /// H.264 constrained baseline, packetization mode 1.
    #[default]
    H264,
    /// VP8.
    Vp8,
}

/// A codec we do not send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("codec must be h264 or vp8")]
pub struct UnknownCodec;

impl FromStr for VideoCodec {
    type Err = UnknownCodec;
    fn from_str(text: &str) -> Result<Self, UnknownCodec> {
        match text {
            "h264" => Ok(Self::H264),
            "vp8" => Ok(Self::Vp8),
            _ => Err(UnknownCodec),
        }
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H264 => "h264",
            Self::Vp8 => "vp8",
        })
    }
}

/// What a publisher sends, and where to.
#[derive(Debug, Clone)]
pub struct PublishOptions {
    /// The WHIP endpoint, `http://` or `https://`.
    pub whip: String,
    /// Sent as `Authorization: Bearer …`.
    pub token: Option<Redacted<String>>,
    /// The picture's background.
    pub colour: Colour,
    /// Stands on the picture and in log lines.
    pub name: String,
    /// The steady tone.
    pub tone: Tone,
    /// How the picture is encoded.
    pub codec: VideoCodec,
    /// Pixels, even, from 160x90 on.
    pub size: PictureSize,
    /// Frames a second, 5 to 60.
    pub rate: FrameRate,
    /// The picture's target rate, 50 to 20 000 kbit/s.
    pub video_kbps: Kbps,
    /// The sound's target rate, 16 to 256 kbit/s.
    pub audio_kbps: Kbps,
    /// Send a picture.
    pub video: bool,
    /// Send sound.
    pub audio: bool,
    /// End so many seconds after the first connection; `None`: when told to.
    pub seconds: Option<u64>,
    /// Publish again when a session is lost.
    pub reconnect: bool,
    /// Send this file's H.264 or VP8 and Opus as they are, again and again, instead of test media.
    pub file: Option<PathBuf>,
    /// CLOCK_MONOTONIC, nanoseconds, of frame and sample 0. `None`: now. Publishers that share it
    /// show the same frame number at the same time, and beep together.
    pub epoch_ns: Option<u64>,
}

impl PublishOptions {
    /// The defaults of the participant with this number: its colour and its tone, 640x360 at 30
    /// frames a second, H.264 at 800 kbit/s, Opus at 64 kbit/s.
    pub fn participant(number: usize, whip: &str) -> Self {
        let colour = Colour::of(number);
        Self {
            whip: whip.to_owned(),
            token: None,
            colour,
            name: colour.name().to_owned(),
            tone: Tone::of(number),
            codec: VideoCodec::default(),
            size: PictureSize { width: 640, height: 360 },
            rate: FrameRate(30),
            video_kbps: Kbps(800),
            audio_kbps: Kbps(64),
            video: true,
            audio: true,
            seconds: None,
            reconnect: false,
            file: None,
            epoch_ns: None,
        }
    }

    /// Refuses what cannot work, and prepares what is drawn.
    pub fn check(&self) -> Result<CheckedOptions, InvalidOptions> {
        let whip = Url::parse(&self.whip).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let whip = whip.ok_or(InvalidOptions::Whip)?;
        if !self.video && !self.audio {
            return Err(InvalidOptions::Nothing);
        }
        if !(50..=20_000).contains(&self.video_kbps.0) {
            return Err(InvalidOptions::VideoRate);
        }
        if !(16..=256).contains(&self.audio_kbps.0) {
            return Err(InvalidOptions::AudioRate);
        }
        let pattern = Pattern::new(self.colour, &self.name, self.size, self.rate)?;
        Ok(CheckedOptions { whip, pattern })
    }
}

/// What [`PublishOptions::check`] prepared.
#[derive(Debug, Clone)]
pub struct CheckedOptions {
    /// The endpoint.
    pub whip: Url,
    /// The picture.
    pub pattern: Pattern,
}

/// Why options were refused; the sentences are for the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOptions {
    #[error("whip must be an http:// or https:// URL")]
    Whip,
    #[error("a publisher without picture and sound has nothing to send")]
    Nothing,
    #[error("video kbps must be from 50 to 20000")]
    VideoRate,
    #[error("audio kbps must be from 16 to 256")]
    AudioRate,
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
    #[error(transparent)]
    Tone(#[from] InvalidTone),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_out_of_range_are_refused_with_a_sentence() {
        let with = |change: fn(&mut PublishOptions)| {
            let mut options = PublishOptions::participant(0, "http://localhost/whip");
            change(&mut options);
            options.check().map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(with(|_| ()), Ok(()));
        let refused = |change: fn(&mut PublishOptions)| with(change).unwrap_err();
        assert_eq!(refused(|o| o.whip = "ftp://x/".into()), "whip must be an http:// or https:// URL");
        assert_eq!(refused(|o| (o.audio, o.video) = (false, false)), InvalidOptions::Nothing.to_string());
        assert_eq!(refused(|o| o.video_kbps = Kbps(49)), "video kbps must be from 50 to 20000");
        assert_eq!(refused(|o| o.audio_kbps = Kbps(257)), "audio kbps must be from 16 to 256");
        assert_eq!(refused(|o| o.rate = FrameRate(90)), "fps must be from 5 to 60");
    }
}
