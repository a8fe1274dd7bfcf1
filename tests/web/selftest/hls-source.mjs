// A live HLS stream for the self test: ffmpeg makes fMP4 segments, a few lines of node give them the contract's names,
// types and headers. `tamper(path, reply)` may spoil a reply, to prove that the tools notice.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { close, contentType, listen } from '../page-server.mjs';

const SIZE = '640x360';
const INDEX = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=900000,AVERAGE-BANDWIDTH=600000,CODECS="avc1.42c01f,mp4a.40.2",RESOLUTION=${SIZE},FRAME-RATE=30.000
main/media.m3u8
`;

function encode(folder, colours, segmentSeconds) {
  // Each colour 6 s long, round and round; a tone with it.
  const inputs = ['-re', '-f', 'lavfi', '-i', `color=c=0x${colours[0]}:s=${SIZE}:r=30`, '-re', '-f', 'lavfi', '-i', 'sine=f=440:r=48000'];
  const boxes = colours.slice(1).map((colour, at) => {
    const turn = `gte(mod(t\\,${6 * colours.length})\\,${6 * (at + 1)})`;
    return `drawbox=c=0x${colour}:t=fill:enable='${turn}'`;
  });
  const filter = [...boxes, 'format=yuv420p'].join(',');
  const video = ['-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-b:v', '400k', '-g', `${30 * segmentSeconds}`, '-sc_threshold', '0'];
  const hls = [
    '-f', 'hls', '-hls_time', `${segmentSeconds}`, '-hls_list_size', '8', '-hls_delete_threshold', '8', '-hls_segment_type', 'fmp4',
    '-hls_fmp4_init_filename', 'init-0.mp4', '-hls_segment_filename', join(folder, 'seg-%d.m4s'),
    '-hls_flags', 'delete_segments+program_date_time+independent_segments+temp_file', join(folder, 'media.m3u8'),
  ];
  return spawn('ffmpeg', ['-hide_banner', '-loglevel', 'error', ...inputs, '-vf', filter, ...video, '-c:a', 'aac', '-ac', '2', '-b:a', '96k', ...hls], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

function answer(request, response, path, reply) {
  const headers = {
    'access-control-allow-origin': '*',
    'access-control-expose-headers': '*',
    'content-type': contentType(path),
    'accept-ranges': 'bytes',
    ...(path.endsWith('.m3u8')
      ? { 'cache-control': 'no-cache', vary: 'accept-encoding' }
      : { 'cache-control': 'public, max-age=3600, immutable', etag: `"${createHash('sha1').update(reply.body).digest('hex').slice(0, 16)}"` }),
    ...reply.headers,
  };
  let { body } = reply;
  let { status } = reply;
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  if (range && status === 200) {
    const [first, last] = [Number(range[1]), range[2] ? Number(range[2]) : body.length - 1];
    headers['content-range'] = `bytes ${first}-${last}/${body.length}`;
    body = body.subarray(first, last + 1);
    status = 206;
  } else if (path.endsWith('.m3u8') && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) {
    headers['content-encoding'] = 'gzip';
    body = gzipSync(body);
  }
  headers['content-length'] = body.length;
  response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : body);
}

/** Starts a stream; `state.tamper` can be exchanged while it runs. */
export async function startHls({ colours = ['c02020', '2020c0'], segmentSeconds = 1 } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'meetingcast-hls-'));
  const encoder = encode(folder, colours, segmentSeconds);
  const gone = new Promise((resolve) => encoder.once('exit', resolve));
  const state = { tamper: null };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const name = /^\/hls\/test\/main\/([a-z0-9.-]+)$/.exec(pathname)?.[1];
    const reply = { status: 200, headers: {}, body: Buffer.from(INDEX) };
    try {
      if (pathname !== '/hls/test/index.m3u8') reply.body = await readFile(join(folder, name ?? ''));
    } catch {
      Object.assign(reply, { status: 404, body: Buffer.from('no such file') });
    }
    state.tamper?.(name ?? 'index.m3u8', reply);
    answer(request, response, pathname, reply);
  });
  const port = await listen(server);
  const url = `http://127.0.0.1:${port}/hls/test/index.m3u8`;
  return {
    url,
    state,
    media: async () => (await fetch(new URL('main/media.m3u8', url))).text(),
    async close() {
      encoder.kill('SIGKILL');
      await gone;
      await close(server);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
