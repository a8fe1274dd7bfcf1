//! Picture files to pixels. The bytes are a stranger's: there is a limit to their size, which control keeps, to that of the
//! picture, which the pipeline keeps, and a deadline.

use super::rgba::Rgba;
use crate::{
    ipc::overlay::{PictureFile, PictureKind},
    worker::pipeline_file::{PipelineFile, PipelineFileError, Role},
};
use gst::prelude::*;
use gst_video::{VideoFrameRef, VideoInfo, prelude::*};

/// The largest picture that is drawn, pixels in each direction: 67 MB of it.
pub const MAX_SIDE: u32 = 4096;
/// A picture of that size takes a third of a second.
const DEADLINE: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("building the picture's pipeline")]
    Build(#[from] PipelineFileError),
    #[error("running the picture's pipeline")]
    Run(#[from] gst::StateChangeError),
    #[error("giving the picture to its pipeline")]
    Push(#[source] gst::FlowError),
    #[error("it is no {} that can be decoded, or larger than {max}x{max} pixels", .0.content_type(), max = MAX_SIDE)]
    Undecodable(PictureKind),
    #[error("it is larger than {max}x{max} pixels", max = MAX_SIDE)]
    TooLarge,
}

const fn role(kind: PictureKind) -> Role {
    match kind {
        PictureKind::Png => Role::PicturePng,
        PictureKind::Jpeg => Role::PictureJpeg,
        PictureKind::Svg => Role::PictureSvg,
    }
}

/// Decodes a picture now; takes up to a second, and five for one that does not end. Not for a streaming or async thread.
///
/// # Errors
/// [`PictureError`].
pub fn decode(picture: &PictureFile) -> Result<Rgba, PictureError> {
    let file = PipelineFile::of(role(picture.kind))?;
    let pipeline = file.pipeline(&[])?;
    let source: gst_app::AppSrc = file.typed(&pipeline, "in")?;
    let out: gst_app::AppSink = file.typed(&pipeline, "out")?;
    let sample = match pipeline.set_state(gst::State::Playing) {
        Ok(_) => {
            let mut buffer = gst::Buffer::from_slice(picture.data.clone());
            if let Some(header) = buffer.get_mut() {
                header.set_pts(gst::ClockTime::ZERO);
            }
            let pushed = source.push_buffer(buffer).map_err(PictureError::Push);
            pushed.map(|_| out.try_pull_sample(DEADLINE))
        }
        Err(error) => Err(error.into()),
    };
    // Not here: one that does not end would hold this thread, too.
    pipeline.call_async(|pipeline| {
        let _ = pipeline.set_state(gst::State::Null);
    });
    let image = sample?.as_ref().and_then(to_rgba).ok_or(PictureError::Undecodable(picture.kind))?;
    if image.width() > MAX_SIDE || image.height() > MAX_SIDE {
        return Err(PictureError::TooLarge);
    }
    Ok(image)
}

/// The pixels of a sample in RGBA.
pub(super) fn to_rgba(sample: &gst::Sample) -> Option<Rgba> {
    let info = VideoInfo::from_caps(sample.caps()?).ok()?;
    if info.format() != gst_video::VideoFormat::Rgba {
        return None;
    }
    let frame = VideoFrameRef::from_buffer_ref_readable(sample.buffer()?, &info).ok()?;
    let stride = usize::try_from(*frame.plane_stride().first()?).ok()?;
    Rgba::from_rows(info.width(), info.height(), stride, frame.plane_data(0).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn svg(text: &str) -> Result<Rgba, PictureError> {
        gst::init().unwrap();
        let data = Bytes::copy_from_slice(text.as_bytes());
        decode(&PictureFile { kind: PictureKind::Svg, data })
    }

    fn drawing(attributes: &str, content: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
             {attributes}>{content}</svg>"
        )
    }

    /// A JPEG's values have the full range (JFIF), which this encoder does not see to by itself.
    const JPEG: &str = "video/x-raw,format=I420,colorimetry=1:4:0:0 ! jpegenc";

    /// A file as an encoder of GStreamer's makes it.
    fn encoded(encoder: &str, width: u32, height: u32) -> Bytes {
        gst::init().unwrap();
        let text = format!(
            "videotestsrc num-buffers=1 pattern=solid-color foreground-color=0xffff0000 ! \
             video/x-raw,format=RGB,width={width},height={height} ! videoconvert ! {encoder} ! appsink name=out sync=false"
        );
        let pipeline = gst::parse::launch(&text).unwrap().downcast::<gst::Pipeline>().unwrap();
        let out: gst_app::AppSink = pipeline.by_name("out").unwrap().downcast().unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let sample = out.pull_sample().unwrap();
        pipeline.set_state(gst::State::Null).unwrap();
        Bytes::copy_from_slice(&sample.buffer().unwrap().map_readable().unwrap())
    }

    #[test]
    fn each_kind_is_decoded_in_its_colours() {
        for (kind, encoder) in [(PictureKind::Png, "pngenc"), (PictureKind::Jpeg, JPEG)] {
            let image = decode(&PictureFile { kind, data: encoded(encoder, 64, 48) }).unwrap();
            assert_eq!((image.width(), image.height()), (64, 48));
            let [r, g, b, a] = image.at(30, 20);
            assert!(r > 240 && g < 16 && b < 16 && a == 255, "{kind:?}: {:?}", image.at(30, 20));
        }
        let image = svg(&drawing(
            "width=\"40\" height=\"20\"",
            "<rect width=\"20\" height=\"20\" fill=\"#00f\" fill-opacity=\"0.5\"/>",
        ));
        let image = image.unwrap();
        assert_eq!((image.width(), image.height()), (40, 20));
        let [r, g, b, a] = image.at(10, 10);
        assert!(r < 3 && g < 3 && b > 252 && a.abs_diff(128) <= 1, "{:?}", image.at(10, 10));
        assert_eq!(image.at(30, 10)[3], 0);
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        gst::init().unwrap();
        let data = Bytes::from_static(b"this is not a picture, whatever it is called");
        for kind in [PictureKind::Png, PictureKind::Jpeg, PictureKind::Svg] {
            let error = decode(&PictureFile { kind, data: data.clone() }).unwrap_err();
            assert!(matches!(error, PictureError::Undecodable(_)), "{kind:?}: {error}");
        }
        // One kind under the name of another, and half of a file.
        let png = encoded("pngenc", 64, 48);
        assert!(decode(&PictureFile { kind: PictureKind::Jpeg, data: png.clone() }).is_err());
        let half = png.slice(..png.len() / 2);
        assert!(decode(&PictureFile { kind: PictureKind::Png, data: half }).is_err());
        assert!(svg("<svg><rect").is_err());
    }

    #[test]
    fn what_is_too_large_is_not_unpacked() {
        let large = encoded("pngenc", 4098, 16);
        let error = decode(&PictureFile { kind: PictureKind::Png, data: large }).unwrap_err();
        assert!(matches!(error, PictureError::Undecodable(PictureKind::Png)), "{error}");
        let most = encoded("pngenc", 4096, 16);
        assert!(decode(&PictureFile { kind: PictureKind::Png, data: most }).is_ok());
        for attributes in ["width=\"100000\" height=\"100000\"", "width=\"5000\" height=\"10\""] {
            let error = svg(&drawing(attributes, "<rect width=\"9\" height=\"9\"/>")).unwrap_err();
            // By its size, or since it cannot be negotiated: that differs between versions of rsvgdec.
            assert!(matches!(error, PictureError::TooLarge | PictureError::Undecodable(_)), "{error}");
        }
    }

    /// A drawing that wants another file gets nothing of it: the file is there, and its colour is not seen.
    #[test]
    fn a_drawing_reads_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.png");
        std::fs::write(&path, encoded("pngenc", 64, 48)).unwrap();
        let green = "<rect width=\"64\" height=\"48\" fill=\"#00ff00\"/>";
        for href in [format!("file://{}", path.display()), path.display().to_string()] {
            for name in ["href", "xlink:href"] {
                let image = format!("{green}<image {name}=\"{href}\" width=\"64\" height=\"48\"/>");
                match svg(&drawing("width=\"64\" height=\"48\"", &image)) {
                    Ok(drawn) => assert_eq!(drawn.at(32, 24), [0, 255, 0, 255], "{href}"),
                    Err(error) => assert!(matches!(error, PictureError::Undecodable(_)), "{error}"),
                }
            }
        }
        // Nor by an entity.
        let text = folder.path().join("secret.txt");
        std::fs::write(&text, "<rect width=\"64\" height=\"48\" fill=\"#ff0000\"/>").unwrap();
        let entity = format!(
            "<!DOCTYPE svg [<!ENTITY s SYSTEM \"file://{}\">]>{}",
            text.display(),
            drawing("width=\"64\" height=\"48\"", &format!("{green}&s;"))
        );
        if let Ok(drawn) = svg(&entity) {
            assert_eq!(drawn.at(32, 24), [0, 255, 0, 255]);
        }
    }
}
