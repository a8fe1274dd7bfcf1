// HTTP as the contract wants it for HLS: types, caching, CORS, HEAD, ranges, gzip.
import { gzipSync } from 'node:zlib';
import { contentType } from '../page-server.mjs';

/** `bytes=a-b`, `bytes=a-` or `bytes=-n` → `[first, last]`, `null` when there is nothing there, `undefined` when not asked. */
function asked(range, length) {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (from === undefined) return undefined;
  const first = from === '' ? Math.max(0, length - Number(to)) : Number(from);
  const last = from === '' || to === '' ? length - 1 : Math.min(Number(to), length - 1);
  return first < length ? [first, last] : null;
}

/** Sends `reply` (`{ status, headers, body }`) with the headers its kind of file owes. */
export function answer(request, response, path, reply) {
  let { body, status } = reply;
  const headers = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*', 'content-type': contentType(path) };
  if (path.endsWith('.m3u8')) Object.assign(headers, { 'cache-control': 'no-cache', vary: 'accept-encoding' });
  else if (status === 200) Object.assign(headers, { 'cache-control': 'public, max-age=3600, immutable', 'accept-ranges': 'bytes' });
  Object.assign(headers, reply.headers);
  const range = status === 200 ? asked(request.headers.range, body.length) : undefined;
  if (range) {
    headers['content-range'] = `bytes ${range[0]}-${range[1]}/${body.length}`;
    [status, body] = [206, body.subarray(range[0], range[1] + 1)];
  } else if (range === null) {
    headers['content-range'] = `bytes */${body.length}`;
    [status, body] = [416, Buffer.alloc(0)];
  } else if (path.endsWith('.m3u8') && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) {
    headers['content-encoding'] = 'gzip';
    body = gzipSync(body);
  }
  headers['content-length'] = body.length;
  response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : body);
}
