// Camera, microphone and screen.
import { presetConstraints, presets, type VideoPreset } from './preset.js';
import { asError, MeetingCastError } from './problem.js';
import type { StreamStats } from './stats.js';
import { Stream, type StreamEvents } from './stream.js';

export interface StreamOptions {
  audio?: boolean | MediaTrackConstraints;
  video?: boolean | VideoPreset | (string & {}) | MediaTrackConstraints;
}

export interface LocalStreamEvents extends StreamEvents {
  /** Another device stands behind this kind of media now. */
  track_changed: { kind: 'audio' | 'video'; track: MediaStreamTrack };
  /** The device is gone, or the user ended the screen share. */
  track_ended: { kind: 'audio' | 'video' };
}

export class LocalStream extends Stream<LocalStreamEvents> {
  protected override readonly isLocal = true;

  constructor(mediaStream: MediaStream) {
    super(mediaStream);
    for (const track of mediaStream.getTracks()) this.#watch(track);
  }

  /** Another camera, without a new negotiation: those who watch see the next picture come from it. */
  useCamera(deviceId: string): Promise<void> {
    return this.#change('video', deviceId);
  }

  /** Another microphone. */
  useMicrophone(deviceId: string): Promise<void> {
    return this.#change('audio', deviceId);
  }

  /** Puts a track in the place of the one of its kind. */
  replaceTrack(track: MediaStreamTrack): void {
    const kind = track.kind === 'audio' ? 'audio' : 'video';
    for (const old of this.mediaStream.getTracks()) {
      if (old.kind !== kind || old === track) continue;
      track.enabled = old.enabled;
      this.mediaStream.removeTrack(old);
      old.stop();
    }
    this.mediaStream.addTrack(track);
    this.#watch(track);
    this.emit('track_changed', { kind, track });
  }

  /** For those who send it: their figures are this stream's. */
  report(stats: StreamStats): void {
    this.emit('stats', stats);
  }

  /** Releases the devices. */
  close(): void {
    this.detach();
    for (const track of this.mediaStream.getTracks()) track.stop();
    this.emit('closed', undefined);
  }

  async #change(kind: 'audio' | 'video', deviceId: string): Promise<void> {
    const [old] = this.mediaStream.getTracks().filter((track) => track.kind === kind);
    const size = kind === 'video' ? old?.getSettings() : undefined;
    const constraints: MediaTrackConstraints = {
      deviceId: { exact: deviceId },
      ...(size?.width && size.height ? { width: { ideal: size.width }, height: { ideal: size.height } } : {}),
    };
    const fresh = await capture({ [kind]: constraints });
    const [track] = fresh.getTracks();
    if (track) this.replaceTrack(track);
  }

  #watch(track: MediaStreamTrack): void {
    track.addEventListener?.('ended', () => this.emit('track_ended', { kind: track.kind === 'audio' ? 'audio' : 'video' }));
  }
}

/** Opens camera and microphone. Both unless said otherwise. */
export async function createStream(options: StreamOptions = {}): Promise<LocalStream> {
  const { audio = true, video = true } = options;
  if (audio === false && video === false) throw new MeetingCastError('invalid_argument', 'A stream needs audio, video or both.');
  return new LocalStream(await capture({ audio, video: videoConstraints(video) }));
}

/** Shares a screen, a window or a tab, with its sound where the browser can. */
export async function createScreenStream(options: { audio?: boolean } = {}): Promise<LocalStream> {
  try {
    const constraints = { video: { frameRate: { max: 30 } }, audio: options.audio ?? false };
    return new LocalStream(await devices().getDisplayMedia(constraints));
  } catch (error) {
    throw refused(error);
  }
}

function videoConstraints(video: NonNullable<StreamOptions['video']>): boolean | MediaTrackConstraints {
  if (typeof video !== 'string') return video;
  const constraints = presetConstraints(video);
  if (!constraints) throw new MeetingCastError('invalid_argument', `"${video}" is no video preset; there are ${presets.join(', ')}.`);
  return constraints;
}

async function capture(constraints: MediaStreamConstraints): Promise<MediaStream> {
  try {
    return await devices().getUserMedia(constraints);
  } catch (error) {
    throw refused(error);
  }
}

function devices(): MediaDevices {
  const found = navigator.mediaDevices as MediaDevices | undefined;
  if (found) return found;
  throw new MeetingCastError('device_unavailable', 'Camera and microphone need a page served by HTTPS, or by localhost.');
}

const SENTENCES: Readonly<Record<string, string>> = {
  NotAllowedError: 'The browser was not allowed to use the camera, the microphone or the screen.',
  NotFoundError: 'There is no such camera or microphone.',
  NotReadableError: 'The camera or microphone is used by another program.',
  OverconstrainedError: 'No camera or microphone can do what was asked.',
};

function refused(thrown: unknown): MeetingCastError {
  if (thrown instanceof MeetingCastError) return thrown;
  const sentence = thrown instanceof Error ? SENTENCES[thrown.name] : undefined;
  return sentence ? new MeetingCastError('device_unavailable', sentence, { cause: thrown }) : asError(thrown, 'device_unavailable');
}
