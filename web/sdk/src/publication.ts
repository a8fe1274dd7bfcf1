// A local stream on its way to a conference by WHIP.
import type { LocalStream, LocalStreamEvents } from './local-stream.js';
import { MediaSession } from './media-session.js';
import { segment, type Rest } from './rest.js';

/** What the server can use of a stream. */
export interface Quality {
  maxHeight: number | undefined;
  maxKbps: number | undefined;
}

export interface PublicationOptions {
  rest: Rest;
  conference: string;
  /** In open mode the server has to be told; a token says it by itself. */
  participant: string | undefined;
  name: string;
  stream: LocalStream;
  configuration: () => RTCConfiguration;
}

export class Publication {
  readonly name: string;
  readonly stream: LocalStream;
  readonly session: MediaSession;
  #senders = new Map<string, RTCRtpSender>();
  #quality: Quality = { maxHeight: undefined, maxKbps: undefined };
  readonly #changed = ({ kind, track }: LocalStreamEvents['track_changed']): void => {
    void this.#senders.get(kind)?.replaceTrack(track).then(() => this.#obey());
  };

  constructor({ rest, conference, participant, name, stream, configuration }: PublicationOptions) {
    this.name = name;
    this.stream = stream;
    const query = new URLSearchParams({ ...(participant ? { participant } : {}), stream: name });
    this.session = new MediaSession({
      rest,
      path: `/v1/conferences/${segment(conference)}/whip?${query}`,
      configuration,
      prepare: (peer) => this.#prepare(peer),
    });
    this.session.on('state', (state) => {
      if (state === 'connected') void this.#obey();
    });
    this.session.on('stats', (stats) => stream.report(stats));
    stream.on('track_changed', this.#changed);
  }

  /** Sends no more than the server can use. */
  async limit(quality: Quality): Promise<void> {
    this.#quality = quality;
    await this.#obey();
  }

  async close(): Promise<void> {
    this.stream.off('track_changed', this.#changed);
    await this.session.close();
  }

  #prepare(peer: RTCPeerConnection): void {
    this.#senders = new Map();
    for (const track of this.stream.mediaStream.getTracks()) {
      const { sender } = peer.addTransceiver(track, { direction: 'sendonly', streams: [this.stream.mediaStream] });
      this.#senders.set(track.kind, sender);
    }
  }

  async #obey(): Promise<void> {
    const sender = this.#senders.get('video');
    const { maxHeight, maxKbps } = this.#quality;
    if (!sender || (maxHeight === undefined && maxKbps === undefined)) return;
    const parameters = sender.getParameters();
    const [encoding] = parameters.encodings ?? [];
    // Before the answer is in, there is nothing to set; `connected` comes back here.
    if (!encoding) return;
    const height = sender.track?.getSettings().height ?? 0;
    if (maxKbps !== undefined) encoding.maxBitrate = maxKbps * 1000;
    if (maxHeight !== undefined) encoding.scaleResolutionDownBy = Math.max(1, maxHeight > 0 ? height / maxHeight : 1);
    // A connection that was closed meanwhile refuses; the next one is told again.
    await sender.setParameters(parameters).catch(() => undefined);
  }
}
