// One WebRTC connection to the server by WHIP or WHEP that comes back after every loss until it is closed.
import { Emitter } from './emitter.js';
import { asError, MeetingCastError } from './problem.js';
import type { Rest } from './rest.js';
import { STATS_MS, StatsReader, type StreamStats } from './stats.js';

/** Host candidates come at once; waiting for slow STUN servers would delay everybody for the few who need them. */
const GATHER_MS = 500;
/** Where only TURN servers will do there is nothing before they have answered: UDP, its retransmissions, TLS. */
const GATHER_RELAYED_MS = 5_000;
const CONNECT_MS = 15_000;
/** ICE often comes back by itself from `disconnected`. */
const PATIENCE_MS = 4_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
/** What may be so for a moment: somebody was told of a stream a little before it can be had. */
const SOON = new Set(['media_not_ready', 'stream_not_found', 'participant_not_found', 'conference_not_found', 'timeout']);
const SOON_ATTEMPTS = 8;

export type SessionState = 'connecting' | 'connected' | 'retrying' | 'failed' | 'closed';

interface SessionEvents {
  state: SessionState;
  track: MediaStreamTrack;
  stats: StreamStats;
  /** It will not be tried again. */
  error: MeetingCastError;
}

export interface SessionOptions {
  rest: Rest;
  path: string;
  /** Asked for each connection: TURN credentials expire. */
  configuration: () => RTCConfiguration;
  /** Adds what is sent, or says what is to be received. */
  prepare: (peer: RTCPeerConnection) => void;
}

export class MediaSession extends Emitter<SessionEvents> {
  readonly #options: SessionOptions;
  readonly #reader = new StatsReader();
  #peer: RTCPeerConnection | null = null;
  #location: string | null = null;
  #state: SessionState = 'connecting';
  #attempts = 0;
  /** Counts connections: what an older one still says is not heard. */
  #round = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ticking: ReturnType<typeof setInterval> | undefined;

  constructor(options: SessionOptions) {
    super();
    this.#options = options;
  }

  get state(): SessionState {
    return this.#state;
  }

  get peer(): RTCPeerConnection | null {
    return this.#peer;
  }

  start(): void {
    this.#ticking ??= setInterval(() => void this.#tick(), STATS_MS);
    void this.#connect();
  }

  /** A new connection at once, in place of the one there is. */
  restart(): void {
    if (this.#state === 'closed') return;
    this.#attempts = 0;
    clearTimeout(this.#timer);
    void this.#connect();
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#round += 1;
    clearTimeout(this.#timer);
    clearInterval(this.#ticking);
    this.#set('closed');
    await this.#drop();
  }

  protected override current<Name extends keyof SessionEvents>(name: Name): readonly SessionEvents[Name][] {
    return name === 'state' ? [this.#state as SessionEvents[Name]] : [];
  }

  async #connect(): Promise<void> {
    const round = ++this.#round;
    // The server replaces the older session of the same stream by itself; our DELETE only tidies up.
    void this.#drop();
    this.#set(this.#attempts === 0 ? 'connecting' : 'retrying');
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle', ...this.#options.configuration() });
    this.#peer = peer;
    try {
      peer.ontrack = ({ track }) => {
        if (round === this.#round) this.emit('track', track);
      };
      this.#options.prepare(peer);
      await peer.setLocalDescription(await peer.createOffer());
      await gathered(peer, this.#options.configuration().iceTransportPolicy === 'relay' ? GATHER_RELAYED_MS : GATHER_MS);
      if (round !== this.#round) return peer.close();
      const answer = await this.#options.rest.send('POST', this.#options.path, peer.localDescription?.sdp ?? '', 'application/sdp');
      if (round !== this.#round) {
        peer.close();
        if (answer.location) await this.#hangUp(answer.location);
        return;
      }
      this.#location = answer.location;
      await peer.setRemoteDescription({ type: 'answer', sdp: answer.text });
      this.#watch(peer, round);
    } catch (error) {
      peer.close();
      if (round === this.#round) this.#failed(asError(error, 'media_failed'));
    }
  }

  #watch(peer: RTCPeerConnection, round: number): void {
    let patience: ReturnType<typeof setTimeout> | undefined;
    const lost = (why: string): void => {
      clearTimeout(patience);
      if (round === this.#round) this.#failed(new MeetingCastError('network_lost', why));
    };
    patience = setTimeout(() => lost('No media connection came up in time.'), CONNECT_MS);
    const look = (): void => {
      if (round !== this.#round) return clearTimeout(patience);
      switch (peer.connectionState) {
        case 'connected':
          clearTimeout(patience);
          this.#attempts = 0;
          return this.#set('connected');
        case 'failed':
        case 'closed':
          return lost('The media connection was lost.');
        case 'disconnected':
          clearTimeout(patience);
          patience = setTimeout(() => lost('The media connection was lost.'), PATIENCE_MS);
          return;
        default:
      }
    };
    peer.onconnectionstatechange = look;
    look();
  }

  #failed(error: MeetingCastError): void {
    const soon = SOON.has(error.code) && this.#attempts < SOON_ATTEMPTS;
    if (!error.isPassing && !soon) {
      this.#round += 1;
      void this.#drop();
      this.#set('failed');
      return this.emit('error', error);
    }
    const wait = error.retryAfterMs ?? Math.min(FIRST_WAIT_MS * 2 ** this.#attempts, LONGEST_WAIT_MS);
    this.#attempts += 1;
    this.#round += 1;
    this.#set('retrying');
    this.#timer = setTimeout(() => void this.#connect(), wait);
  }

  async #drop(): Promise<void> {
    const [peer, location] = [this.#peer, this.#location];
    this.#peer = null;
    this.#location = null;
    peer?.close();
    if (location) await this.#hangUp(location);
  }

  async #hangUp(location: string): Promise<void> {
    // A session that is gone already, or a server that is, comes to the same.
    await this.#options.rest.send('DELETE', location).catch(() => undefined);
  }

  async #tick(): Promise<void> {
    const peer = this.#peer;
    if (!peer || this.#state !== 'connected') return;
    const stats = this.#reader.read(await peer.getStats());
    if (peer === this.#peer) this.emit('stats', stats);
  }

  #set(state: SessionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.emit('state', state);
  }
}

function gathered(peer: RTCPeerConnection, limitMs: number): Promise<void> {
  if (peer.iceGatheringState === 'complete') return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, limitMs);
    peer.onicegatheringstatechange = () => {
      if (peer.iceGatheringState !== 'complete') return;
      clearTimeout(timer);
      resolve();
    };
  });
}
