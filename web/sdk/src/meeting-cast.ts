// The conference's broadcast: who is on air is decided here, and everybody inside is told.
import type { Cast, Cue, Output, OutputRequest, Rundown, Source, StartCast, Switch, SwitchResult } from './cast.js';
import { Emitter } from './emitter.js';
import type { Overlay, OverlayPatch, Picture } from './overlay.js';
import { segment, type Rest } from './rest.js';

interface MeetingCastEvents {
  state_changed: MeetingCast;
  /** The run-down is another, or one of its cues is: ask for it. */
  cues_changed: MeetingCast;
  /** Somebody changed what is drawn over the program: as it is now. */
  overlay_changed: Overlay;
  /** Somebody put or removed a picture: all there are now. */
  pictures_changed: Picture[];
}

export class MeetingCast extends Emitter<MeetingCastEvents> {
  readonly #rest: Rest;
  readonly #path: string;
  readonly #pictures: string;
  #cast: Cast | null = null;

  constructor(rest: Rest, conference: string) {
    super();
    this.#rest = rest;
    this.#path = `/v1/conferences/${segment(conference)}/cast`;
    this.#pictures = `/v1/conferences/${segment(conference)}/pictures`;
  }

  /** As last told; `null` before the conference was joined. */
  get cast(): Cast | null {
    return this.#cast;
  }

  get isStarted(): boolean {
    return this.#cast?.state === 'live' || this.#cast?.state === 'starting';
  }

  /** Pictures go out as they were sent, and only H.264 can: `encoding.mode` is `passthrough`. */
  get isPassingThrough(): boolean {
    return this.isStarted && this.#cast?.encoding?.mode === 'passthrough';
  }

  /** The one participant on air; `null` when nobody is, or several are. */
  get anchor(): string | null {
    const source = this.isStarted ? this.#cast?.source : null;
    if (!source) return null;
    return 'participant' in source ? source.participant : 'focus' in source ? source.focus : null;
  }

  /** Where viewers go; these do not change on a switch. */
  get play(): Cast['play'] {
    return this.#cast?.play ?? { hls: null, rtmp: null, whep: null };
  }

  /** Resolves when the play URLs work. */
  async start(what: string | StartCast): Promise<Cast> {
    const body: StartCast = typeof what === 'string' ? { participant: what } : what;
    return this.update(await this.#rest.json<Cast>('POST', `${this.#path}/start`, body));
  }

  /** Resolves when viewers see and hear the new one. */
  switchParticipant(participant: string): Promise<SwitchResult> {
    return this.switch({ participant });
  }

  switch(to: Switch): Promise<SwitchResult> {
    return this.#rest.json('POST', `${this.#path}/switch`, to);
  }

  /** The run-down; without one it has no cues. */
  rundown(): Promise<Rundown> {
    return this.#rest.json('GET', `${this.#path}/cues`);
  }

  /** Puts a run-down, with or without a cast. Cues that stand in the one there is, under their ids and unchanged, stay as they are. */
  putCues(cues: Cue[]): Promise<Rundown> {
    return this.#rest.json('POST', `${this.#path}/cues`, { cues });
  }

  async clearCues(): Promise<void> {
    await this.#rest.json('DELETE', `${this.#path}/cues`);
  }

  /** Takes the next cue now. Resolves when viewers see it. */
  nextCue(): Promise<SwitchResult> {
    return this.#rest.json('POST', `${this.#path}/cues/next`);
  }

  /** Takes a certain cue now. */
  goCue(id: string): Promise<SwitchResult> {
    return this.#rest.json('POST', `${this.#path}/cues/${segment(id)}/go`);
  }

  /** The server said so. */
  cuesChanged(): void {
    this.emit('cues_changed', this);
  }

  /** The server said so. */
  overlayChanged(overlay: Overlay): void {
    this.emit('overlay_changed', overlay);
  }

  /** The server said so. */
  picturesChanged(pictures: Picture[]): void {
    this.emit('pictures_changed', pictures);
  }

  /** Resolves when the file on the program stands still, or goes on; `to_ms` of it: when that is seen. */
  async controlFile(action: 'pause' | 'play' | { to_ms: number }): Promise<Cast> {
    const body = typeof action === 'string' ? { action } : { action: 'seek', ...action };
    return this.update(await this.#rest.json<Cast>('POST', `${this.#path}/file`, body));
  }

  async stop(): Promise<Cast> {
    return this.update(await this.#rest.json<Cast>('POST', `${this.#path}/stop`));
  }

  addOutput(output: OutputRequest): Promise<Output> {
    return this.#rest.json('POST', `${this.#path}/outputs`, output);
  }

  async removeOutput(id: string): Promise<void> {
    await this.#rest.json('DELETE', `${this.#path}/outputs/${segment(id)}`);
  }

  /** What is drawn over the program. */
  overlay(): Promise<Overlay> {
    return this.#rest.json('GET', `${this.#path}/overlay`);
  }

  /** Resolves when viewers see the change; at once when nothing is on air. */
  setOverlay(patch: OverlayPatch): Promise<Overlay> {
    return this.#rest.json('PATCH', `${this.#path}/overlay`, patch);
  }

  /** What an overlay may name. */
  async pictures(): Promise<Picture[]> {
    return (await this.#rest.json<{ pictures: Picture[] }>('GET', this.#pictures)).pictures;
  }

  /** Uploads a PNG, JPEG or SVG, by its type; `name` is 1 to 32 characters of a-z 0-9 _ -. */
  async putPicture(name: string, file: Blob): Promise<Picture> {
    const { text } = await this.#rest.send('PUT', `${this.#pictures}/${segment(name)}`, file, file.type);
    return JSON.parse(text) as Picture;
  }

  async removePicture(name: string): Promise<void> {
    await this.#rest.json('DELETE', `${this.#pictures}/${segment(name)}`);
  }

  /** Asks now, for the figures that change without an event. */
  async refresh(): Promise<Cast> {
    return this.update(await this.#rest.json<Cast>('GET', this.#path));
  }

  /** Called for every change, whoever made it, and at once with what is now. */
  onStateChanged(callback: (cast: MeetingCast) => void): () => void {
    this.on('state_changed', callback);
    return () => this.off('state_changed', callback);
  }

  /** The server's word; anything that changed is told. */
  update(cast: Cast): Cast {
    const before = this.#cast;
    this.#cast = cast;
    if (!before || told(before) !== told(cast)) this.emit('state_changed', this);
    return cast;
  }

  protected override current<Name extends keyof MeetingCastEvents>(name: Name): readonly MeetingCastEvents[Name][] {
    const held: { [Key in keyof MeetingCastEvents]?: readonly MeetingCastEvents[Key][] } = { state_changed: this.#cast ? [this] : [] };
    return held[name] ?? [];
  }
}

/** What a change is made of: figures that always move are not a change. */
function told({ state, source, source_state, file, audio, play, outputs, shed, error }: Cast): string {
  return JSON.stringify([state, source satisfies Source | null, source_state, file?.paused, file?.duration_ms, audio, play, shed, error,
    outputs.map((output) => [output.id, output.state, output.retries, output.last_error])]);
}
