import type { Cast, CueNow, ShedRendition } from './cast.js';
import type { Overlay, Picture } from './overlay.js';
export interface StreamInfo {
    name: string;
    audio: boolean;
    video: boolean;
}
export interface ParticipantInfo {
    id: string;
    name?: string | null;
    user_data?: unknown;
    streams?: StreamInfo[];
}
export interface Limits {
    max_participants?: number;
    max_calls?: number;
}
export type CallMode = 'p2p' | 'relay';
export type ServerCallState = 'inviting' | 'ringing' | 'accepted' | 'connected' | 'closed';
export type CloseReason = 'refused' | 'canceled' | 'busy' | 'timeout' | 'offline' | 'lost' | 'hangup';
export interface Welcome {
    type: 'welcome';
    client: string;
    session?: string;
    resumed?: boolean;
    ice_servers?: RTCIceServer[];
    limits?: Limits;
}
export interface CallStateMessage {
    type: 'call.state';
    call: string;
    state: ServerCallState;
    by?: string;
    reason?: CloseReason;
    conference?: string;
    token?: string;
}
export interface CallSignal {
    type: 'call.signal';
    call: string;
    from?: string;
    sdp?: RTCSessionDescriptionInit;
    candidate?: RTCIceCandidateInit | null;
}
/** How loud everything was in the last fifth of a second, in decibels below full scale: 0 the loudest, -127 silence. */
export interface LevelsMessage {
    type: 'levels';
    conference: string;
    /** Before mutes and gains. */
    inputs: {
        participant: string;
        stream: string;
        dbov: number;
    }[];
    /** Of what the cast's audience hears; `null` without a cast. */
    program_dbov: number | null;
}
export type ConferenceMessage = {
    type: 'joined';
    conference: string;
    participants: ParticipantInfo[];
    cast: Cast;
} | {
    type: 'participant.connected';
    conference: string;
    participant: ParticipantInfo;
} | {
    type: 'participant.disconnected';
    conference: string;
    id: string;
    reason?: string;
} | {
    type: 'stream.added';
    conference: string;
    participant: string;
    stream: string;
    audio: boolean;
    video: boolean;
} | {
    type: 'stream.removed';
    conference: string;
    participant: string;
    stream: string;
} | {
    type: 'cast.changed';
    conference: string;
    cast: Cast;
} | {
    type: 'cast.cues';
    conference: string;
    count: number;
} | {
    type: 'cast.cue';
    conference: string;
    cue: CueNow;
} | {
    type: 'cast.overlay';
    conference: string;
    overlay: Overlay;
} | {
    type: 'conference.pictures';
    conference: string;
    pictures: Picture[];
} | {
    type: 'load.shed' | 'load.restored';
    conference: string;
    snapshots: boolean;
    renditions: ShedRendition[];
} | LevelsMessage | {
    type: 'worker.restarted';
    conference: string;
} | {
    type: 'ended';
    conference: string;
    reason?: string;
};
export type QualityMessage = {
    type: 'quality';
    conference?: string;
    stream: string;
    max_height?: number | null;
    max_kbps?: number | null;
};
export type ServerMessage = Welcome | {
    type: 'conflict';
} | {
    type: 'pong';
} | {
    type: 'call.incoming';
    call: string;
    from: string;
    user_data?: unknown;
    mode: CallMode;
} | CallStateMessage | CallSignal | QualityMessage | ConferenceMessage;
/** The answer to a request with a `ref`. */
export type Reply = {
    type: 'ok' | 'error';
    ref?: string;
    call?: string;
    state?: ServerCallState;
} & Record<string, unknown>;
export type ClientMessage = {
    type: 'join';
    conference: string;
    user_data?: unknown;
} | {
    type: 'leave';
    conference: string;
} | {
    type: 'levels';
    conference: string;
    on: boolean;
} | {
    type: 'call.invite';
    to: string;
    user_data?: unknown;
    mode: CallMode;
} | {
    type: 'call.cancel' | 'call.accept' | 'call.refuse' | 'call.close' | 'call.connected';
    call: string;
} | {
    type: 'call.signal';
    call: string;
    sdp: RTCSessionDescriptionInit;
} | {
    type: 'call.signal';
    call: string;
    candidate: RTCIceCandidateInit | null;
};
