// A stream of somebody else, received by WHEP or from the other end of a call.
import type { MeetingCastError } from './problem.js';
import { MediaSession, type SessionOptions, type SessionState } from './media-session.js';
import type { StreamStats } from './stats.js';
import { Stream, type StreamEvents } from './stream.js';

export interface RemoteStreamEvents extends StreamEvents {
  state: SessionState;
  error: MeetingCastError;
}

export class RemoteStream extends Stream<RemoteStreamEvents> {
  protected override readonly isLocal = false;
  readonly name: string;
  readonly #session: MediaSession | null = null;
  #state: SessionState = 'connecting';

  /** With `receive` it fetches its media itself; without, whoever made it adds the tracks. */
  constructor(name: string, receive?: Omit<SessionOptions, 'prepare'> & { audio: boolean; video: boolean }) {
    super(new MediaStream());
    this.name = name;
    if (!receive) {
      this.#state = 'connected';
      return;
    }
    const { audio, video, ...options } = receive;
    const prepare = (peer: RTCPeerConnection): void => {
      if (audio) peer.addTransceiver('audio', { direction: 'recvonly' });
      if (video) peer.addTransceiver('video', { direction: 'recvonly' });
    };
    this.#session = new MediaSession({ ...options, prepare });
    this.#session.on('track', (track) => this.put(track));
    this.#session.on('state', (state) => this.#set(state));
    this.#session.on('stats', (stats) => this.emit('stats', stats));
    this.#session.on('error', (error) => this.emit('error', error));
    this.#session.start();
  }

  get state(): SessionState {
    return this.#state;
  }

  /** In place of the one of its kind: the elements that show this stream go on. */
  put(track: MediaStreamTrack): void {
    for (const old of this.mediaStream.getTracks()) {
      if (old.kind !== track.kind || old === track) continue;
      track.enabled = old.enabled;
      this.mediaStream.removeTrack(old);
    }
    this.mediaStream.addTrack(track);
  }

  /** For whoever receives it otherwise: the figures of a call. */
  report(stats: StreamStats): void {
    this.emit('stats', stats);
  }

  /** Fetches it anew, as after the server's worker was replaced. */
  restart(): void {
    this.#session?.restart();
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.detach();
    this.#set('closed');
    void this.#session?.close();
    this.emit('closed', undefined);
  }

  protected override current<Name extends keyof RemoteStreamEvents>(name: Name): readonly RemoteStreamEvents[Name][] {
    return name === 'state' ? [this.#state as RemoteStreamEvents[Name]] : [];
  }

  #set(state: SessionState): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    this.emit('state', state);
  }
}
