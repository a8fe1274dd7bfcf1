//! The HTTP API, with conferences that are played by a fake: what every request, good or bad, is
//! answered.

mod captured_log;
mod fake;
mod harness;
mod https;
#[path = "../support/https_client.rs"]
#[allow(dead_code, reason = "tests/egress uses more of it")]
mod https_client;

mod bodies_are_bounded_and_checked;
mod cast_is_started_switched_and_stopped;
mod command_line_says_what_is_wrong;
mod conferences_are_listed_put_read_and_ended;
mod cors_needs_no_token;
mod cues_are_put_read_and_taken;
mod description_lists_every_route;
mod errors_are_problems;
#[path = "../support/event_reader.rs"]
mod event_reader;
mod events_are_read_as_they_happen;
mod health_says_when_it_drains;
#[path = "../support/hook_receiver.rs"]
mod hook_receiver;
mod layouts_are_listed_and_checked;
mod media_files_are_listed_and_checked;
mod outputs_come_and_go;
mod overlays_are_changed_and_pictures_uploaded;
mod overload_is_said;
mod pages_are_served;
mod panics_and_stalls_are_answered;
mod participants_are_muted_and_removed;
mod recordings_are_kept_and_given_out;
mod requests_have_ids;
mod secrets_stay_inside;
mod server_bounds_its_clients;
mod sessions_trickle_and_hang_up;
#[path = "../support/tls_front.rs"]
#[allow(dead_code, reason = "tests/egress uses more of it")]
mod tls_front;
mod tokens_decide_what_is_allowed;
mod webhooks_are_signed_and_retried;
mod whep_takes_offers;
mod whip_takes_offers;
