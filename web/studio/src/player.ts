// HLS in a video element: hls.js where it can, the browser's own player where it must (Safari on iOS).
import Hls from 'hls.js';

/** While there is no playlist yet, or the network is away. */
const RETRY_MS = 2_000;

export interface PlayerEvents {
  /** There is a picture. */
  playing: () => void;
  /** There is nothing to play, not yet or no longer. */
  absent: (over: boolean) => void;
}

export class Player {
  readonly #video: HTMLVideoElement;
  readonly #url: string;
  readonly #events: PlayerEvents;
  #hls: Hls | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #began = false;

  constructor(video: HTMLVideoElement, url: string, events: PlayerEvents) {
    this.#video = video;
    this.#url = url;
    this.#events = events;
    video.addEventListener('playing', this.#playing);
    video.addEventListener('ended', this.#ended);
    this.#open();
  }

  /** Seconds behind the live edge's clock; `null` while unknown. */
  get latency(): number | null {
    const date = this.#hls?.playingDate;
    if (date) return (Date.now() - date.getTime()) / 1000;
    const start = (this.#video as HTMLVideoElement & { getStartDate?: () => Date }).getStartDate?.().getTime() ?? Number.NaN;
    const seconds = (Date.now() - start) / 1000 - this.#video.currentTime;
    return Number.isFinite(seconds) ? seconds : null;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#video.removeEventListener('playing', this.#playing);
    this.#video.removeEventListener('ended', this.#ended);
    this.#hls?.destroy();
    this.#video.removeAttribute('src');
    this.#video.load();
  }

  readonly #playing = (): void => {
    this.#began = true;
    this.#events.playing();
  };

  /** Played to its end; it may begin again. */
  readonly #ended = (): void => this.#later(true);

  #open(): void {
    if (this.#closed) return;
    this.#began = false;
    if (!Hls.isSupported()) {
      this.#video.src = this.#url;
      this.#video.onerror = () => this.#later(false);
      void this.#video.play().catch(() => undefined);
      return;
    }
    // A worker from a blob would need a hole in the page's policy, and fMP4 has nothing to be transmuxed.
    const hls = new Hls({ lowLatencyMode: true, enableWorker: false, liveSyncDuration: 1.5, maxLiveSyncPlaybackRate: 1.1, backBufferLength: 30 });
    this.#hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, () => void this.#video.play().catch(() => undefined));
    hls.on(Hls.Events.ERROR, (_, { fatal, type }) => {
      if (!fatal) return;
      if (type === Hls.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
      else this.#later(false);
    });
    hls.on(Hls.Events.LEVEL_LOADED, (_, { details }) => {
      // What ended before we came is not shown from its beginning: this is a live page.
      if (!details.live && !this.#began) this.#later(true);
    });
    hls.loadSource(this.#url);
    hls.attachMedia(this.#video);
  }

  #later(over: boolean): void {
    this.#hls?.destroy();
    this.#hls = null;
    this.#events.absent(over);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#open(), RETRY_MS);
  }
}

/** Where a conference's program is, on this server. */
export const playlistOf = (conference: string): string => `/hls/${encodeURIComponent(conference)}/index.m3u8`;
