import type { Client } from './client.js';
import type { Conference } from './conference.js';
import { Emitter } from './emitter.js';
import type { LocalStream } from './local-stream.js';
import type { CallMode, CallSignal, CallStateMessage, CloseReason } from './messages.js';
import { RemoteStream } from './remote-stream.js';
export type CallState = 'inviting' | 'ringing' | 'accepted' | 'refused' | 'canceled' | 'busy' | 'timeout' | 'connected' | 'closed';
export interface CallEvents {
    state: CallState;
    ringing: undefined;
    accepted: undefined;
    refused: undefined;
    canceled: undefined;
    busy: undefined;
    timeout: undefined;
    /** With the other end's media. */
    connected: RemoteStream;
    /** It is over, however it came to that. */
    closed: CloseReason;
}
export interface CallParties {
    id: string;
    /** The other end. */
    with: string;
    direction: 'outgoing' | 'incoming';
    mode: CallMode;
    userData: unknown;
}
export declare class Call extends Emitter<CallEvents> {
    #private;
    readonly id: string;
    readonly with: string;
    readonly direction: CallParties['direction'];
    readonly mode: CallMode;
    readonly userData: unknown;
    readonly remote: RemoteStream;
    constructor(client: Client, parties: CallParties, stream?: LocalStream);
    get state(): CallState;
    get isOver(): boolean;
    /** Why it is over. */
    get reason(): CloseReason | undefined;
    /** In relay mode: where both ends meet, which can be cast. */
    get conference(): Conference | null;
    /** Takes the call. Resolves when the server knows; `connected` follows. */
    accept(stream?: LocalStream): Promise<void>;
    refuse(): Promise<void>;
    /** Takes it back before it was answered. */
    cancel(): Promise<void>;
    /** Hangs up, from whatever state. Camera and microphone stay as they are. */
    close(): Promise<void>;
    take(message: CallStateMessage): void;
    signal(message: CallSignal): void;
    /** Over, by the server's word or since the client is. */
    end(reason: CloseReason): void;
    protected current<Name extends keyof CallEvents>(name: Name): readonly CallEvents[Name][];
}
