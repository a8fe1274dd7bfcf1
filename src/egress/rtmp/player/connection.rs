//! One player: its socket, its session, its place in a feed's fan-out.

use super::{
    feed::Feed,
    request::PlayRequest,
    server::Shared,
    session::{PlayerError, PlayerEvent, PlayerOutput, PlayerSession, PlayerStage, Refusal},
};
use crate::{
    egress::{
        hub::{HubItem, HubReader},
        rtmp::publisher::SendQueue,
    },
    ids::ConferenceId,
};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until, timeout},
};

const PLAYERS: &str = "meetingcast_rtmp_players";
/// A player's commands have some hundred bytes.
const READ_BUFFER: usize = 4096;
/// So many bytes wait for the socket at most before frames stay in the hub's queue, which knows what to drop.
const HIGH_WATER: usize = 64 * 1024;
/// How often a player that gets nothing is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(10);
/// How long the peer may take to close its side once we have closed ours.
const LINGER: Duration = Duration::from_secs(1);

pub(super) struct Player {
    socket: TcpStream,
    shared: Arc<Shared>,
    session: PlayerSession,
    out: SendQueue,
    playing: Option<Playing>,
    /// When the socket last took a byte, or began to owe one.
    taken_at: Instant,
    heard_at: Instant,
    pinged_at: Instant,
}

/// What a player that was let in holds.
struct Playing {
    feed: Arc<Feed>,
    reader: HubReader,
    /// Losses told to the feed.
    dropped: u64,
    _permit: OwnedSemaphorePermit,
}

impl Playing {
    fn new(feed: Arc<Feed>, permit: OwnedSemaphorePermit) -> Self {
        let reader = feed.join();
        feed.players.send_modify(|players| *players += 1);
        metrics::gauge!(PLAYERS).increment(1.0);
        Self { feed, reader, dropped: 0, _permit: permit }
    }

    fn tell_losses(&mut self) {
        let dropped = self.reader.dropped();
        self.feed.lost(dropped - self.dropped);
        self.dropped = dropped;
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.tell_losses();
        self.feed.players.send_modify(|players| *players -= 1);
        metrics::gauge!(PLAYERS).decrement(1.0);
    }
}

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ending {
    #[error("the player closed the connection")]
    Left,
    #[error("the player has what there was for it")]
    Done,
    #[error("the player did not go on in time")]
    Deadline,
    #[error("the player took nothing for {} ms", .0.as_millis())]
    Stalled(Duration),
    #[error("the player gave no sign of life")]
    Silent,
    #[error(transparent)]
    Protocol(#[from] PlayerError),
    #[error("the connection broke")]
    Broken(#[from] io::Error),
}

impl Player {
    pub(super) fn new(socket: TcpStream, shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            socket,
            shared,
            session: PlayerSession::new(now.into_std()),
            out: SendQueue::default(),
            playing: None,
            taken_at: now,
            heard_at: now,
            pinged_at: now,
        }
    }

    pub(super) async fn run(mut self) {
        // Whole frames are written at once; waiting for more would only delay them.
        if let Err(error) = self.socket.set_nodelay(true) {
            tracing::debug!(%error, "the socket keeps its delay");
        }
        let ending = self.serve().await;
        if matches!(ending, Ending::Done) {
            self.close().await;
        }
        tracing::info!(reason = &ending as &dyn std::error::Error, "rtmp player gone");
    }

    async fn serve(&mut self) -> Ending {
        loop {
            match self.step().await {
                Ok(()) => {}
                Err(ending) => return ending,
            }
        }
    }

    async fn step(&mut self) -> Result<(), Ending> {
        self.drain_session()?;
        if let Some(playing) = &mut self.playing {
            playing.tell_losses();
        }
        let stage = self.session.stage();
        if stage == PlayerStage::Closed && self.out.is_empty() {
            return Err(Ending::Done);
        }
        let (deadline, ending) = self.deadline(stage).unzip();
        // A player that does not take our answers is not listened to either.
        let listens = self.out.bytes() < HIGH_WATER && stage != PlayerStage::Closed;
        let wants =
            self.out.bytes() < HIGH_WATER && matches!(stage, PlayerStage::Playing | PlayerStage::Paused);
        let ping_at = (stage == PlayerStage::Paused).then(|| self.pinged_at + PING_EVERY);
        let mut input = [0; READ_BUFFER];
        let (mut rx, mut tx) = self.socket.split();

        // Deadlines first; bytes leave before new ones come; the player is heard before its frames.
        tokio::select! { biased;
            () = at(deadline) => return Err(ending.unwrap_or(Ending::Deadline)),
            sent = tx.write(self.out.front()), if !self.out.is_empty() => {
                let length = sent?;
                if length == 0 {
                    return Err(Ending::Left);
                }
                self.out.advance(length);
                self.taken_at = Instant::now();
                if let Some(playing) = &self.playing {
                    playing.feed.sent(length as u64);
                }
            }
            read = rx.read(&mut input), if listens => {
                let length = read?;
                if length == 0 {
                    return Err(Ending::Left);
                }
                self.heard_at = Instant::now();
                self.session.handle_input(&input[..length], self.heard_at.into_std())?;
            }
            () = at(ping_at) => {
                self.pinged_at = Instant::now();
                self.session.ping(0)?;
            }
            item = next(&mut self.playing), if wants => self.take(&item)?,
        }
        Ok(())
    }

    /// Until when something has to happen, and what it means when it does not.
    fn deadline(&self, stage: PlayerStage) -> Option<(Instant, Ending)> {
        let Shared { stage: limit, stall, .. } = *self.shared;
        if !self.out.is_empty() {
            return Some((self.taken_at + stall, Ending::Stalled(stall)));
        }
        match stage {
            // The program's frames come all the time, and a peer that is gone takes none of them.
            PlayerStage::Playing => None,
            PlayerStage::Paused => {
                // Two pings unanswered, and time for the answer to the second.
                let since = self.heard_at.max(Instant::from_std(self.session.stage_since()));
                Some((since + 2 * PING_EVERY + stall, Ending::Silent))
            }
            _ => Some((Instant::from_std(self.session.stage_since()) + limit, Ending::Deadline)),
        }
    }

    fn take(&mut self, item: &HubItem) -> Result<(), PlayerError> {
        match item {
            HubItem::Config(config) => self.session.send_config(config),
            HubItem::Frame(frame) => self.session.send_frame(frame)?,
            HubItem::Discontinuity(_) => self.session.discontinuity(),
            HubItem::End => self.session.end(Instant::now().into_std())?,
        }
        Ok(())
    }

    fn drain_session(&mut self) -> Result<(), PlayerError> {
        while let Some(output) = self.session.poll_output() {
            match output {
                PlayerOutput::Transmit(bytes) => {
                    if self.out.is_empty() {
                        self.taken_at = Instant::now();
                    }
                    self.out.push(bytes);
                }
                PlayerOutput::Event(PlayerEvent::Play(request)) => self.asked(&request)?,
                PlayerOutput::Event(PlayerEvent::Left) => self.playing = None,
                PlayerOutput::Event(PlayerEvent::PublisherRefused) => {
                    tracing::warn!("a publisher was refused: nothing is published here by rtmp");
                }
            }
        }
        Ok(())
    }

    fn asked(&mut self, request: &PlayRequest) -> Result<(), PlayerError> {
        let now = Instant::now();
        match self.admit(request) {
            Ok(playing) => {
                self.playing = Some(playing);
                self.pinged_at = now;
                tracing::info!(conference = request.stream, "rtmp player admitted");
                self.session.accept(now.into_std())
            }
            Err(why) => {
                tracing::info!(?why, "rtmp player refused");
                self.session.refuse(why, now.into_std())
            }
        }
    }

    fn admit(&self, request: &PlayRequest) -> Result<Playing, Refusal> {
        let conference: ConferenceId = request.stream.parse().map_err(|_| Refusal::NotFound)?;
        // Before the look-up: who may not play is not told what there is.
        let token = request.token.as_ref().map(|token| token.expose().as_str());
        if !(self.shared.check)(&conference, token) {
            return Err(Refusal::NotAllowed);
        }
        let feed = self.shared.registry.get(&conference).ok_or(Refusal::NotFound)?;
        let permit = self.shared.players.clone().try_acquire_owned().map_err(|_| Refusal::Full)?;
        Ok(Playing::new(feed, permit))
    }

    /// Our side first; what the player still says is read, since unread bytes would make the system throw
    /// away what is on its way to it.
    async fn close(&mut self) {
        let linger = async {
            self.socket.shutdown().await?;
            let mut rest = [0; READ_BUFFER];
            while self.socket.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        };
        if let Ok(Err(error)) = timeout(LINGER, linger).await {
            tracing::debug!(%error, "the player was gone before the end");
        }
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// Nothing ever comes for who does not play.
async fn next(playing: &mut Option<Playing>) -> HubItem {
    match playing {
        Some(playing) => playing.reader.recv().await,
        None => std::future::pending().await,
    }
}
