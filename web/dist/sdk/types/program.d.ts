import { RemoteStream } from './remote-stream.js';
export interface ProgramOptions {
    url?: string | undefined;
    token?: string | undefined;
    conference: string;
    iceServers?: RTCIceServer[] | undefined;
}
/** Fetches the program by WHEP, also without being in the conference. */
export declare function receiveProgram({ url, token, conference, iceServers }: ProgramOptions): RemoteStream;
