import { Emitter } from './emitter.js';
import type { ParticipantInfo, StreamInfo } from './messages.js';
import { RemoteStream } from './remote-stream.js';
export interface ParticipantEvents {
    stream_added: RemoteStream;
    stream_removed: RemoteStream;
    disconnected: string | undefined;
}
/** Makes the stream that fetches this. */
export type Subscribe = (participant: string, info: StreamInfo) => RemoteStream;
export declare class Participant extends Emitter<ParticipantEvents> {
    #private;
    readonly id: string;
    name: string | null;
    userData: unknown;
    readonly streams: Map<string, RemoteStream>;
    constructor(info: ParticipantInfo, subscribe: Subscribe);
    get isConnected(): boolean;
    /** Makes it as the server says it is. */
    update(info: ParticipantInfo): void;
    addStream(info: StreamInfo): void;
    removeStream(name: string): void;
    leave(reason?: string): void;
    /** The server's worker was replaced: what it forwarded has to be fetched anew. */
    restart(): void;
    protected current<Name extends keyof ParticipantEvents>(name: Name): readonly ParticipantEvents[Name][];
}
