import { Call } from './call.js';
import { Conference, type ConferenceOptions } from './conference.js';
import { Emitter } from './emitter.js';
import type { LocalStream } from './local-stream.js';
import type { CallMode, Limits, Welcome } from './messages.js';
import { MeetingCastError } from './problem.js';
import type { Rest } from './rest.js';
import type { SignalSocket } from './socket.js';
export interface ClientEvents {
    /** Somebody calls. */
    call: Call;
    /** The same id signed in elsewhere; this client is over. */
    conflict: undefined;
    /** The server cannot be reached at the moment; it is tried again. */
    disconnected: undefined;
    /** Back; `true` when nobody noticed. */
    reconnected: boolean;
    /** Over. */
    closed: MeetingCastError;
}
export interface CallOptions {
    mode?: CallMode | undefined;
    userData?: unknown;
    stream?: LocalStream | undefined;
}
export declare class Client extends Emitter<ClientEvents> {
    #private;
    readonly rest: Rest;
    readonly socket: SignalSocket;
    readonly conferences: Map<string, Conference>;
    readonly calls: Map<string, Call>;
    constructor(rest: Rest, socket: SignalSocket, welcome: Welcome, rtc?: RTCConfiguration);
    get id(): string;
    get limits(): Limits;
    /** The server's, unless the page has its own. */
    get iceServers(): RTCIceServer[];
    /** What every connection of ours is made with, from browser to browser and to the server. */
    get configuration(): RTCConfiguration;
    /** Goes into a conference; one that there is not yet is begun by us. At once: `connected` follows. */
    connectToConference(id: string, options?: ConferenceOptions): Conference;
    /** Calls somebody. Resolves when it rings there; rejects with `offline` when nobody is there. */
    call(to: string, { mode, userData, stream }?: CallOptions): Promise<Call>;
    /** Leaves everything. */
    close(): Promise<void>;
    /** As the page goes: says goodbye without waiting, else everybody would see us for the 30 s that a place is kept. */
    abandon(): void;
    /** By the conference itself, when it is over. */
    forget(conference: Conference): void;
    forgetCall(call: Call): void;
    protected current<Name extends keyof ClientEvents>(name: Name): readonly ClientEvents[Name][];
}
