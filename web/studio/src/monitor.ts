// The program as viewers get it: by WHEP, where the server can, else by low-latency HLS.
import { receiveProgram, type Client, type RemoteStream } from '../../sdk/src/meetingcast.js';
import { element } from './element.js';
import { Player, playlistOf } from './player.js';

/** A network that lets no WebRTC through shows by silence. */
const PATIENCE_MS = 6_000;

export class Monitor {
  readonly #video = element('program', HTMLVideoElement);
  readonly #text = element('monitor-text', HTMLElement);
  readonly #way = element('monitor-way', HTMLElement);
  readonly #conference: string;
  readonly #client: Client;
  #stream: RemoteStream | null = null;
  #player: Player | null = null;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #latency: ReturnType<typeof setInterval> | undefined;

  constructor(client: Client, conference: string) {
    this.#client = client;
    this.#conference = conference;
  }

  open(): void {
    if (this.#stream || this.#player) return;
    this.#text.textContent = 'The program is coming …';
    const stream = receiveProgram({ conference: this.#conference, without: this.#client.id, token: this.#client.rest.token, rtc: this.#client.configuration });
    this.#stream = stream;
    this.#patience = setTimeout(() => this.#fallBack(), PATIENCE_MS);
    stream.on('error', () => this.#fallBack());
    stream.on('state', (state) => {
      if (state !== 'connected' || this.#stream !== stream) return;
      clearTimeout(this.#patience);
      stream.attach(this.#video);
      this.#seen('by WebRTC, less than a second behind');
    });
  }

  close(): void {
    clearTimeout(this.#patience);
    clearInterval(this.#latency);
    this.#stream?.close();
    this.#player?.close();
    this.#stream = null;
    this.#player = null;
    this.#video.hidden = true;
    this.#text.hidden = false;
    this.#text.textContent = 'Not on air';
    this.#way.textContent = '';
  }

  #fallBack(): void {
    clearTimeout(this.#patience);
    if (this.#player) return;
    this.#stream?.close();
    this.#stream = null;
    this.#player = new Player(this.#video, playlistOf(this.#conference), {
      playing: () => this.#seen('by HLS'),
      absent: () => (this.#text.textContent = 'The program cannot be shown here: the cast has no HLS output.'),
    });
    this.#latency = setInterval(() => {
      const seconds = this.#player?.latency ?? null;
      if (seconds !== null && !this.#video.hidden) this.#way.textContent = `by HLS, ${seconds.toFixed(1)} s behind`;
    }, 1000);
  }

  #seen(way: string): void {
    this.#video.hidden = false;
    this.#text.hidden = true;
    this.#way.textContent = way;
  }
}
