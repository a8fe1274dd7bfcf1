// A browser that sends a test picture and a tone to a WHIP endpoint. See README.md.
import { inPage, openPage } from './chromium.mjs';
import { servePages } from './page-server.mjs';
import { address, after, CheckFailed, colour, emit, number, options, required, run, signalled, stdinClosed, WrongUsage } from './report.mjs';

/** A server that does not answer the DELETE must not keep the test waiting. */
const HANG_UP_DEADLINE_MS = 5_000;

function settings() {
  const values = options({
    whip: { type: 'string' },
    token: { type: 'string' },
    codec: { type: 'string', default: 'h264' },
    colour: { type: 'string', default: '2060c0' },
    name: { type: 'string', default: 'BROWSER' },
    tone: { type: 'string', default: '440' },
    width: { type: 'string' },
    height: { type: 'string' },
    fps: { type: 'string', default: '30' },
    busy: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    'max-kbps': { type: 'string' },
    only: { type: 'string' },
    'session-level': { type: 'boolean', default: false },
    end: { type: 'string', default: 'delete' },
    'expect-kbps': { type: 'string' },
    'expect-within': { type: 'string', default: '8' },
    screenshot: { type: 'string' },
  });
  if (!['h264', 'vp8', 'any'].includes(values.codec)) throw new WrongUsage(`--codec must be h264, vp8 or any, not "${values.codec}"`);
  if (![undefined, 'audio', 'video'].includes(values.only)) throw new WrongUsage(`--only must be audio or video, not "${values.only}"`);
  if (!['delete', 'close', 'vanish'].includes(values.end)) throw new WrongUsage(`--end must be delete, close or vanish, not "${values.end}"`);
  required(values, 'seconds');
  return {
    page: {
      whip: address(values, 'whip'),
      token: values.token,
      codec: values.codec,
      colour: colour(values.colour),
      name: values.name,
      // Above it the beep would not stand out.
      tone: number(values, 'tone', { min: 50, max: 2500 }),
      // `--busy` is for measuring the rate at the size where senders usually work.
      width: number(values, 'width', { min: 160, max: 3840 }) ?? (values.busy ? 1280 : 640),
      height: number(values, 'height', { min: 90, max: 2160 }) ?? (values.busy ? 720 : 360),
      fps: number(values, 'fps', { min: 5, max: 60 }),
      busy: values.busy,
      maxKbps: number(values, 'max-kbps', { min: 30 }),
      only: values.only,
      sessionLevel: values['session-level'],
    },
    end: values.end,
    seconds: number(values, 'seconds', { min: 1 }),
    expectKbps: number(values, 'expect-kbps', { min: 1 }),
    expectWithin: number(values, 'expect-within', { min: 1 }),
    screenshot: values.screenshot,
  };
}

/** Remembers what the end of the run is judged by. */
class Watch {
  constructor({ expectKbps, expectWithin, soundOnly }) {
    Object.assign(this, { soundOnly, expectKbps, expectWithin, best: 0, reachedAt: null, seen: 0 });
    this.broken = new Promise((_, reject) => {
      this.fail = (sentence) => reject(new CheckFailed(sentence));
    });
    this.broken.catch(() => {});
  }

  take(event, fields) {
    emit(event, fields);
    if (event === 'connection' && fields.state === 'failed') this.fail('the WebRTC connection failed');
    if (event !== 'stats') return;
    this.seen += 1;
    this.framesEncoded = fields.framesEncoded;
    this.best = Math.max(this.best, fields.kbps);
    if (!this.expectKbps || this.reachedAt !== null) return;
    if (fields.kbps >= this.expectKbps) this.reachedAt = fields.at_ms;
    if (fields.at_ms > this.limitMs) this.fail(this.missed);
    else if (this.reachedAt !== null) emit('reached', fields);
  }

  /** The statistics come each second, so the last one within the time may be up to half a second off it. */
  get limitMs() {
    return this.expectWithin * 1000 + 500;
  }

  get missed() {
    const when = this.reachedAt === null ? 'never' : `after ${this.reachedAt} ms`;
    return `expected ${this.expectKbps} kbit/s within ${this.expectWithin} s, reached it ${when}, best ${this.best}`;
  }

  judge() {
    if (this.seen === 0) throw new CheckFailed('no statistics were seen: the run was too short to prove anything');
    if (!this.soundOnly && !this.framesEncoded) throw new CheckFailed('not one video frame was encoded');
    if (!this.expectKbps) return;
    if (this.reachedAt === null || this.reachedAt > this.limitMs) throw new CheckFailed(this.missed);
  }
}

await run(async () => {
  const { page: pageSettings, seconds, screenshot, end, ...expected } = settings();
  const watch = new Watch({ ...expected, soundOnly: pageSettings.only === 'audio' });
  const server = await servePages();
  const { browser, page, crashed } = await openPage(`${server.origin}/publish.html`, {
    bindings: { report: (event, fields) => watch.take(event, fields) },
  });
  try {
    const stop = Promise.race([stdinClosed(), signalled()]);
    const started = await Promise.race([inPage(page, 'sender', 'start', pageSettings).then(() => true), stop, crashed]);
    if (started === true) await Promise.race([after(seconds * 1000), stop, crashed, watch.broken]);
    if (screenshot) await page.screenshot({ path: screenshot });
    // A tab that is closed says nothing: neither DELETE nor DTLS' goodbye.
    const hangUp = end === 'vanish' ? page.close() : inPage(page, 'sender', end === 'close' ? 'close' : 'stop');
    const status = await Promise.race([hangUp, crashed, after(HANG_UP_DEADLINE_MS)]);
    emit('ended', { delete_status: status ?? null, best_kbps: watch.best, reached_at_ms: watch.reachedAt });
    if (started !== true) throw new CheckFailed('stopped before it was connected');
    if (end === 'delete' && status !== 200 && status !== 204) {
      throw new CheckFailed(`the DELETE of the session was answered with ${status ?? 'nothing'}`);
    }
    watch.judge();
  } finally {
    await browser.close();
    await server.close();
  }
});
