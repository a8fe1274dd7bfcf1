// The program as a stream, with less than a second of delay.
import { RemoteStream } from './remote-stream.js';
import { Rest, segment } from './rest.js';

export interface ProgramOptions {
  url?: string | undefined;
  token?: string | undefined;
  conference: string;
  iceServers?: RTCIceServer[] | undefined;
}

/** Fetches the program by WHEP, also without being in the conference. */
export function receiveProgram({ url, token, conference, iceServers = [] }: ProgramOptions): RemoteStream {
  const rest = new Rest(url ?? location.origin, token);
  const path = `/v1/conferences/${segment(conference)}/program/whep`;
  return new RemoteStream('program', { rest, path, iceServers: () => iceServers, audio: true, video: true });
}
