import { RemoteStream } from './remote-stream.js';
import type { Token, TokenSource } from './token.js';
export interface ProgramOptions {
    url?: string | undefined;
    /** Of a client that is there already: `client.rest.token`. */
    token?: TokenSource | Token | undefined;
    conference: string;
    /** Who listens and is in the conference: they do not hear themselves. Whom the token names, when absent. */
    without?: string | undefined;
    /** As `connect` takes it, or as a client has it in `configuration`. */
    rtc?: RTCConfiguration | undefined;
}
/** Fetches the program by WHEP, also without being in the conference. */
export declare function receiveProgram({ url, token, conference, without, rtc }: ProgramOptions): RemoteStream;
