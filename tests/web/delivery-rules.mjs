// How a playlist or segment must come over HTTP: type, caching, CORS, HEAD, Range, gzip.
import { gunzipSync } from 'node:zlib';
import { request } from './http-client.mjs';

const PLAYLIST = 'application/vnd.apple.mpegurl';
/** RFC 8216bis §4 with the media types of Apple's authoring rules 10.1–10.4. */
const CALLED = { playlist: 'a playlist', init: 'an init segment', segment: 'a segment' };
const TYPES = { playlist: [PLAYLIST], init: ['video/mp4'], segment: ['video/mp4', 'video/iso.segment'] };
/** A segment is cached by its name, so it may stay for a while; anything shorter than its stay in the playlist is no use. */
const SEGMENT_MIN_AGE_S = 60;

const mediaType = (reply) => (reply.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();
const maxAge = (reply) => Number(/max-age=(\d+)/.exec(reply.headers['cache-control'] ?? '')?.[1] ?? NaN);

/** Gets `url` and holds the reply against what every `kind` of file owes; resolves to `null` if there is no body to go on with. */
export async function fetchChecked(findings, kind, url) {
  const reply = await request(url, { headers: kind === 'playlist' ? { 'accept-encoding': 'identity' } : {} });
  const name = new URL(url).pathname;
  const called = CALLED[kind];
  // A redirect is a failure too (authoring rule 8.18).
  if (!findings.check(`${called} is answered with 200`, reply.status === 200, `${name}: ${reply.status}`)) return null;
  findings.check(`Content-Type of ${called}`, TYPES[kind].includes(mediaType(reply)), `${name}: ${reply.headers['content-type']}`);
  findings.check(`CORS on ${called}`, reply.headers['access-control-allow-origin'] === '*', `${name}: ${reply.headers['access-control-allow-origin']}`);
  findings.check(`${called} is not empty`, reply.body.length > 0, name);
  const cache = reply.headers['cache-control'] ?? '';
  if (kind === 'playlist') {
    findings.check('a playlist comes unpacked when gzip is not asked for', !reply.headers['content-encoding'], `${name}: ${reply.headers['content-encoding']}`);
    findings.check('a playlist is not immutable', !/immutable/.test(cache), `${name}: ${cache}`);
  } else {
    const lasting = /\bpublic\b/.test(cache) && /\bimmutable\b/.test(cache) && maxAge(reply) >= SEGMENT_MIN_AGE_S;
    findings.check(`Cache-Control of ${called} is public, immutable and lasting`, lasting, `${name}: ${cache || 'missing'}`);
  }
  return reply;
}

/** A live playlist must not be kept longer than it is true. */
export function checkPlaylistAge(findings, reply, targetDuration) {
  const cache = reply.headers['cache-control'] ?? '';
  const short = /no-cache|no-store/.test(cache) || maxAge(reply) <= targetDuration;
  findings.check('a live playlist is not cached for longer than a target duration', short, cache || 'Cache-Control is missing');
}

/** The playlist in gzip when asked for (authoring rule 10.1), told apart in caches. */
export async function checkGzip(findings, url) {
  const name = new URL(url).pathname;
  const reply = await request(url, { headers: { 'accept-encoding': 'gzip' } });
  const packed = reply.headers['content-encoding'] === 'gzip';
  if (!findings.check('a playlist comes in gzip on request', packed, `${name}: Content-Encoding ${reply.headers['content-encoding']}`)) return;
  let text = '';
  try {
    text = gunzipSync(reply.body).toString();
  } catch (error) {
    text = error.message;
  }
  findings.check('a gzip playlist unpacks to a playlist', text.startsWith('#EXTM3U'), `${name}: ${text.slice(0, 80)}`);
  const vary = (reply.headers.vary ?? '').toLowerCase();
  findings.check('a gzip playlist says Vary: Accept-Encoding', vary.includes('accept-encoding') || vary === '*', `${name}: Vary ${reply.headers.vary}`);
}

/** HEAD tells the same as GET without a body. */
export async function checkHead(findings, url, got) {
  const name = new URL(url).pathname;
  const reply = await request(url, { method: 'HEAD' });
  findings.check('HEAD is answered like GET', reply.status === 200 && mediaType(reply) === mediaType(got), `${name}: ${reply.status} ${reply.headers['content-type']}`);
  // A live playlist may have grown in between.
  if (mediaType(got) === PLAYLIST) return;
  const length = Number(reply.headers['content-length']);
  findings.check('HEAD tells the length', length === got.body.length, `${name}: ${length}, but GET brought ${got.body.length}`);
}

/** Ranges of a file whose bytes are known. */
export async function checkRange(findings, url, { body }) {
  const name = new URL(url).pathname;
  const last = body.length - 1;
  for (const [asked, from, to] of [['bytes=0-99', 0, 99], [`bytes=100-`, 100, last], ['bytes=-50', last - 49, last]]) {
    const reply = await request(url, { headers: { range: asked } });
    const told = `bytes ${from}-${to}/${body.length}`;
    const right = reply.status === 206 && reply.headers['content-range'] === told && reply.body.equals(body.subarray(from, to + 1));
    findings.check('Range is answered with 206 and exactly those bytes', right, `${name} ${asked}: ${reply.status}, Content-Range ${reply.headers['content-range']}, ${reply.body.length} bytes`);
  }
  const beyond = await request(url, { headers: { range: `bytes=${body.length + 10}-` } });
  findings.check('a range beyond the end is answered with 416', beyond.status === 416, `${name}: ${beyond.status}`);
}

/** What is not there must not look as if it were, nor be kept as such. */
export async function checkMissing(findings, url) {
  const reply = await request(url);
  const name = new URL(url).pathname;
  findings.check('a file that does not exist is answered with 404', reply.status === 404, `${name}: ${reply.status}`);
  findings.check('a 404 is not cached for ever', !/immutable/.test(reply.headers['cache-control'] ?? ''), `${name}: ${reply.headers['cache-control']}`);
}
