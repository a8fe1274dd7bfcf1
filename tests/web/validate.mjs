// Holds an HLS stream against RFC 8216, Apple's authoring rules and the contract. See README.md.
import HLS from 'hls-parser';
import { checkGzip, checkHead, checkMissing, checkPlaylistAge, checkRange, fetchChecked } from './delivery-rules.mjs';
import { Findings } from './findings.mjs';
import { request } from './http-client.mjs';
import { checkLowLatency } from './low-latency-rules.mjs';
import { PlaylistHistory, snapshot } from './playlist-history.mjs';
import { address, after, CheckFailed, emit, number, options, run } from './report.mjs';
import { hasPicture, SegmentRules } from './segment-rules.mjs';

HLS.setOptions({ strictMode: true, silent: true });

const MIN_SEGMENTS = 6;
/** Program dates have milliseconds, and a frame may lie on either side of a cut. */
const DATE_TOLERANCE_MS = 50;

function settings() {
  const values = options({
    url: { type: 'string' },
    polls: { type: 'string', default: '10' },
    over: { type: 'string', default: '10' },
    'min-segments': { type: 'string' },
    'require-low-latency': { type: 'boolean', default: false },
    'expect-ended': { type: 'boolean', default: false },
  });
  return {
    url: address(values, 'url'),
    polls: number(values, 'polls', { min: 1, max: 10_000 }),
    overMs: number(values, 'over', { min: 0 }) * 1000,
    minSegments: number(values, 'min-segments', { min: 1 }),
    requireLowLatency: values['require-low-latency'],
    expectEnded: values['expect-ended'],
  };
}

/** Parses strictly; `null` and a note when hls-parser refuses. */
function parse(findings, text, name) {
  try {
    return HLS.parse(text);
  } catch (error) {
    findings.check('hls-parser accepts the playlist in strict mode', false, `${name}: ${error.message}`);
    return null;
  }
}

async function fetchPlaylist(findings, url) {
  const reply = await fetchChecked(findings, 'playlist', url);
  if (!reply) return null;
  const name = new URL(url).pathname;
  const text = reply.body.toString();
  findings.check('a playlist has no byte order mark', !text.startsWith('\ufeff'), name);
  const playlist = parse(findings, text, name);
  if (playlist) findings.check('hls-parser accepts the playlist in strict mode', true);
  return playlist && { url, reply, playlist };
}

/** The contract's names: a multivariant playlist, and below it one folder for each rendition. */
function checkIndex(findings, { url, playlist }) {
  const name = new URL(url).pathname;
  findings.check('the multivariant playlist is /hls/{conference}/index.m3u8', /^\/hls\/[^/]+\/index\.m3u8$/.test(name), name);
  findings.check('index.m3u8 is a multivariant playlist', playlist.isMasterPlaylist, name);
  if (!playlist.isMasterPlaylist) return [];
  findings.check('the multivariant playlist has a variant', playlist.variants.length > 0, name);
  findings.check('the multivariant playlist says EXT-X-INDEPENDENT-SEGMENTS', playlist.independentSegments, name);
  for (const variant of playlist.variants) {
    const picture = hasPicture(variant) ? ['resolution', 'frameRate'] : [];
    for (const attribute of ['bandwidth', 'averageBandwidth', 'codecs', ...picture]) {
      findings.check('a variant has BANDWIDTH, AVERAGE-BANDWIDTH, CODECS, and with a picture RESOLUTION and FRAME-RATE', variant[attribute], `${variant.uri} lacks ${attribute}`);
    }
    findings.check('a media playlist is {rendition}/media.m3u8', /^(?:\/hls\/[^/]+\/)?[^/]+\/media\.m3u8$/.test(variant.uri), variant.uri);
  }
  return playlist.variants;
}

function checkMedia(findings, { url, reply, playlist }) {
  const name = new URL(url).pathname;
  if (!playlist.endlist) checkPlaylistAge(findings, reply, playlist.targetDuration);
  findings.check('a media playlist has segments', playlist.segments.length > 0, name);
  // In the multivariant playlist it holds for all; here it is what players read that start at a media playlist.
  findings.check('a media playlist says EXT-X-INDEPENDENT-SEGMENTS', playlist.independentSegments, name);
  const { segments } = snapshot(playlist);
  segments.forEach((segment, index) => {
    const { uri, msn, date, map } = segment;
    findings.check('segments are named seg-{msn}.m4s', uri === `seg-${msn}.m4s`, `${uri} is segment ${msn}`);
    findings.check('init segments are named init-{n}.mp4', /^init-\d+\.mp4$/.test(map ?? ''), `${uri}: ${map}`);
    findings.check('every segment has EXT-X-PROGRAM-DATE-TIME', date !== null, uri);
    const before = segments[index - 1];
    if (!before || segment.discontinuity || date === null || before.date === null) return;
    const off = date - before.date - before.duration * 1000;
    findings.check('program dates follow the durations', Math.abs(off) <= DATE_TOLERANCE_MS, `${uri}: off by ${Math.round(off)} ms`);
  });
  if (segments.some((segment) => segment.discontinuity)) {
    findings.check('EXT-X-DISCONTINUITY-SEQUENCE is there when there is a discontinuity', /^#EXT-X-DISCONTINUITY-SEQUENCE:/m.test(playlist.source), name);
  }
}

/** Players change from one rendition to another at any segment: what has one number is one stretch of time. */
function checkAlignment(findings, playlists) {
  const [program, ...others] = playlists.filter((playlist) => playlist.last);
  if (others.length === 0) return findings.skip('all renditions have the same segments', 'there is one');
  const told = new Map(program.last.segments.map((segment) => [segment.msn, segment]));
  for (const { url, last } of others) {
    const shared = last.segments.filter(({ msn }) => told.has(msn));
    findings.check('all renditions have the same segments', shared.length > 0, `${url}: none has a number of the program's`);
    for (const { msn, duration, date, discontinuity } of shared) {
      const own = told.get(msn);
      const same = own.duration === duration && own.date === date && own.discontinuity === discontinuity;
      findings.check('all renditions have the same segments', same, `${url}: segment ${msn} is ${JSON.stringify({ duration, date, discontinuity })}, the program's ${JSON.stringify({ duration: own.duration, date: own.date, discontinuity: own.discontinuity })}`);
    }
  }
}

/** One media playlist, from its first copy to the last poll. */
class MediaPlaylist {
  constructor(findings, url, variant) {
    Object.assign(this, { findings, url, copies: 0, fetched: new Map() });
    this.history = new PlaylistHistory(findings);
    this.rules = new SegmentRules(findings, variant);
  }

  resolve(uri) {
    return new URL(uri, this.url).href;
  }

  async poll() {
    const fetched = await fetchPlaylist(this.findings, this.url);
    if (!fetched) return;
    checkMedia(this.findings, fetched);
    const now = snapshot(fetched.playlist);
    this.history.take(now);
    this.copies += 1;
    this.first ??= now;
    this.last = now;
    this.playlist = fetched.playlist;
    this.reply = fetched.reply;
    for (const segment of now.segments) await this.fetchSegment(segment);
  }

  async fetchSegment(segment) {
    if (this.fetched.has(segment.msn)) return;
    if (segment.map && !this.rules.hasInit(segment.map)) {
      const init = await fetchChecked(this.findings, 'init', this.resolve(segment.map));
      if (init) this.rules.takeInit(segment.map, init.body);
    }
    const reply = await fetchChecked(this.findings, 'segment', this.resolve(segment.uri));
    this.fetched.set(segment.msn, reply?.body ?? null);
    if (reply) this.rules.take(segment, reply.body);
  }

  /** What is asked once, after the polls. */
  async finish({ minSegments }) {
    const { findings, history } = this;
    if (!this.last) return;
    const counts = `${this.first.segments.length} at first, ${this.last.segments.length} at last`;
    if (minSegments !== undefined) findings.check(`at least ${minSegments} segments are listed`, this.last.segments.length >= minSegments, counts);
    const rule = `at least ${MIN_SEGMENTS} segments are listed once old ones go`;
    if (history.removed.length > 0) findings.check(rule, this.last.segments.length >= MIN_SEGMENTS, counts);
    else findings.skip(rule, 'no segment was removed while we looked');
    if (!this.first.ended && this.looked > 2 * this.first.targetDuration * 1000) {
      findings.check('a live playlist grows', history.added > 0, `nothing was added in ${Math.round(this.looked)} ms`);
    }
    await this.checkRemoved();
    const segment = this.last.segments.at(-1);
    const body = segment && this.fetched.get(segment.msn);
    await checkGzip(findings, this.url);
    await checkHead(findings, this.url, this.reply);
    await checkMissing(findings, this.resolve('seg-99999999999.m4s'));
    if (body) {
      const got = await request(this.resolve(segment.uri));
      findings.check("a segment's bytes never change", got.body.equals(body), segment.uri);
      await checkHead(findings, got.url, got);
      await checkRange(findings, got.url, got);
    }
    if (this.playlist.partTargetDuration) await checkLowLatency(findings, this.url, this.playlist, (text) => HLS.parse(text), this.siblings);
    this.rules.checkRates(this.last.targetDuration);
  }

  /** RFC 8216 §6.2.2: a removed segment stays for its duration and that of the playlist; players that are behind need it. */
  async checkRemoved() {
    const gone = this.history.removed.at(-1);
    const rule = 'a segment just removed from the playlist can still be had';
    if (!gone) return this.findings.skip(rule, 'no segment was removed while we looked');
    const { status } = await request(this.resolve(gone.uri));
    this.findings.check(rule, status === 200, `${gone.uri}: ${status}`);
  }

  get report() {
    const { first, last, rules, history } = this;
    return last && {
      url: this.url,
      target_duration: last.targetDuration,
      low_latency: last.partTarget !== null,
      ended: last.ended,
      first_msn: first.first,
      last_msn: last.segments.at(-1)?.msn ?? null,
      segments: last.segments.length,
      added: history.added,
      removed: history.removed.length,
      discontinuity_sequence: last.discontinuitySequence,
      discontinuities: last.segments.filter((segment) => segment.discontinuity).length,
      average_kbps: rules.seconds ? Math.round(rules.bits / rules.seconds / 1000) : null,
      peak_kbps: Math.round(rules.peakKbps(last.targetDuration)),
    };
  }
}

await run(async () => {
  const { url, polls, overMs, ...wanted } = settings();
  const findings = new Findings();
  const index = await fetchPlaylist(findings, url);
  const variants = index ? checkIndex(findings, index) : [];
  const playlists = variants.map((variant) => new MediaPlaylist(findings, new URL(variant.uri, url).href, variant));
  const began = performance.now();
  for (let poll = 0; poll < polls && playlists.length > 0; poll += 1) {
    // The polls are spread evenly, whatever the downloads between them take.
    await after(Math.max(0, began + (poll * overMs) / Math.max(1, polls - 1) - performance.now()));
    for (const playlist of playlists) await playlist.poll();
  }
  for (const playlist of playlists) {
    playlist.looked = performance.now() - began;
    playlist.siblings = playlists.filter((other) => other !== playlist).map((other) => other.url);
    await playlist.finish(wanted);
    findings.check('a media playlist could be read', playlist.copies > 0, playlist.url);
    if (wanted.requireLowLatency) findings.check('low latency is offered', playlist.last?.partTarget, playlist.url);
    if (wanted.expectEnded) findings.check('the playlist has ended', playlist.last?.ended, playlist.url);
  }
  if (index) {
    await checkGzip(findings, url);
    await checkHead(findings, url, index.reply);
    const targets = new Set(playlists.map((playlist) => playlist.last?.targetDuration));
    findings.check('all renditions have the same target duration', targets.size <= 1, [...targets].join(', '));
    checkAlignment(findings, playlists);
  }
  const { faults } = findings;
  emit('report', { ok: faults.length === 0, playlists: playlists.map((playlist) => playlist.report ?? null), rules: findings.report, faults });
  if (faults.length > 0) throw new CheckFailed(faults.join('\n'));
});
