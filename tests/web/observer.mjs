// Looks at a video element of a page that is not ours: whose colours it shows and whose tones it sounds, from frame to
// frame. Runs in the page by the debugger's way, which the page's content policy does not forbid.
import { CheckFailed } from './report.mjs';

/** In the page. `people`: name → {colour, hz}. */
function install([selector, people, key]) {
  const names = Object.keys(people);
  const video = document.querySelector(selector);
  if (!video) throw new Error(`there is no ${selector}`);
  /** Of RGB; the people's colours are more than twice as far from each other. */
  const NEAR = 50;
  /** Of the picture's area. A tile of nine is four times as large. */
  const VISIBLE = 0.03;
  /** What was heard so long ago is still heard: sound comes in bursts where a machine is busy. */
  const HEARD_MS = 500;
  const LISTEN_MS = 50;
  /** A tone is heard when it is no more than this below the loudest, and louder than silence with its noise. */
  const BELOW_LOUDEST_DB = 20;
  const SILENCE_DB = -60;
  const SIZE = { width: 64, height: 36 };
  const canvas = new OffscreenCanvas(SIZE.width, SIZE.height).getContext('2d', { alpha: false, willReadFrequently: true });
  /** Each person's tone, dB, as often as it was listened to in the last HEARD_MS. */
  const recent = new Map(names.map((name) => [name, []]));
  const state = { colours: [], black: true, history: [] };

  const look = () => {
    canvas.drawImage(video, 0, 0, SIZE.width, SIZE.height);
    const { data } = canvas.getImageData(0, 0, SIZE.width, SIZE.height);
    const count = new Map();
    const sums = [0, 0, 0];
    let brightest = 0;
    for (let at = 0; at < data.length; at += 4) {
      brightest = Math.max(brightest, data[at], data[at + 1], data[at + 2]);
      for (let channel = 0; channel < 3; channel += 1) sums[channel] += data[at + channel];
      const whose = names.find((name) => Math.hypot(...people[name].colour.map((value, channel) => value - data[at + channel])) < NEAR);
      if (whose) count.set(whose, (count.get(whose) ?? 0) + 1);
    }
    state.black = brightest < 50;
    state.colours = names.filter((name) => (count.get(name) ?? 0) > VISIBLE * SIZE.width * SIZE.height);
    const now = state.colours.join('+');
    const last = state.history.at(-1);
    if (last?.names === now) last.frames += 1;
    else state.history.push({ names: now, at_s: video.currentTime, frames: 1, mean: sums.map((sum) => Math.round((sum * 4) / data.length)) });
    if (!ended) video.requestVideoFrameCallback(look);
  };
  let ended = false;
  video.requestVideoFrameCallback(look);

  const context = new AudioContext({ sampleRate: 48_000 });
  void context.resume();
  const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
  let track = null;
  let source = null;
  // What a file or a playlist sounds is taken behind the element: its being muted counts. A call's stream has no such way.
  if (!video.srcObject) context.createMediaElementSource(video).connect(analyser).connect(context.destination);
  const spectrum = new Float32Array(analyser.frequencyBinCount);
  const listening = setInterval(() => {
    const [now = null] = video.srcObject?.getAudioTracks() ?? [];
    if (now !== track) {
      source?.disconnect();
      track = now;
      source = track && context.createMediaStreamSource(new MediaStream([track]));
      source?.connect(analyser);
    }
    analyser.getFloatFrequencyData(spectrum);
    const around = (hz) => {
      const bin = Math.round((hz * analyser.fftSize) / context.sampleRate);
      return Math.max(...spectrum.subarray(bin - 1, bin + 2));
    };
    for (const [name, levels] of recent) {
      levels.push(around(people[name].hz));
      if (levels.length > HEARD_MS / LISTEN_MS) levels.shift();
    }
  }, LISTEN_MS);

  const levels = () => Object.fromEntries([...recent].map(([name, dbs]) => [name, Math.round(Math.max(-120, ...dbs))]));
  const tones = (heard) => {
    const loudest = Math.max(...Object.values(heard));
    return names.filter((name) => heard[name] > SILENCE_DB && heard[name] > loudest - BELOW_LOUDEST_DB);
  };

  (window.observers ??= {})[key] = {
    look: () => ({
      colours: state.colours,
      tones: tones(levels()),
      levels: levels(),
      history: state.history,
      frames: video.getVideoPlaybackQuality().totalVideoFrames,
      black: state.black,
      muted: video.muted,
      paused: video.paused,
      audio: context.state,
    }),
    forget: () => {
      state.history = state.history.slice(-1);
    },
    end: () => {
      ended = true;
      clearInterval(listening);
      void context.close();
    },
  };
}

export class Observer {
  #page;
  #what;

  /** `people`: name → {colour: [r, g, b], hz}. */
  static async of(page, selector, people, what) {
    const observer = new Observer();
    observer.#page = page;
    observer.#what = what;
    await page.evaluate(install, [selector, people, what]);
    return observer;
  }

  look() {
    return this.#page.evaluate((key) => window.observers[key].look(), this.#what);
  }

  /** From now on `history` begins with what is shown now. */
  forget() {
    return this.#page.evaluate((key) => window.observers[key].forget(), this.#what);
  }

  /** Waits until exactly these are seen and exactly these are heard, by an element that plays aloud; how long that took. */
  async until({ colours, tones }, limitMs = 20_000) {
    const began = Date.now();
    const same = (one, other) => [...one].sort().join() === [...other].sort().join();
    let seen;
    const times = { seen_ms: null, heard_ms: null };
    for (;;) {
      seen = await this.look();
      if (same(seen.colours, colours)) times.seen_ms ??= Date.now() - began;
      if (same(seen.tones, tones)) times.heard_ms ??= Date.now() - began;
      if (same(seen.colours, colours) && same(seen.tones, tones) && !seen.muted && !seen.paused) break;
      if (Date.now() - began > limitMs) {
        throw new CheckFailed(`${this.#what}: should show ${colours.join(', ') || 'nobody'} and sound ${tones.join(', ') || 'of nobody'}, but is ${JSON.stringify(seen)}`);
      }
      await this.#page.waitForTimeout(50);
    }
    return { ...seen, ...times };
  }

  /** Looks and listens no more, which takes time of the machine. */
  end() {
    return this.#page.evaluate((key) => window.observers[key].end(), this.#what);
  }

  /** Frames go on being shown. */
  async moves() {
    const { frames } = await this.look();
    const limit = Date.now() + 10_000;
    for (;;) {
      const now = await this.look();
      if (now.frames > frames + 10) return;
      if (Date.now() > limit) throw new CheckFailed(`${this.#what}: the picture stands, ${JSON.stringify(now)}`);
      await this.#page.waitForTimeout(100);
    }
  }
}
