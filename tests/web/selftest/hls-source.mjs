// A live HLS stream for the self test: ffmpeg makes fMP4 segments, a few lines of node give them the contract's names,
// types and headers. `tamper(path, reply)` may spoil a reply, to prove that the tools notice.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { close, listen } from '../page-server.mjs';
import { answer } from './reply.mjs';

const SIZE = '640x360';
const INDEX = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=900000,AVERAGE-BANDWIDTH=600000,CODECS="avc1.42c01e,mp4a.40.2",RESOLUTION=${SIZE},FRAME-RATE=30.000
main/media.m3u8
`;

function encode(folder, colours, segmentSeconds, again) {
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
    '-hls_flags', `delete_segments+program_date_time+independent_segments+temp_file${again ? '+append_list+discont_start' : ''}`, join(folder, 'media.m3u8'),
  ];
  return spawn('ffmpeg', ['-hide_banner', '-loglevel', 'error', ...inputs, '-vf', filter, ...video, '-c:a', 'aac', '-ac', '2', '-b:a', '96k', ...hls], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

/** Starts a stream; `state.tamper` can be exchanged while it runs. */
export async function startHls({ colours = ['c02020', '2020c0'], segmentSeconds = 1 } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'meetingcast-hls-'));
  let encoder = encode(folder, colours, segmentSeconds, false);
  const kill = (child) =>
    new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill('SIGKILL');
    });
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
    /** Kills the encoder in the middle and lets another go on in the same playlist, after a discontinuity. */
    async restart() {
      await kill(encoder);
      encoder = encode(folder, colours, segmentSeconds, true);
    },
    async close() {
      await kill(encoder);
      await close(server);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
