import { Emitter } from './emitter.js';
import type { ClientMessage, Reply, ServerMessage, Welcome } from './messages.js';
import { MeetingCastError } from './problem.js';
import type { Token } from './token.js';
interface SocketEvents {
    message: ServerMessage;
    /** Signed in, again or for the first time. */
    welcome: Welcome;
    /** The connection is lost; another attempt follows. */
    lost: undefined;
    /** There will be no other attempt. */
    over: MeetingCastError;
}
export interface SocketOptions {
    /** `ws://` or `wss://`, up to and including `/v1/signal`. */
    url: string;
    token: Token;
    participant?: string | undefined;
    maxCalls?: number | undefined;
    /** Not let in again, for a reason that a browser does not tell of a WebSocket. */
    refused: () => void;
}
export declare class SignalSocket extends Emitter<SocketEvents> {
    #private;
    constructor(options: SocketOptions);
    get isReady(): boolean;
    /** Resolves when the server has let us in; rejects when it cannot be reached or refuses at the first attempt. */
    open(): Promise<Welcome>;
    /** Sends, and resolves with the answer. */
    request(message: ClientMessage): Promise<Reply>;
    close(): void;
}
export {};
