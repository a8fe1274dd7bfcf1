//! Whether anything happens on an HTTP/2 connection: requests being answered, answers being taken.

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, Response},
};
use futures::future::BoxFuture;
use hyper::{
    body::{Frame, Incoming, SizeHint},
    service::Service,
};
use hyper_util::service::TowerToHyperService;
use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;

/// What happens on one connection. Clones are the same.
#[derive(Clone)]
pub(super) struct Activity(Arc<Mutex<Doing>>);

struct Doing {
    /// Requests whose answer has not begun: held ones too, whose handler has its own deadline.
    asked: usize,
    /// When a request came or was answered last, or a piece of an answer was taken.
    moved: Instant,
}

impl Default for Activity {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Doing { asked: 0, moved: Instant::now() })))
    }
}

impl Activity {
    /// Returns when nothing has happened for `limit`.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let due = {
                let doing = self.doing();
                // While a request is being answered there is no use in looking earlier than that.
                if doing.asked > 0 { Instant::now() + limit } else { doing.moved + limit }
            };
            if due <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(due).await;
        }
    }

    fn ask(&self) -> Asked {
        let mut doing = self.doing();
        doing.asked += 1;
        doing.moved = Instant::now();
        Asked(self.clone())
    }

    fn moves(&self) {
        self.doing().moved = Instant::now();
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        // Two plain numbers: whole whatever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request until its answer begins, or nobody wants it any more.
struct Asked(Activity);

impl Drop for Asked {
    fn drop(&mut self) {
        let mut doing = self.0.doing();
        doing.asked -= 1;
        doing.moved = Instant::now();
    }
}

/// The application, with its activity noted.
pub(super) struct Observed {
    app: TowerToHyperService<Router>,
    activity: Activity,
}

impl Observed {
    pub(super) fn new(app: Router, activity: Activity) -> Self {
        Self { app: TowerToHyperService::new(app), activity }
    }
}

impl Service<Request<Incoming>> for Observed {
    type Response = Response<ObservedBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (asked, activity) = (self.activity.ask(), self.activity.clone());
        let answer = self.app.call(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(asked);
            answer.map(|answer| answer.map(|body| ObservedBody { body, activity }))
        })
    }
}

/// An answer's body; it is polled as the client grants room.
pub(super) struct ObservedBody {
    body: Body,
    activity: Activity,
}

impl hyper::body::Body for ObservedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_ready() {
            self.activity.moves();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn idle_is_when_nobody_asks_and_nothing_moves() {
        let (began, limit) = (Instant::now(), Duration::from_secs(30));
        let activity = Activity::default();
        let asked = activity.ask();
        let watched = activity.clone();
        let idle = tokio::spawn(async move { watched.idle(limit).await });
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert!(!idle.is_finished(), "a held request is none");
        drop(asked);
        tokio::time::sleep(Duration::from_secs(25)).await;
        activity.moves();
        idle.await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 155);
    }
}
