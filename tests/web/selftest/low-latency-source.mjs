// A low-latency HLS stream for the self test: a minute made beforehand, shown part by part as the clock goes.
// `state.tamper(name, reply)` may spoil a reply; `state.blocking = false` stops holding requests back.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { boxes } from '../mp4-boxes.mjs';
import { close, listen } from '../page-server.mjs';
import { cell, encode } from '../pages/pattern.js';
import { after } from '../report.mjs';
import { answer } from './reply.mjs';

const PART_S = 0.5;
const PARTS = 4;
const TARGET_S = PART_S * PARTS;
const WINDOW = 12;
/** Shown at once, so that nobody has to wait for a full window. */
const HEAD_START = (WINDOW + 1) * PARTS;
const TOTAL_S = 75;
const INDEX = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=900000,AVERAGE-BANDWIDTH=600000,CODECS="avc1.42c01e,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=30.000
main/media.m3u8
`;

/** Colour 20c020 with the frame number's code, small: as raw RGB. */
function* pictures(count) {
  const [width, height] = [160, 90];
  const blank = Buffer.alloc(width * height * 3, Buffer.from([0x20, 0xc0, 0x20]));
  for (let frame = 0; frame < count; frame += 1) {
    const picture = Buffer.from(blank);
    encode(frame).forEach((bit, index) => {
      const { x, y } = cell(index);
      const [left, right] = x.map((value) => Math.round(value * width));
      const [top, bottom] = y.map((value) => Math.round(value * height));
      for (let row = top; row < bottom; row += 1) picture.fill(bit * 255, (row * width + left) * 3, (row * width + right) * 3);
    });
    yield picture;
  }
}

/** `{ init, parts }`: a part is a fragment, and each starts with a key frame. */
async function makeMedia() {
  const frames = ['-g', `${30 * PART_S}`, '-keyint_min', `${30 * PART_S}`, '-sc_threshold', '0', '-bf', '0'];
  const encoder = spawn(
    'ffmpeg',
    ['-hide_banner', '-loglevel', 'error', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', '160x90', '-r', '30', '-i', 'pipe:0', '-f', 'lavfi', '-i', 'sine=f=440:r=48000', '-t', `${TOTAL_S}`,
      '-vf', 'scale=640:360:flags=neighbor,format=yuv420p', '-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-b:v', '400k', ...frames, '-c:a', 'aac', '-ac', '2', '-b:a', '96k',
      '-f', 'mp4', '-movflags', '+empty_moov+default_base_moof+frag_keyframe', 'pipe:1'],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  // ffmpeg may close its input at the last frame before it has read all of it.
  Readable.from(pictures(30 * TOTAL_S)).pipe(encoder.stdin).on('error', () => {});
  const chunks = [];
  for await (const chunk of encoder.stdout) chunks.push(chunk);
  const found = [...boxes(Buffer.concat(chunks))];
  const init = Buffer.concat(found.filter(({ type }) => ['ftyp', 'moov'].includes(type)).map(({ whole }) => whole));
  const parts = found.flatMap(({ type, whole }, at) => (type === 'moof' ? [Buffer.concat([whole, found[at + 1].whole])] : []));
  return { init, parts };
}

/** The media playlist when `shown` parts are out; `skip` leaves out what is old. */
function playlist(shown, start, skip) {
  const complete = Math.floor(shown / PARTS);
  const first = Math.max(0, complete - WINDOW);
  const lines = ['#EXTM3U', '#EXT-X-VERSION:9', `#EXT-X-TARGETDURATION:${TARGET_S}`, '#EXT-X-INDEPENDENT-SEGMENTS'];
  lines.push(`#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=${3 * PART_S},CAN-SKIP-UNTIL=${6 * TARGET_S}`);
  lines.push(`#EXT-X-PART-INF:PART-TARGET=${PART_S}`, `#EXT-X-MEDIA-SEQUENCE:${first}`);
  const skipped = skip ? complete - first - 6 : 0;
  lines.push(skipped > 0 ? `#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}` : '#EXT-X-MAP:URI="init-0.mp4"');
  for (let msn = first + skipped; msn <= complete; msn += 1) {
    const out = Math.min(PARTS, shown - msn * PARTS);
    if (out > 0) lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(start + msn * TARGET_S * 1000).toISOString()}`);
    for (let part = 0; msn > complete - 3 && part < out; part += 1) lines.push(`#EXT-X-PART:DURATION=${PART_S},INDEPENDENT=YES,URI="part-${msn}.${part}.m4s"`);
    if (out === PARTS) lines.push(`#EXTINF:${TARGET_S}.000000,`, `seg-${msn}.m4s`);
  }
  lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part-${complete}.${shown % PARTS}.m4s"`);
  return Buffer.from(`${lines.join('\n')}\n`);
}

/** Starts the stream. */
export async function startLowLatency() {
  const { init, parts } = await makeMedia();
  const state = { tamper: null, blocking: true };
  const began = Date.now();
  const start = began - HEAD_START * PART_S * 1000;
  const shown = () => Math.min(parts.length, HEAD_START + Math.floor((Date.now() - began) / (PART_S * 1000)));
  const reached = async (count) => {
    while (state.blocking && shown() < count) await after(20);
  };
  const media = async (query, reply) => {
    const [msn, part] = ['_HLS_msn', '_HLS_part'].map((name) => (query.has(name) ? Number(query.get(name)) : null));
    if ([msn, part].some(Number.isNaN) || (part !== null && msn === null) || msn > shown() / PARTS + 2) return Object.assign(reply, { status: 400 });
    if (msn !== null) await reached(part === null ? (msn + 1) * PARTS : msn * PARTS + part + 1);
    return Object.assign(reply, { body: playlist(shown(), start, query.has('_HLS_skip')) });
  };
  const piece = async (name, reply) => {
    const [, kind, msn, part] = /^(seg|part)-(\d+)(?:\.(\d+))?\.m4s$/.exec(name) ?? [];
    const from = Number(msn) * PARTS + Number(part ?? 0);
    const to = from + (kind === 'seg' ? PARTS : 1);
    if (name === 'init-0.mp4') return Object.assign(reply, { body: init });
    if (!kind || to > shown() + 1) return Object.assign(reply, { status: 404 });
    await reached(to);
    return Object.assign(reply, { body: Buffer.concat(parts.slice(from, to)) });
  };
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    const name = pathname.split('/').at(-1);
    const reply = { status: 200, headers: {}, body: Buffer.from(INDEX) };
    if (name === 'media.m3u8') await media(searchParams, reply);
    else if (name !== 'index.m3u8') await piece(name, reply);
    state.tamper?.(name, reply, searchParams);
    answer(request, response, pathname, reply);
  });
  const port = await listen(server);
  return { url: `http://127.0.0.1:${port}/hls/test/index.m3u8`, state, close: () => close(server) };
}
