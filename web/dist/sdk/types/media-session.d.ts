import { Emitter } from './emitter.js';
import { MeetingCastError } from './problem.js';
import type { Rest } from './rest.js';
import { type StreamStats } from './stats.js';
export type SessionState = 'connecting' | 'connected' | 'retrying' | 'failed' | 'closed';
interface SessionEvents {
    state: SessionState;
    track: MediaStreamTrack;
    stats: StreamStats;
    /** It will not be tried again. */
    error: MeetingCastError;
}
export interface SessionOptions {
    rest: Rest;
    path: string;
    /** Asked for each connection: TURN credentials expire. */
    configuration: () => RTCConfiguration;
    /** Adds what is sent, or says what is to be received. */
    prepare: (peer: RTCPeerConnection) => void;
}
export declare class MediaSession extends Emitter<SessionEvents> {
    #private;
    constructor(options: SessionOptions);
    get state(): SessionState;
    get peer(): RTCPeerConnection | null;
    start(): void;
    /** A new connection at once, in place of the one there is. */
    restart(): void;
    close(): Promise<void>;
    protected current<Name extends keyof SessionEvents>(name: Name): readonly SessionEvents[Name][];
}
export {};
