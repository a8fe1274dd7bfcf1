//! `StartCast`: the body of `POST …/cast/start`.

use super::{
    encoding::EncodingBody,
    output::{OutputBody, into_outputs},
    source::{AudioJson, SourceBody, SourceJson, one_source},
};
use crate::{
    config::Config,
    control::{cast::StartCast, error::ControlError},
};
use serde::Deserialize;
use utoipa::ToSchema;

/// A start. `{"participant":"alice"}` alone is a whole request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "StartCast", example = json!({"participant": "alice", "outputs": [{"type": "hls"}]}))]
pub struct StartCastBody {
    /// Short for `"source": {"participant": …}`.
    participant: Option<String>,
    /// What the program shows.
    #[schema(value_type = Option<SourceJson>)]
    source: Option<SourceBody>,
    /// Who is heard; `source` when absent.
    audio: Option<AudioJson>,
    /// How it is encoded.
    encoding: Option<EncodingBody>,
    /// Where it goes; the server's default (HLS) when absent.
    outputs: Option<Vec<OutputBody>>,
}

impl StartCastBody {
    /// The domain's start, with the configuration's defaults.
    ///
    /// # Errors
    /// See [`one_source`], [`EncodingBody::into_encoding`], [`into_outputs`].
    pub fn into_start(self, config: &Config) -> Result<StartCast, ControlError> {
        let outputs = self.outputs.unwrap_or_else(|| {
            config.cast.default_outputs.iter().map(|kind| OutputBody::of_kind(kind)).collect()
        });
        Ok(StartCast {
            source: one_source(self.participant, self.source, &config.layouts)?,
            audio: self.audio.map(Into::into).unwrap_or_default(),
            encoding: self.encoding.unwrap_or_default().into_encoding(&config.encoding)?,
            outputs: into_outputs(outputs, config.limits.max_outputs, &config.cast.allowed_output_hosts)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::cast::{AudioChoice, OutputKind, Source};

    fn start(text: &str) -> Result<StartCast, ControlError> {
        serde_json::from_str::<StartCastBody>(text).unwrap().into_start(&Config::default())
    }

    #[test]
    fn one_participant_is_a_whole_request() {
        let start = start(r#"{"participant":"alice"}"#).unwrap();
        assert!(matches!(&start.source, Source::Participant { participant, stream }
            if participant.as_str() == "alice" && stream.as_str() == "camera"));
        assert_eq!(start.audio, AudioChoice::Source);
        assert_eq!(start.encoding.width, 1280);
        assert_eq!(start.outputs.len(), 1);
        assert_eq!(
            (start.outputs[0].id.as_str(), &start.outputs[0].kind),
            ("hls", &OutputKind::Hls { low_latency: None })
        );
    }

    #[test]
    fn the_source_is_named_once() {
        assert_eq!(start("{}").unwrap_err().field(), Some("source"));
        assert_eq!(
            start(r#"{"participant":"a","source":{"slate":true}}"#).unwrap_err().field(),
            Some("participant")
        );
    }
}
