//! The picture while one scene fades into the next: scenes on top of each other, each drawn on a canvas of its own.
//!
//! Both scenes stay live. A switch in the middle of a fade begins with what is on the air: the mixture stays as it is, and
//! the new scene comes over it.

use super::{
    canvas::{Canvas, CanvasError, Layer},
    fade::{Fade, Share},
    frame::Frame,
    overlay::sprite::Placed,
};
use crate::ipc::SceneSpec;
use gst_video::VideoInfo;

/// Scenes that stay live under the one that comes. Each costs a picture and a blending a frame; under one more switch
/// within a fade, what is on the air stands still instead.
const MAX_UNDER: usize = 2;

/// What is on the program since the last change of scenes.
#[allow(clippy::large_enum_variant, reason = "three at most, and never moved in numbers")]
enum Under {
    /// A scene that goes on, and how much of it covers what is below.
    Scene { scene: SceneSpec, canvas: Canvas, share: Share },
    /// A picture of the program, held.
    Still(gst::Buffer),
}

/// The program's picture, of one scene or of several.
pub struct Crossfade {
    /// The canvas of the scene that is on the program, or comes.
    top: Canvas,
    /// While it comes.
    fade: Option<Fade>,
    /// From the bottom up; empty without a fade.
    under: Vec<Under>,
    /// The last picture, while there is something under it.
    last: Option<gst::Buffer>,
}

impl Crossfade {
    /// One scene, on this canvas.
    pub const fn new(canvas: Canvas) -> Self {
        Self { top: canvas, fade: None, under: Vec::new(), last: None }
    }

    /// The picture's layout.
    pub fn info(&self) -> &VideoInfo {
        self.top.info()
    }

    /// From the next picture on this is behind the tiles of every scene; `None`: the program's own colour.
    pub fn set_background(&mut self, background: Option<&Frame>) {
        let under = self.under.iter_mut().filter_map(|under| match under {
            Under::Scene { canvas, .. } => Some(canvas),
            Under::Still(_) => None,
        });
        for canvas in under.chain([&mut self.top]) {
            canvas.set_background(background.cloned());
        }
    }

    /// A picture of the program with sprites over it: see [`Canvas::over`].
    ///
    /// # Errors
    /// See [`Canvas::over`].
    pub fn over(&self, below: &gst::Buffer, sprites: &[Placed]) -> Result<gst::Buffer, CanvasError> {
        self.top.over(below, sprites)
    }

    /// The next picture shows the scene on the program alone.
    pub fn cut(&mut self) {
        self.fade = None;
        self.under.clear();
        self.last = None;
    }

    /// From the next picture on, another scene comes over `from`, and over what that was coming over.
    ///
    /// # Errors
    /// No canvas for it.
    pub fn begin(&mut self, from: SceneSpec, fade: Fade) -> Result<(), CanvasError> {
        let another = self.top.another()?;
        let canvas = std::mem::replace(&mut self.top, another);
        let share = self.fade.replace(fade).map_or(Share::WHOLE, Fade::share);
        if self.under.len() == MAX_UNDER
            && let Some(last) = self.last.clone()
        {
            self.under = vec![Under::Still(last)];
            return Ok(());
        }
        self.under.push(Under::Scene { scene: from, canvas, share });
        Ok(())
    }

    /// The next frame is due: of what comes there is more. To be called for each frame, also for those that are not drawn.
    pub fn advance(&mut self) {
        if self.fade.as_mut().is_some_and(|fade| fade.advance() == Share::WHOLE) {
            self.cut();
        }
    }

    /// The scenes that are still to be seen, beside the one that is on the program.
    pub fn under(&self) -> impl Iterator<Item = &SceneSpec> {
        self.under.iter().filter_map(|under| match under {
            Under::Scene { scene, .. } => Some(scene),
            Under::Still(_) => None,
        })
    }

    /// The picture of this frame. `layers` are those of a scene.
    ///
    /// # Errors
    /// See [`Canvas::draw`].
    pub fn draw(
        &mut self,
        scene: &SceneSpec,
        mut layers: impl FnMut(&SceneSpec) -> Vec<Layer>,
    ) -> Result<gst::Buffer, CanvasError> {
        let mut below = None;
        for under in &mut self.under {
            below = Some(match (under, below) {
                (Under::Still(picture), _) => picture.clone(),
                (Under::Scene { scene, canvas, .. }, None) => canvas.draw(&layers(scene))?,
                (Under::Scene { scene, canvas, share }, Some(below)) => {
                    let above = canvas.draw(&layers(scene))?;
                    canvas.blend(&below, &above, *share)?
                }
            });
        }
        let above = self.top.draw(&layers(scene))?;
        let (Some(below), Some(fade)) = (below, &self.fade) else { return Ok(above) };
        let picture = self.top.blend(&below, &above, fade.share())?;
        self.last = Some(picture.clone());
        Ok(picture)
    }
}
