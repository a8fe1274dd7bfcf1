//! A worker is lost while a cast runs: outputs stay, the next worker takes over.

use super::harness::*;
use meetingcast::{
    control::{cast::CastState, error::ControlError},
    egress::hub::HubItem,
    ids::Incarnation,
    ipc::{ProgramSpec, WorkerCommand, WorkerSetup},
};
use std::time::Duration;
use tokio::time::sleep;

fn setup_and_program(told: &[WorkerCommand]) -> (WorkerSetup, ProgramSpec) {
    let setup = told.iter().find_map(|command| match command {
        WorkerCommand::Configure(setup) => Some(setup.clone()),
        _ => None,
    });
    let program = told.iter().find_map(|command| match command {
        WorkerCommand::StartProgram { program, .. } => Some(program.clone()),
        _ => None,
    });
    (setup.expect("a Configure"), program.expect("a StartProgram"))
}

#[tokio::test(start_paused = true)]
async fn a_crashed_worker_is_replaced_and_the_program_goes_on() {
    let server = Server::start().await;
    let room = server.room().await;
    publish(&room, "alice").await.unwrap();
    publish(&room, "bob").await.unwrap();
    start(&room, everybody()).await.unwrap();
    let orders = server.outputs.orders.lock().unwrap().len();
    server.workers.crash();
    sleep(Duration::from_secs(2)).await;
    let now = view(&room).await;
    assert_eq!((now.worker_restarts, now.cast.state), (1, CastState::Live));
    assert_eq!(server.outputs.orders.lock().unwrap().len(), orders, "outputs stay");

    let (first, before) = setup_and_program(&server.workers.told(0));
    let (second, after) = setup_and_program(&server.workers.told(1));
    assert_eq!((first.incarnation, second.incarnation), (Incarnation(0), Incarnation(1)));
    assert_eq!(first.epoch_ns, second.epoch_ns);
    assert_eq!(before, after, "same encoding, same scene, same numbers");

    let items = server.outputs.items();
    let cut = items.iter().position(|item| *item == HubItem::Discontinuity(Incarnation(1)));
    let (before, after) = items.split_at(cut.expect("a discontinuity"));
    let frames = |items: &[HubItem]| {
        let frame = |item: &HubItem| match item {
            HubItem::Frame(frame) => Some(frame.clone()),
            _ => None,
        };
        items.iter().filter_map(frame).collect::<Vec<_>>()
    };
    assert!(frames(before).iter().all(|frame| frame.data[0] == 0));
    assert!(frames(after).iter().all(|frame| frame.data[0] == 1));
    assert!(frames(after)[0].keyframe);
    let all = frames(&items);
    assert!(all.windows(2).all(|pair| pair[0].dts < pair[1].dts), "time never steps back");
    assert!(all.last().unwrap().pts.as_millis() > 2000);

    // Whoever publishes again is on the picture again without anybody's doing.
    publish(&room, "bob").await.unwrap();
    sleep(Duration::from_secs(11)).await;
    assert_eq!(view(&room).await.participants.len(), 1);
    stop(&room).await.unwrap();
    assert_eq!(server.outputs.items().last(), Some(&HubItem::End));
}

#[tokio::test(start_paused = true)]
async fn a_switch_during_the_replacement_is_told_to_try_again() {
    let server = Server::start().await;
    let room = server.room().await;
    publish(&room, "alice").await.unwrap();
    start(&room, camera("alice")).await.unwrap();
    server.workers.behave(|behaviour| behaviour.switch = SwitchBehaviour::TimesOut);
    let (held, ()) = tokio::join!(switch(&room, camera("alice")), async {
        sleep(Duration::from_millis(100)).await;
        server.workers.behave(|behaviour| behaviour.ready = false);
        server.workers.crash();
    });
    assert_eq!(held.unwrap_err(), ControlError::WorkerUnavailable);
    assert_eq!(switch(&room, camera("alice")).await.unwrap_err(), ControlError::WorkerUnavailable);
    assert_eq!(view(&room).await.cast.state, CastState::Live);
    server.workers.behave(|behaviour| behaviour.ready = true);
    // The one that never got ready is killed after 10 s; the next one comes after half a second.
    sleep(Duration::from_secs(12)).await;
    assert_eq!(view(&room).await.worker_restarts, 2);
    assert!(switch(&room, everybody()).await.is_err_and(|error| error == ControlError::SwitchTimeout(3000)));
}

#[tokio::test(start_paused = true)]
async fn a_cast_can_be_stopped_while_there_is_no_worker() {
    let server = Server::start().await;
    let room = server.room().await;
    publish(&room, "alice").await.unwrap();
    start(&room, camera("alice")).await.unwrap();
    server.workers.behave(|behaviour| behaviour.ready = false);
    server.workers.crash();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(stop(&room).await.unwrap().state, CastState::Stopped);
}
