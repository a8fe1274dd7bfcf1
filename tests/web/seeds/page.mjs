// A developer's own page, on another origin, which loads a face from our server and runs what a seed prints.
import { servePages } from '../page-server.mjs';
import { after, CheckFailed, emit } from '../report.mjs';

const PAGE = `<!doctype html><meta charset="utf-8"><title>sample</title>
<video id="local" muted></video><video id="local_video" muted autoplay></video><video id="remote" autoplay></video>`;

export class Seeds {
  #browser;
  #server;
  #pages;

  static async at(server, browser) {
    const seeds = new Seeds();
    seeds.#browser = browser;
    seeds.#server = server;
    seeds.#pages = await servePages({
      '/sample.html': (_, response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE),
    });
    return seeds;
  }

  /** The face is all that points the page at our server. */
  async open(face) {
    const page = await (await this.#browser.newContext({ permissions: ['camera', 'microphone'] })).newPage();
    page.said = [];
    page.on('console', (message) => page.said.push(message.text()));
    page.on('pageerror', (error) => {
      page.said.push(`failed: ${error.message}`);
      process.stderr.write(`${face} failed: ${error.stack}\n`);
    });
    await page.goto(`${this.#pages.origin}/sample.html`);
    await page.addScriptTag({ url: `${this.#server}/sdk/${face}.js` });
    return page;
  }

  /** Nobody is there any more when the next sample begins. */
  async clear() {
    for (const context of this.#browser.contexts()) await context.close();
  }

  async close() {
    await this.#pages.close();
  }
}

/** An id that nobody else on the server has. */
export const id = (name) => `${name}-${process.pid}`;

/** Runs a script as a `<script>` would: `var` makes globals. */
export const script = (where, source) => where.addScriptTag({ content: source });

/** Waits until the page has said this on its console, or what begins so. */
export async function says(where, sentence, what) {
  for (let turn = 0; turn < 200; turn += 1) {
    if (where.said.some((line) => line.startsWith(sentence))) return;
    await after(100);
  }
  throw new CheckFailed(`${what}: the page did not say "${sentence}", but ${JSON.stringify(where.said)}`);
}

/** What a video element shows and its stream sounds, for three seconds. */
async function receives(where, what, element) {
  const seen = await where.evaluate(async (named) => {
    const video = document.getElementById(named);
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    for (let turn = 0; turn < 150 && !(video.srcObject && video.videoWidth > 0); turn += 1) await wait(100);
    const before = video.getVideoPlaybackQuality().totalVideoFrames;
    let peak = 0;
    if (video.srcObject?.getAudioTracks().length) {
      const context = new AudioContext();
      const analyser = context.createAnalyser();
      context.createMediaStreamSource(video.srcObject).connect(analyser);
      const samples = new Float32Array(analyser.fftSize);
      // Chromium's microphone beeps once a second.
      for (let turn = 0; turn < 60; turn += 1) {
        analyser.getFloatTimeDomainData(samples);
        peak = Math.max(peak, ...samples.map(Math.abs));
        await wait(50);
      }
      await context.close();
    } else {
      await wait(3000);
    }
    const canvas = new OffscreenCanvas(32, 18).getContext('2d');
    canvas.drawImage(video, 0, 0, 32, 18);
    const { data } = canvas.getImageData(0, 0, 32, 18);
    const brightest = data.filter((_, at) => at % 4 !== 3).reduce((one, other) => Math.max(one, other), 0);
    return { frames: video.getVideoPlaybackQuality().totalVideoFrames - before, brightest, peak: Math.round(peak * 1000) / 1000 };
  }, element);
  emit('receives', { what, ...seen });
  return seen;
}

const moves = ({ frames, brightest }, what) => {
  if (frames < 10 || brightest < 50) throw new CheckFailed(`${what}: no moving picture`);
};

/** The picture moves and is not black; there is no sound, since nobody sends any. */
export async function sees(where, what, element = 'remote') {
  const seen = await receives(where, what, element);
  moves(seen, what);
  if (seen.peak > 0) throw new CheckFailed(`${what}: sound that nobody sends`);
}

/** The picture moves and is not black, and the sound has energy. */
export async function hears(where, what, element = 'remote') {
  const seen = await receives(where, what, element);
  moves(seen, what);
  if (seen.peak < 0.01) throw new CheckFailed(`${what}: no sound`);
}

/** What is switched off at the other end: black and silence. */
export async function isDark(where, what, element = 'remote') {
  const seen = await receives(where, what, element);
  if (seen.brightest > 30 || seen.peak > 0.01) throw new CheckFailed(`${what}: something is seen or heard`);
}
