// A local stream on its way to a conference by WHIP.
import type { LocalStream, LocalStreamEvents } from './local-stream.js';
import { MediaSession } from './media-session.js';
import { segment, type Rest } from './rest.js';
import { h264First, isH264 } from './video-codec.js';

/** What the server can use of a stream; nothing where it can use all. */
export interface Quality {
  maxHeight: number | null | undefined;
  maxKbps: number | null | undefined;
}

export interface PublicationOptions {
  rest: Rest;
  conference: string;
  /** In open mode the server has to be told; a token says it by itself. */
  participant: string | undefined;
  name: string;
  stream: LocalStream;
  configuration: () => RTCConfiguration;
  /** Whether H.264 is to be offered first; asked for each connection. */
  prefersH264: () => boolean;
}

export class Publication {
  readonly name: string;
  readonly stream: LocalStream;
  readonly session: MediaSession;
  readonly #prefersH264: () => boolean;
  #senders = new Map<string, RTCRtpSender>();
  #quality: Quality = { maxHeight: undefined, maxKbps: undefined };
  #work: Promise<void> = Promise.resolve();
  readonly #changed = ({ kind, track }: LocalStreamEvents['track_changed']): void => {
    void this.#senders.get(kind)?.replaceTrack(track).then(() => this.#obey());
  };

  constructor({ rest, conference, participant, name, stream, configuration, prefersH264 }: PublicationOptions) {
    this.name = name;
    this.#prefersH264 = prefersH264;
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

  /** Pictures are sent in another codec than H.264, as far as is known: before the answer nothing is. */
  get sendsOtherThanH264(): boolean {
    const [codec] = this.#senders.get('video')?.getParameters().codecs ?? [];
    return codec !== undefined && !isH264(codec.mimeType);
  }

  async close(): Promise<void> {
    this.stream.off('track_changed', this.#changed);
    await this.session.close();
  }

  #prepare(peer: RTCPeerConnection): void {
    this.#senders = new Map();
    for (const track of this.stream.mediaStream.getTracks()) {
      const transceiver = peer.addTransceiver(track, { direction: 'sendonly', streams: [this.stream.mediaStream] });
      this.#senders.set(track.kind, transceiver.sender);
      const codecs = track.kind === 'video' && this.#prefersH264() ? h264First() : null;
      if (codecs) transceiver.setCodecPreferences(codecs);
    }
  }

  /** One after the other: parameters that were read before another change are refused. */
  #obey(): Promise<void> {
    this.#work = this.#work.then(async () => {
      const sender = this.#senders.get('video');
      if (sender) await obey(sender, this.#quality);
    });
    return this.#work;
  }
}

async function obey(sender: RTCRtpSender, { maxHeight, maxKbps }: Quality): Promise<void> {
  const parameters = sender.getParameters();
  const [encoding] = parameters.encodings ?? [];
  // Before the answer is in, there is nothing to set; `connected` comes back here.
  if (!encoding) return;
  const [kbps, scale] = [maxKbps && maxKbps > 0 ? maxKbps * 1000 : undefined, scaleDown(sender.track?.getSettings().height, maxHeight)];
  if (encoding.maxBitrate === kbps && (encoding.scaleResolutionDownBy ?? 1) === scale) return;
  if (kbps === undefined) delete encoding.maxBitrate;
  else encoding.maxBitrate = kbps;
  encoding.scaleResolutionDownBy = scale;
  // A connection that was closed meanwhile refuses; the next one is told again.
  await sender.setParameters(parameters).catch(() => undefined);
}

/** Never up: what the camera does not see is not worth its bits. */
const scaleDown = (height: number | undefined, most: number | null | undefined): number => (height && most && most > 0 ? Math.max(1, height / most) : 1);
