// The director's desk: start, stop, who, how, with which sound.
import type { Audio, Client, Conference, Source, StartCast, Switch } from '../../sdk/src/meetingcast.js';
import { chosen, element } from './element.js';
import { Files } from './files.js';
import { Layouts } from './layouts.js';
import { Monitor } from './monitor.js';
import { attempt, show } from './notice.js';
import { Outputs } from './outputs.js';
import { OverlayDesk } from './overlay.js';
import { drawPlay } from './play-list.js';
import { RunDown } from './rundown.js';
import type { Tile } from './tile.js';
import type { Tiles } from './tiles.js';

const FADE_MS = 500;
const MOVE_MS = 400;
/** Counters and output states move without an event. */
const REFRESH_MS = 2_000;

export class Control {
  readonly #conference: Conference;
  readonly #tiles: Tiles;
  readonly #outputs: Outputs;
  readonly #monitor: Monitor;
  readonly #more: Layouts;
  readonly #rundown: RunDown;
  readonly #files: Files;
  readonly #start = element('start', HTMLButtonElement);
  readonly #stop = element('stop', HTMLButtonElement);
  readonly #state = element('state', HTMLElement);
  readonly #clock = element('clock', HTMLElement);
  readonly #layouts = [...document.querySelectorAll<HTMLButtonElement>('button[data-layout]')];
  readonly #timers: ReturnType<typeof setInterval>[];
  /** What the next start shows. */
  #armed: Source | null = null;

  constructor(client: Client, conference: Conference, tiles: Tiles) {
    this.#conference = conference;
    this.#tiles = tiles;
    this.#outputs = new Outputs(conference);
    this.#monitor = new Monitor(client, conference.id);
    this.#more = new Layouts(client, conference);
    this.#rundown = new RunDown(conference, this);
    new OverlayDesk(client, conference);
    this.#files = new Files(client, conference, (source) => this.#show(source));
    element('control', HTMLFormElement).onsubmit = (event) => {
      event.preventDefault();
      void attempt(this.#start, () => this.#begin());
    };
    this.#stop.onclick = () => void attempt(this.#stop, () => conference.meetingCast.stop());
    for (const button of this.#layouts) button.onclick = () => void attempt(button, () => this.#show(this.#layout(button.dataset['layout'] ?? '')));
    const more = element('show-layout', HTMLButtonElement);
    more.onclick = () => void attempt(more, () => this.#show(this.#more.source));
    for (const radio of document.querySelectorAll<HTMLInputElement>('input[name="audio"]')) {
      radio.onchange = () => {
        const { source } = conference.meetingCast.cast ?? {};
        if (conference.meetingCast.isStarted && source) void attempt(null, () => conference.meetingCast.switch(this.#switch(source)));
      };
    }
    conference.meetingCast.onStateChanged(() => this.draw());
    conference.on('participant_connected', () => this.draw());
    conference.on('participant_disconnected', () => this.draw());
    this.#timers = [setInterval(() => this.#tell(), 500), setInterval(() => void this.#refresh(), REFRESH_MS)];
  }

  /** A tile was clicked. */
  take({ participant, stream }: Tile): void {
    const source = stream === 'camera' ? { participant } : { participant, stream };
    this.#show(source).catch(show);
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#monitor.close();
    this.#rundown.close();
    this.#clock.hidden = true;
  }

  /** What is on the air, or first when it starts. */
  get present(): Source | null {
    const { cast, isStarted } = this.#conference.meetingCast;
    return isStarted ? (cast?.source ?? null) : this.#armed;
  }

  get layout(): Source {
    return this.#more.source;
  }

  draw(): void {
    const { cast, isStarted } = this.#conference.meetingCast;
    const state = cast?.state ?? 'idle';
    this.#state.textContent = isStarted && cast && cast.source_state !== 'live' && state === 'live' ? `live, source ${cast.source_state}` : state;
    this.#state.dataset['state'] = state;
    this.#start.hidden = isStarted;
    this.#stop.hidden = !isStarted;
    const source = this.present;
    this.#tiles.mark((tile) => (shows(source, tile, cast?.speaker) ? (isStarted ? 'air' : 'armed') : 'none'));
    for (const button of this.#layouts) button.setAttribute('aria-pressed', String(layoutOf(source) === button.dataset['layout']));
    element('hint', HTMLElement).textContent = isStarted
      ? 'Click a tile to put it on air.'
      : 'Click a tile to choose who is first, then start.';
    drawPlay(this.#conference.id, isStarted && cast ? cast.play : { hls: null, rtmp: null, whep: null });
    this.#outputs.draw();
    this.#more.draw();
    this.#rundown.draw();
    this.#files.draw();
    if (state === 'live') this.#monitor.open();
    else this.#monitor.close();
    if (cast?.audio && isStarted) {
      const radio = document.querySelector<HTMLInputElement>(`input[name="audio"][value="${cast.audio}"]`);
      if (radio) radio.checked = true;
    }
    this.#tell();
  }

  async #begin(): Promise<void> {
    const first = this.#armed ?? this.#layout('grid');
    const start: StartCast = { source: first, audio: chosen('audio') as Audio, outputs: this.#outputs.planned };
    this.#state.textContent = 'starting';
    try {
      await this.#conference.meetingCast.start(start);
    } finally {
      this.draw();
    }
  }

  async #show(source: Source): Promise<void> {
    if (this.#conference.meetingCast.isStarted) {
      await this.#conference.meetingCast.switch(this.#switch(source));
      await this.#conference.meetingCast.refresh();
    } else {
      this.#armed = source;
    }
    this.draw();
  }

  #switch(source: Source): Switch {
    const how = element('transition', HTMLSelectElement).value;
    const fade = how === 'fade' ? { transition: { type: 'fade', duration_ms: FADE_MS } as const } : {};
    return { source, audio: chosen('audio') as Audio, ...fade, ...(how === 'move' ? { animate_ms: MOVE_MS } : {}) };
  }

  #layout(name: string): Source {
    if (name === 'slate') return { slate: true };
    if (name === 'grid') return { layout: 'grid' };
    if (name === 'follow') return { follow: 'active_speaker' };
    if (name === 'speaking') return { layout: 'speaker', follow: 'active_speaker' };
    const armed = this.#armed && 'participant' in this.#armed ? this.#armed.participant : null;
    const focus = this.#conference.meetingCast.anchor ?? armed ?? [...this.#conference.participants.keys()][0] ?? this.#conference.localId;
    return { layout: 'speaker', focus };
  }

  async #refresh(): Promise<void> {
    // A moment without network is told elsewhere already.
    if (this.#conference.meetingCast.isStarted) await this.#conference.meetingCast.refresh().catch(() => undefined);
  }

  #tell(): void {
    this.#files.tell();
    const { cast } = this.#conference.meetingCast;
    const on = cast?.state === 'live' && cast.started_at !== null;
    this.#clock.hidden = !on;
    if (!on || !cast.started_at) return;
    const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(cast.started_at)) / 1000));
    const two = (value: number): string => String(value).padStart(2, '0');
    this.#clock.textContent = `on air ${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  }
}

function shows(source: Source | null | undefined, { participant, stream }: Tile, speaker: string | undefined): boolean {
  if (!source) return false;
  if ('follow' in source && !('layout' in source)) return participant === speaker && stream === 'camera';
  if (!('layout' in source)) return 'participant' in source && source.participant === participant && (source.stream ?? 'camera') === stream;
  if ('tiles' in source) {
    const own = source.tiles.filter((tile) => tile.participant === participant && (tile.stream ?? 'camera') === stream);
    return own.length > 0 || (source.participants?.includes(participant) ?? source.tiles.some((tile) => tile.participant === undefined));
  }
  if ('inset' in source) return source.focus === participant || source.inset === participant;
  if ('participant' in source) return source.participant === participant;
  return 'participants' in source && source.participants ? source.participants.includes(participant) : true;
}

function layoutOf(source: Source | null | undefined): string | null {
  if (!source) return null;
  if ('slate' in source) return 'slate';
  if ('follow' in source) return 'layout' in source ? 'speaking' : 'follow';
  return 'layout' in source ? source.layout : null;
}
