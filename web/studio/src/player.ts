// HLS in a video element: hls.js where it can, the browser's own player where it must (Safari on iOS).
import Hls from 'hls.js';

/** While there is no playlist yet, or the network is away. */
const RETRY_MS = 2_000;
/** A picture that stands so long at the end of what there is: the end is reached, whatever the element says. */
const STUCK_AT_END_S = 2;
/** Anywhere else: what is loaded does not go on; begin anew. */
const STUCK_S = 8;

/** Nothing there (yet, or no longer), ended, or out of reach. */
export type Absence = 'none' | 'over' | 'lost';

export interface PlayerEvents {
  /** There is a picture. */
  playing: () => void;
  /** There is nothing to play, not yet or no longer. */
  absent: (why: Absence) => void;
}

export class Player {
  readonly #video: HTMLVideoElement;
  readonly #url: string;
  readonly #events: PlayerEvents;
  #hls: Hls | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #began = false;
  #ends = false;
  #stuckFor = 0;
  #position = 0;
  readonly #watch: ReturnType<typeof setInterval>;

  constructor(video: HTMLVideoElement, url: string, events: PlayerEvents) {
    this.#video = video;
    this.#url = url;
    this.#events = events;
    video.addEventListener('playing', this.#playing);
    video.addEventListener('ended', this.#ended);
    this.#watch = setInterval(() => this.#look(), 1000);
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
    clearInterval(this.#watch);
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
  readonly #ended = (): void => this.#later('over');

  #open(): void {
    if (this.#closed) return;
    this.#began = this.#ends = false;
    this.#stuckFor = 0;
    if (!Hls.isSupported()) {
      this.#video.src = this.#url;
      this.#video.onerror = () => this.#later('none');
      void this.#video.play().catch(() => undefined);
      return;
    }
    // A worker from a blob would need a hole in the page's policy, and fMP4 has nothing to be transmuxed.
    const hls = new Hls({ lowLatencyMode: true, enableWorker: false, liveSyncDuration: 1.5, maxLiveSyncPlaybackRate: 1.1, backBufferLength: 30 });
    this.#hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, () => void this.#video.play().catch(() => undefined));
    hls.on(Hls.Events.ERROR, (_, { fatal, type, response }) => {
      if (!fatal) return;
      if (type === Hls.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
      else this.#later(response?.code === 404 ? 'none' : 'lost');
    });
    hls.on(Hls.Events.LEVEL_LOADED, (_, { details }) => {
      // What ended before we came is not shown from its beginning: this is a live page.
      this.#ends = !details.live;
      if (this.#ends && !this.#began) this.#later('over');
    });
    hls.loadSource(this.#url);
    hls.attachMedia(this.#video);
  }

  /** Some streams end a frame before their last second, and the element waits for ever. */
  #look(): void {
    const { currentTime, paused } = this.#video;
    const stands = this.#began && !paused && currentTime === this.#position;
    this.#stuckFor = stands ? this.#stuckFor + 1 : 0;
    this.#position = currentTime;
    if (this.#ends && this.#stuckFor >= STUCK_AT_END_S) this.#later('over');
    else if (this.#stuckFor >= STUCK_S) this.#later('lost');
  }

  #later(why: Absence): void {
    this.#began = false;
    this.#stuckFor = 0;
    this.#hls?.destroy();
    this.#hls = null;
    this.#events.absent(why);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#open(), RETRY_MS);
  }
}

/** Where a conference's program is, on this server. */
export const playlistOf = (conference: string): string => `/hls/${encodeURIComponent(conference)}/index.m3u8`;
