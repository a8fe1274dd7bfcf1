// The media of a peer-to-peer call: one connection from browser to browser, signalled through the server.
import type { LocalStream, LocalStreamEvents } from './local-stream.js';
import type { CallSignal } from './messages.js';
import { STATS_MS, StatsReader, type StreamStats } from './stats.js';

/** A lost path is looked for anew for so long before the call is given up. */
const REPAIR_MS = 15_000;

export interface CallPeerOptions {
  configuration: RTCConfiguration;
  stream: LocalStream | undefined;
  offers: boolean;
  send: (body: { sdp: RTCSessionDescriptionInit } | { candidate: RTCIceCandidateInit | null }) => void;
  track: (track: MediaStreamTrack) => void;
  connected: () => void;
  lost: () => void;
  stats: (stats: StreamStats) => void;
}

export class CallPeer {
  readonly #options: CallPeerOptions;
  readonly #peer: RTCPeerConnection;
  readonly #reader = new StatsReader();
  readonly #ticking: ReturnType<typeof setInterval>;
  #repair: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  /** One after the other: a candidate must not overtake the description that it belongs to. */
  #work: Promise<void> = Promise.resolve();
  readonly #changed = ({ kind, track }: LocalStreamEvents['track_changed']): void => {
    const sender = this.#peer.getSenders().find((one) => one.track?.kind === kind);
    void sender?.replaceTrack(track);
  };

  constructor(options: CallPeerOptions) {
    this.#options = options;
    const peer = new RTCPeerConnection(options.configuration);
    this.#peer = peer;
    peer.onicecandidate = ({ candidate }) => options.send({ candidate: candidate?.toJSON() ?? null });
    peer.ontrack = ({ track }) => options.track(track);
    peer.onconnectionstatechange = () => this.#look();
    const media = options.stream?.mediaStream;
    for (const track of media?.getTracks() ?? []) peer.addTrack(track, media as MediaStream);
    options.stream?.on('track_changed', this.#changed);
    this.#ticking = setInterval(() => void this.#tick(), STATS_MS);
    if (!options.offers) return;
    // Also what we do not send ourselves is asked for: the other end may have a camera where we have none.
    for (const kind of ['audio', 'video'] as const) {
      if (!media?.getTracks().some((track) => track.kind === kind)) peer.addTransceiver(kind, { direction: 'recvonly' });
    }
    this.#then(() => this.#offer());
  }

  take({ sdp, candidate }: CallSignal): void {
    this.#then(async () => {
      if (sdp) {
        await this.#peer.setRemoteDescription(sdp);
        if (sdp.type !== 'offer') return;
        await this.#peer.setLocalDescription(await this.#peer.createAnswer());
        if (this.#peer.localDescription) this.#options.send({ sdp: plain(this.#peer.localDescription) });
      } else if (candidate) {
        await this.#peer.addIceCandidate(candidate);
      }
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#ticking);
    clearTimeout(this.#repair);
    this.#options.stream?.off('track_changed', this.#changed);
    this.#peer.close();
  }

  async #offer(iceRestart = false): Promise<void> {
    await this.#peer.setLocalDescription(await this.#peer.createOffer({ iceRestart }));
    if (this.#peer.localDescription) this.#options.send({ sdp: plain(this.#peer.localDescription) });
  }

  #then(step: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (!this.#closed) await step();
    }).catch((error: unknown) => {
      // One bad candidate is no reason to end a call; a description that does not fit shows as no connection.
      console.warn('meetingcast: a call signal could not be used:', error);
    });
  }

  #look(): void {
    switch (this.#peer.connectionState) {
      case 'connected':
        clearTimeout(this.#repair);
        this.#repair = undefined;
        return this.#options.connected();
      case 'failed':
        this.#repair ??= setTimeout(() => this.#options.lost(), REPAIR_MS);
        if (this.#options.offers) this.#then(() => this.#offer(true));
        return;
      default:
    }
  }

  async #tick(): Promise<void> {
    if (this.#closed || this.#peer.connectionState !== 'connected') return;
    this.#options.stats(this.#reader.read(await this.#peer.getStats()));
  }
}

const plain = ({ type, sdp }: RTCSessionDescription): RTCSessionDescriptionInit => ({ type, sdp });
