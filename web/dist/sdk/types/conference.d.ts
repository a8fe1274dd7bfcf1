import type { ShedRendition } from './cast.js';
import type { Client } from './client.js';
import { Emitter } from './emitter.js';
import type { LocalStream } from './local-stream.js';
import { MeetingCast } from './meeting-cast.js';
import type { ConferenceMessage, LevelsMessage, QualityMessage } from './messages.js';
import { Participant } from './participant.js';
import { MeetingCastError } from './problem.js';
import { Publication } from './publication.js';
import type { TokenSource } from './token.js';
export type ConferenceState = 'connecting' | 'connected' | 'failed' | 'disconnected';
export interface ConferenceOptions {
    /** Published as `camera`. Without one, we only watch. */
    stream?: LocalStream | undefined;
    /** What the others may read of us. */
    userData?: unknown;
    /** For a conference that wants another token than the client's. */
    token?: TokenSource | undefined;
    /** `false`: who is there is told, nothing is fetched. */
    subscribe?: boolean | undefined;
}
/** What the server does without while it has too much to do. */
export interface Load {
    /** Whether snapshots are made. */
    snapshots: boolean;
    /** All that get fewer pictures than the program now. */
    renditions: ShedRendition[];
}
export interface CodecWanted {
    /** The name of a stream of ours. */
    stream: string;
    codec: 'h264';
    /** It is published again with it; otherwise this browser cannot, and the cast cannot show the stream. */
    republished: boolean;
}
export interface ConferenceEvents {
    connected: string;
    connect_failed: MeetingCastError;
    /** Nothing when we left ourselves. */
    disconnected: MeetingCastError | undefined;
    participant_connected: Participant;
    participant_disconnected: Participant;
    /** The server sheds load, or takes it back. */
    load: Load;
    /** Five times a second, after `tellLevels(true)`. */
    levels: LevelsMessage;
    /** The cast passes pictures through, and a stream of ours is not of the codec that it takes. */
    codec_wanted: CodecWanted;
    /** A stream of ours cannot be published. What cannot be received, its own stream tells. */
    error: MeetingCastError;
}
export declare class Conference extends Emitter<ConferenceEvents> {
    #private;
    readonly id: string;
    readonly participants: Map<string, Participant>;
    readonly publications: Map<string, Publication>;
    readonly meetingCast: MeetingCast;
    constructor(client: Client, id: string, options?: ConferenceOptions);
    get state(): ConferenceState;
    /** Ours, in this conference. */
    get localId(): string;
    /** Goes in, also again after a session that was not resumed. */
    enter(): Promise<void>;
    /** Has the server tell how loud everybody and the cast is, or no longer: the event `levels`. */
    tellLevels(on: boolean): Promise<void>;
    /** Publishes a stream beside the others, as `screen`. */
    publish(stream: LocalStream, name?: string): Publication;
    unpublish(name?: string): Promise<void>;
    /** Leaves. Camera and microphone stay as they are. */
    leave(): Promise<void>;
    /** What the server says of this conference. */
    take(message: ConferenceMessage): void;
    obey({ stream, max_height, max_kbps }: QualityMessage): void;
    /** The client is closed, or thrown out. */
    lose(error: MeetingCastError): void;
    protected current<Name extends keyof ConferenceEvents>(name: Name): readonly ConferenceEvents[Name][];
}
