import type { LocalStream } from './local-stream.js';
import { MediaSession } from './media-session.js';
import { type Rest } from './rest.js';
/** What the server can use of a stream; nothing where it can use all. */
export interface Quality {
    maxHeight: number | null | undefined;
    maxKbps: number | null | undefined;
}
export interface PublicationOptions {
    rest: Rest;
    conference: string;
    /** In open mode the server has to be told; a token says it by itself. */
    participant: string | undefined;
    name: string;
    stream: LocalStream;
    configuration: () => RTCConfiguration;
    /** Whether H.264 is to be offered first; asked for each connection. */
    prefersH264: () => boolean;
}
export declare class Publication {
    #private;
    readonly name: string;
    readonly stream: LocalStream;
    readonly session: MediaSession;
    constructor({ rest, conference, participant, name, stream, configuration, prefersH264 }: PublicationOptions);
    /** Sends no more than the server can use. */
    limit(quality: Quality): Promise<void>;
    /** Pictures are sent in another codec than H.264, as far as is known: before the answer nothing is. */
    get sendsOtherThanH264(): boolean;
    close(): Promise<void>;
}
