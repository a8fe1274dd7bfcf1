import { Client } from './client.js';
import type { TokenSource } from './token.js';
export interface ConnectOptions {
    /** The server, as `https://cast.example`. Absent: where the page came from. */
    url?: string | undefined;
    /** In token mode: who we are and what we may. A function is asked again before the token expires. */
    token?: TokenSource | undefined;
    /** In open mode: who we are; the server makes an id up when absent. */
    participant?: string | undefined;
    /** Calls at once, 1 to 4; beyond, callers hear `busy`. */
    maxCalls?: number | undefined;
    /** Own STUN and TURN servers, or `iceTransportPolicy: 'relay'`; for calls and for media to and from the server. */
    rtc?: RTCConfiguration | undefined;
}
/** Resolves when signed in. A connection that is lost later comes back by itself. */
export declare function connect(options?: ConnectOptions): Promise<Client>;
