// The browser SDK's face: everything a page may import.
export { Call, type CallEvents, type CallState } from './call.js';
export type { Audio, Cast, Corner, Cue, CueNow, Encoding, FileSource, FileState, Fit, LayoutLine, LayoutTile, MediaFile, NamedLayout, Output, OutputRequest, Rundown, ShedRendition, Source, StartCast, Switch, SwitchResult } from './cast.js';
export { Client, type CallOptions, type ClientEvents } from './client.js';
export { type CodecWanted, Conference, type ConferenceEvents, type ConferenceOptions, type ConferenceState, type Load } from './conference.js';
export { connect, type ConnectOptions } from './connect.js';
export { createScreenStream, createStream, LocalStream, type StreamOptions } from './local-stream.js';
export { MeetingCast } from './meeting-cast.js';
export type { CallMode, CloseReason, LevelsMessage as Levels } from './messages.js';
export type { Background, Logo, Overlay, OverlayClock, OverlayPatch, Picture, Slate, Title } from './overlay.js';
export { Participant } from './participant.js';
export type { VideoPreset } from './preset.js';
export { MeetingCastError } from './problem.js';
export { receiveProgram } from './program.js';
export { RemoteStream } from './remote-stream.js';
export type { StreamStats } from './stats.js';
export type { TokenSource } from './token.js';
