//! The slate as a picture and as a clip, by what is seen: from its beginning whenever it comes, round and round, without a sound;
//! and what stands in for a clip that is not there.

use crate::{
    theatre::{H264, Theatre, frame_of, slate},
    turn::one_at_a_time,
};
use meetingcast::{
    ids::PictureId,
    ipc::{
        PictureSpec, ReplyError, ReplyOk, SceneSpec, TileSpec, TransitionSpec, WorkerCommand,
        file::{FileFault, FileSpec},
        overlay::{OverlaySpec, PictureFile, PictureKind, StandIn, StandInMedia},
    },
    layout::Fit,
    units::MediaTime,
};

const RED: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='400' height='100'>\
    <rect width='400' height='100' fill='#ff0000'/></svg>";
const PICTURE: PictureId = PictureId(1);

impl Theatre {
    async fn set_slate(&mut self, slate: Option<StandIn>) -> MediaTime {
        let overlay = OverlaySpec { slate, ..OverlaySpec::default() };
        match self.worker.ask(|request| WorkerCommand::SetOverlay { request, overlay }).await {
            Ok(ReplyOk::Overlaid { pts: Some(pts) }) => pts,
            other => panic!("{other:?}"),
        }
    }

    async fn check(&mut self, file: FileSpec) -> Result<ReplyOk, ReplyError> {
        self.worker.ask(|request| WorkerCommand::CheckClip { request, file }).await
    }

    /// A switch; its first frame.
    async fn show(&mut self, scene: SceneSpec, transition: TransitionSpec) -> MediaTime {
        let shown = self.worker.ask(|request| WorkerCommand::Compose {
            request,
            scene,
            wait_ready: true,
            deadline_ms: 1000,
            transition,
            at: None,
        });
        match shown.await {
            Ok(ReplyOk::Composed { pts, .. }) => pts,
            other => panic!("{other:?}"),
        }
    }
}

/// Somebody who has no stream: his name on a field.
fn person() -> SceneSpec {
    let tile = TileSpec { source: None, label: "Ann".to_owned(), video_muted: false };
    SceneSpec { picture: PictureSpec::Full(tile), sound: Vec::new() }
}

fn clip(file: FileSpec) -> Option<StandIn> {
    Some(StandIn { shows: StandInMedia::Clip(file), fit: Fit::Cover })
}

/// Every picture of a clip of sixty in its order, round and round; the first one may stand while the clip is opened. For how
/// many frames it does.
#[track_caller]
fn plays(numbers: &[Option<u64>]) -> usize {
    let still = numbers.iter().take_while(|number| **number == Some(0)).count();
    assert!(still >= 1, "it begins with {:?}", numbers.first());
    let moving: Vec<u64> = numbers[still..].iter().map(|number| number.unwrap_or(999)).collect();
    assert_eq!(moving, (1..=moving.len() as u64).map(|n| n % 60).collect::<Vec<_>>());
    still
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_plays_from_its_beginning_whenever_the_slate_comes() {
    let _turn = one_at_a_time();
    let mut theatre = Theatre::open().await;
    let file = FileSpec { repeat: true, ..theatre.clip("break.mp4", 2, H264) };
    let gone = FileSpec { repeat: true, ..theatre.clip("gone.mp4", 2, H264) };
    let song = theatre.clip("song.mp3", 2, "-vn -c:a libmp3lame");
    std::fs::write(theatre.dir.path().join("text.mp4"), "this is no film ".repeat(50)).unwrap();
    assert_eq!(theatre.check(file.clone()).await, Ok(ReplyOk::ClipChecked));
    for (spec, there) in [
        (song, true),
        (theatre.spec("text.mp4"), true),
        (theatre.spec("none.mp4"), false),
        (theatre.spec("../x.mp4"), false),
    ] {
        let name = spec.name.clone();
        let Err(ReplyError::ClipInvalid { fault }) = theatre.check(spec).await else { panic!("{name}") };
        println!("{name}: {fault}");
        assert_eq!(fault != FileFault::NotFound, there, "{name}: {fault}");
    }
    theatre.frames(15).await;
    let set = theatre.set_slate(clip(file.clone())).await;
    // Two passes and a half.
    theatre.frames(150).await;
    let left = theatre.show(person(), TransitionSpec::Cut).await;
    theatre.frames(20).await;
    let again = theatre.show(slate(), TransitionSpec::Cut).await;
    theatre.frames(75).await;
    // Under the fade it goes on; what is mixed is not read.
    let fading = theatre.show(person(), TransitionSpec::Fade { ms: 500 }).await;
    theatre.frames(30).await;
    // One that is chosen while nobody sees it, and is away when it would be seen.
    theatre.set_slate(clip(gone.clone())).await;
    std::fs::remove_file(theatre.dir.path().join("gone.mp4")).unwrap();
    // Seen at the next frame it would still be open.
    theatre.frames(10).await;
    let stands = theatre.show(slate(), TransitionSpec::Cut).await;
    theatre.frames(30).await;
    // A change while it is seen; then the card.
    let other = theatre.set_slate(clip(file)).await;
    theatre.frames(45).await;
    let card = theatre.set_slate(None).await;
    theatre.frames(15).await;
    let (seen, first) = theatre.stop("slate_clip").await;

    let [set, left, again, fading, stands, other, card] =
        [set, left, again, fading, stands, other, card].map(|pts| frame_of(pts, first));
    let none = |range: std::ops::Range<usize>| {
        let stray = range.clone().find(|n| seen.numbers[*n].is_some());
        assert_eq!(stray, None, "a clip in {range:?}: {:?}", seen.path);
    };
    none(0..set);
    let begins = plays(&seen.numbers[set..left]);
    none(left..again);
    let opened = plays(&seen.numbers[again..fading]);
    none(fading + 16..stands);
    let still: Vec<_> = seen.numbers[stands..other].to_vec();
    assert!(still.iter().all(|number| *number == Some(0)), "its first picture stands: {still:?}");
    let changed = plays(&seen.numbers[other..card]);
    none(card..seen.numbers.len());
    println!("a clip's first picture stands for {begins}, {opened}, {changed} frames");
    assert!(begins <= 3 && changed <= 3, "a change is taken when the clip is there: {begins}, {changed}");
    assert_eq!(seen.beeps, Vec::<f64>::new(), "it is silent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_the_slate_from_the_frame_that_is_told() {
    let _turn = one_at_a_time();
    let mut theatre = Theatre::open().await;
    let file = PictureFile { kind: PictureKind::Svg, data: RED.as_bytes().into() };
    let add = WorkerCommand::AddPicture { picture: PICTURE, file };
    theatre.worker.commands.send(&add).await.unwrap();
    let picture = |fit| Some(StandIn { shows: StandInMedia::Picture(PICTURE), fit });
    theatre.frames(15).await;
    let cover = theatre.set_slate(picture(Fit::Cover)).await;
    theatre.frames(15).await;
    let contain = theatre.set_slate(picture(Fit::Contain)).await;
    theatre.frames(15).await;
    let person = theatre.show(person(), TransitionSpec::Cut).await;
    theatre.frames(15).await;
    let back = theatre.show(slate(), TransitionSpec::Cut).await;
    theatre.frames(15).await;
    let card = theatre.set_slate(None).await;
    theatre.frames(15).await;
    let (seen, first) = theatre.stop("slate_picture").await;

    let [cover, contain, person, back, card] =
        [cover, contain, person, back, card].map(|pts| frame_of(pts, first));
    // The card is grey, the picture red and darker: above it and in the middle.
    let (grey, red) = (seen.luma[0][0], seen.luma[cover + 5][0]);
    println!("the card's brightness is {grey:.0}, the picture's {red:.0}");
    assert!(red < grey - 15.0, "{red} {grey}");
    let look = |n: usize| seen.luma[n].map(|luma| (luma - red).abs() < 6.0);
    for n in 0..seen.luma.len() {
        let expected = match n {
            _ if n < cover || n >= card => [false, false],
            _ if n < contain => [true, true],
            _ if n < person || n >= back => [false, true],
            // A name on a field of its own colour.
            _ => continue,
        };
        assert_eq!(look(n), expected, "frame {n}: {:?}, {:?}", seen.luma[n], seen.path);
    }
}
