import type { MeetingCastError } from './problem.js';
import { type SessionOptions, type SessionState } from './media-session.js';
import type { StreamStats } from './stats.js';
import { Stream, type StreamEvents } from './stream.js';
export interface RemoteStreamEvents extends StreamEvents {
    state: SessionState;
    error: MeetingCastError;
}
export declare class RemoteStream extends Stream<RemoteStreamEvents> {
    #private;
    protected readonly isLocal = false;
    readonly name: string;
    /** With `receive` it fetches its media itself; without, whoever made it adds the tracks. */
    constructor(name: string, receive?: Omit<SessionOptions, 'prepare'> & {
        audio: boolean;
        video: boolean;
    });
    get state(): SessionState;
    /** In place of the one of its kind: the elements that show this stream go on. */
    put(track: MediaStreamTrack): void;
    /** For whoever receives it otherwise: the figures of a call. */
    report(stats: StreamStats): void;
    /** Fetches it anew, as after the server's worker was replaced. */
    restart(): void;
    close(): void;
    protected current<Name extends keyof RemoteStreamEvents>(name: Name): readonly RemoteStreamEvents[Name][];
}
