// hls.js in a real browser plays a program and says what a viewer would have noticed. See README.md.
import { inPage, openPage } from './chromium.mjs';
import { inOrder, near } from './expectation.mjs';
import { servePages } from './page-server.mjs';
import { address, after, CheckFailed, colour, emit, number, options, run, signalled, stdinClosed, WrongUsage } from './report.mjs';

/** What hls.js itself reports when the picture stands. All are non-fatal. */
const STALL_ERRORS = ['bufferStalledError', 'bufferNudgeOnStall'];
/** And when the program was away: not errors as long as the gap is allowed. */
const GAP_ERRORS = [...STALL_ERRORS, 'bufferSeekOverHole'];
/** A stall with so much to play on from where it stands is the fault of a machine without time, not of what is delivered … */
const STARVED_AHEAD_S = 0.5;
/** … as long as all of them are no longer: a picture that cannot be decoded stands for ever. */
const STARVED_MS = 500;
const isStarved = ({ ahead_s }) => ahead_s >= STARVED_AHEAD_S;

/** Of the time that should have been played this share must have been: sampling and start-up blur the edges. */
const PLAYED_SHARE = 0.9;

function settings() {
  const values = options({
    url: { type: 'string' },
    file: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    'until-stdin-close': { type: 'boolean', default: false },
    'start-timeout': { type: 'string', default: '20' },
    'allow-gap-ms': { type: 'string', default: '0' },
    'expect-colours': { type: 'string' },
    'colour-tolerance': { type: 'string', default: '40' },
    'other-colours-ok': { type: 'boolean', default: false },
    'expect-tones': { type: 'string' },
    'min-rms': { type: 'string' },
    'expect-discontinuities': { type: 'string' },
    'max-latency': { type: 'string' },
    'catch-up': { type: 'string', default: '1' },
    'sample-ms': { type: 'string', default: '1000' },
    tile: { type: 'string', default: '0,0,1,1' },
    insecure: { type: 'boolean', default: false },
    'read-code': { type: 'boolean', default: false },
    'cycle-levels': { type: 'string' },
    screenshot: { type: 'string' },
  });
  const seconds = number(values, 'seconds', { min: 1 });
  if ((seconds === undefined) !== values['until-stdin-close']) throw new WrongUsage('give either --seconds or --until-stdin-close');
  const list = (name) => (values[name] === undefined ? null : values[name].split(',').map((entry) => entry.trim()));
  const tones = list('expect-tones')?.map(Number) ?? null;
  if (tones?.some((tone) => !(tone >= 50 && tone <= 2500))) throw new WrongUsage('--expect-tones are frequencies from 50 to 2500 Hz');
  const [x, y, width, height] = values.tile.split(',').map(Number);
  if (!(x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= 1 && y + height <= 1)) {
    throw new WrongUsage('--tile is x,y,width,height in fractions of the picture');
  }
  return {
    url: address(values, 'url'),
    file: values.file,
    seconds,
    startTimeout: number(values, 'start-timeout', { min: 1 }),
    allowGapMs: number(values, 'allow-gap-ms'),
    colours: list('expect-colours')?.map(colour) ?? null,
    colourTolerance: number(values, 'colour-tolerance', { max: 128 }),
    otherColoursOk: values['other-colours-ok'],
    tones,
    minRms: number(values, 'min-rms', { max: 1 }),
    discontinuities: number(values, 'expect-discontinuities'),
    maxLatency: number(values, 'max-latency'),
    catchUp: number(values, 'catch-up', { min: 1, max: 2 }),
    sampleMs: number(values, 'sample-ms', { min: 100 }),
    tile: { x, y, width, height },
    insecure: values.insecure,
    readCode: values['read-code'],
    cycleLevelsMs: (number(values, 'cycle-levels', { min: 1 }) ?? 0) * 1000,
    screenshot: values.screenshot,
  };
}

/** The HTTP versions (ALPN's names) of what the player fetches. A page may not know that of another origin. */
async function watchProtocols(page) {
  const seen = new Set();
  const browser = await page.context().newCDPSession(page);
  browser.on('Network.responseReceived', ({ response: { url, protocol } }) => {
    if (/\.(m3u8|m4s)(\?|$)/.test(url)) seen.add(protocol);
  });
  await browser.send('Network.enable');
  return seen;
}

/** Collects what the page reports, and judges it at the end. */
class Viewing {
  constructor(given) {
    Object.assign(this, { given, errors: [], samples: [], stalls: [], jumps: [], discontinuities: 0, levels: new Map(), playing: null, finished: false });
    this.over = new Promise((resolve) => {
      this.stop = resolve;
    });
  }

  take(event, fields) {
    emit(event, fields);
    if (event === 'error') {
      this.errors.push(fields);
      if (fields.fatal) this.stop('fatal'); // Nothing can come after it.
    }
    if (event === 'sample') this.samples.push(fields);
    // The last one may still go on at the end: until then it has no length.
    if (event === 'stall') this.stalls.push({ starved: isStarved(fields), ms: null });
    if (event === 'stall_end') this.stalls.at(-1).ms = fields.stalled_ms;
    if (event === 'jump') this.jumps.push(fields);
    if (event === 'discontinuity') this.discontinuities += 1;
    if (event === 'level') this.levels.set(fields.level, `${fields.width}x${fields.height}`);
    if (event === 'playing') this.playing = fields;
    if (event === 'finished') {
      this.finished = true;
      this.stop('finished');
    }
  }

  /** The stalls of one kind: how many, and how long in all. */
  stood({ stall_now_ms }, starved) {
    const stalls = this.stalls.filter((stall) => stall.starved === starved);
    return { times: stalls.length, ms: stalls.reduce((sum, { ms }) => sum + (ms ?? stall_now_ms), 0) };
  }

  /** Everything that is wrong, as sentences. */
  faults(end, watchedMs) {
    const { given } = this;
    const gap = given.allowGapMs > 0;
    const faults = [];
    for (const { details, fatal, reason, message, status, url, ahead_s } of this.errors) {
      const expected = [...(gap ? GAP_ERRORS : []), ...(isStarved({ ahead_s }) ? STALL_ERRORS : [])];
      if (!fatal && expected.includes(details)) continue;
      faults.push(`hls.js: ${[`${fatal ? 'fatal ' : ''}${details}`, reason, message, status && `status ${status}`, url].filter(Boolean).join(', ')}`);
    }
    if (!this.playing) return [...faults, `nothing was played (a start is waited for ${given.startTimeout} s)`];
    for (const [starved, how, allowedMs] of [[false, '', given.allowGapMs], [true, ', with more to show', Math.max(STARVED_MS, given.allowGapMs)]]) {
      const { times, ms } = this.stood(end, starved);
      if (ms > allowedMs) faults.push(`the picture stood still ${times} times, ${ms} ms in all${how} (allowed: ${allowedMs} ms)`);
    }
    for (const { at_ms, by_ms } of this.jumps) {
      // Backwards too: out of a gap hls.js may seek to where the live edge now says it should be.
      if (Math.abs(by_ms) > given.allowGapMs) faults.push(`the position jumped by ${by_ms} ms at ${at_ms} ms`);
    }
    if (end.frames === 0) faults.push('not one frame was shown');
    const played = (end.position_s - this.playing.position_s) * 1000;
    // At the end of the stream the player stops on its own; only a running program owes the whole time.
    if (!this.finished && played < watchedMs * PLAYED_SHARE - given.allowGapMs) {
      faults.push(`only ${Math.round(played)} ms were played in ${watchedMs} ms`);
    }
    if (this.samples.length === 0) faults.push('no sample was taken: the run was too short to prove anything');
    if (given.colours) faults.push(...inOrder('colour', this.samples.map((sample) => sample.colour), given.colours, near(given.colourTolerance), given.otherColoursOk));
    if (given.tones) {
      // One bin of the analyser is 6 Hz; a beep or a switch may fill a sample, so other tones are no fault.
      faults.push(...inOrder('tone', this.samples.map((sample) => sample.tone_hz), given.tones, (a, b) => Math.abs(a - b) <= 12, true));
    }
    const quiet = this.samples.filter((sample) => sample.rms < (given.minRms ?? 0)).length;
    if (quiet > 0) faults.push(`${quiet} of ${this.samples.length} samples are quieter than ${given.minRms}`);
    if (given.discontinuities !== undefined && given.discontinuities !== this.discontinuities) {
      faults.push(`${this.discontinuities} discontinuities were played, expected ${given.discontinuities}`);
    }
    if (given.cycleLevelsMs > 0 && this.levels.size < end.levels) {
      faults.push(`played were the sizes ${[...this.levels.values()].join(', ')} of ${end.levels}`);
    }
    const latency = this.samples.at(-1)?.latency_s;
    if (given.maxLatency !== undefined && !(latency <= given.maxLatency)) faults.push(`${latency} s behind at the end, at most ${given.maxLatency} are allowed`);
    return faults;
  }
}

await run(async () => {
  const given = settings();
  const viewing = new Viewing(given);
  const server = await servePages();
  const { browser, page, crashed } = await openPage(`${server.origin}/play.html`, {
    bindings: { report: (event, fields) => viewing.take(event, fields) },
    ignoreHTTPSErrors: given.insecure,
  });
  try {
    const told = [signalled(), viewing.over, ...(given.seconds === undefined ? [stdinClosed()] : [])];
    const protocols = await watchProtocols(page);
    const start = inPage(page, 'player', 'start', {
      url: given.url, sampleMs: given.sampleMs, tile: given.tile, readCode: given.readCode, cycleLevelsMs: given.cycleLevelsMs, catchUp: given.catchUp,
      file: given.file,
    });
    await Promise.race([start, crashed, after(given.startTimeout * 1000), ...told]);
    const began = performance.now();
    if (viewing.playing) await Promise.race([crashed, ...(given.seconds === undefined ? [] : [after(given.seconds * 1000)]), ...told]);
    const watchedMs = Math.round(performance.now() - began);
    const end = await Promise.race([inPage(page, 'player', 'end'), crashed]);
    if (given.screenshot) await page.screenshot({ path: given.screenshot });
    const faults = viewing.faults(end, watchedMs);
    const [stood, starved] = [viewing.stood(end, false), viewing.stood(end, true)];
    emit('summary', {
      ok: faults.length === 0,
      watched_ms: watchedMs,
      ...end,
      protocols: [...protocols],
      errors: viewing.errors.length,
      stalls: stood.times,
      stalled_ms: stood.ms,
      starved: starved.times,
      starved_ms: starved.ms,
      jumps: viewing.jumps.length,
      discontinuities: viewing.discontinuities,
      sizes: [...viewing.levels.values()],
      faults,
    });
    if (faults.length > 0) throw new CheckFailed(faults.join('\n'));
  } finally {
    await browser.close();
    await server.close();
  }
});
