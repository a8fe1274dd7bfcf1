// How loud a stream is, for a meter.

const FLOOR_DB = -60;
let context: AudioContext | undefined;

/** 0 (−60 dB or less) to 1 (full scale), asked as often as a meter is drawn. */
export class Level {
  readonly #stream: MediaStream;
  readonly #samples = new Float32Array(1024);
  #track: MediaStreamTrack | undefined;
  #source: MediaStreamAudioSourceNode | undefined;
  #analyser: AnalyserNode | undefined;

  constructor(stream: MediaStream) {
    this.#stream = stream;
  }

  read(): number {
    const [track] = this.#stream.getAudioTracks();
    if (track !== this.#track) this.#listen(track);
    if (!this.#analyser || !track?.enabled) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    const db = 20 * Math.log10(Math.sqrt(sum / this.#samples.length) || 1e-6);
    return Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
  }

  #listen(track: MediaStreamTrack | undefined): void {
    this.#source?.disconnect();
    this.#track = track;
    this.#analyser = undefined;
    if (!track) return;
    context ??= new AudioContext();
    // Made before anybody touched the page, it waits; joining is a click.
    void context.resume();
    this.#source = context.createMediaStreamSource(new MediaStream([track]));
    this.#analyser = context.createAnalyser();
    this.#source.connect(this.#analyser);
  }
}
