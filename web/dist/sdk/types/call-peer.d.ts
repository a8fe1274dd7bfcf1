import type { LocalStream } from './local-stream.js';
import type { CallSignal } from './messages.js';
import { type StreamStats } from './stats.js';
export interface CallPeerOptions {
    configuration: RTCConfiguration;
    stream: LocalStream | undefined;
    offers: boolean;
    send: (body: {
        sdp: RTCSessionDescriptionInit;
    } | {
        candidate: RTCIceCandidateInit | null;
    }) => void;
    track: (track: MediaStreamTrack) => void;
    connected: () => void;
    lost: () => void;
    stats: (stats: StreamStats) => void;
}
export declare class CallPeer {
    #private;
    constructor(options: CallPeerOptions);
    take({ sdp, candidate }: CallSignal): void;
    close(): void;
}
