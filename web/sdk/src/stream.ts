// What local and remote streams have in common: they are shown in elements, and switched on and off here.
import { Emitter } from './emitter.js';
import type { StreamStats } from './stats.js';

export interface StreamEvents {
  stats: StreamStats;
  closed: undefined;
}

export abstract class Stream<Events extends StreamEvents = StreamEvents> extends Emitter<Events> {
  readonly mediaStream: MediaStream;
  readonly #elements = new Set<HTMLMediaElement>();

  constructor(mediaStream: MediaStream) {
    super();
    this.mediaStream = mediaStream;
  }

  /** Shows it there. Your own is shown without sound: nobody wants to hear themselves. */
  attach(element: HTMLMediaElement): void {
    this.#elements.add(element);
    element.srcObject = this.mediaStream;
    if (this.isLocal) element.muted = true;
    element.autoplay = true;
    element.setAttribute('playsinline', '');
    // Refused where nobody has touched the page yet; `autoplay` tries again by itself.
    void element.play?.()?.catch(() => undefined);
  }

  /** Takes it from there, or from everywhere. */
  detach(element?: HTMLMediaElement): void {
    for (const one of element ? [element] : [...this.#elements]) {
      if (one.srcObject === this.mediaStream) one.srcObject = null;
      this.#elements.delete(one);
    }
  }

  /** Of a local stream: others hear silence. Of a remote one: only here. */
  enableAudio(enabled: boolean): void {
    for (const track of this.mediaStream.getAudioTracks()) track.enabled = enabled;
  }

  /** Of a local stream: others see black. Of a remote one: only here. */
  enableVideo(enabled: boolean): void {
    for (const track of this.mediaStream.getVideoTracks()) track.enabled = enabled;
  }

  get isAudioEnabled(): boolean {
    return this.mediaStream.getAudioTracks().some((track) => track.enabled);
  }

  get isVideoEnabled(): boolean {
    return this.mediaStream.getVideoTracks().some((track) => track.enabled);
  }

  protected abstract readonly isLocal: boolean;
}
