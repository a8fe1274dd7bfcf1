// Plain HTTP requests that show what really went over the wire: no redirect followed, nothing decompressed.
import http from 'node:http';
import https from 'node:https';
import { CheckFailed } from './report.mjs';

const DEADLINE_MS = 15_000;
/** The largest thing an HLS server should send here is a segment of some seconds. */
const MAX_BYTES = 64 * 1024 * 1024;

/** One request; resolves to `{ url, status, headers, body, ms }` for every status, rejects when there is no answer. */
export function request(url, { method = 'GET', headers = {} } = {}) {
  const began = performance.now();
  const { request: send } = url.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    const fail = (error) => reject(new CheckFailed(`${method} ${url}: ${error.message}`, { cause: error }));
    const outgoing = send(url, { method, headers: { origin: 'http://player.example', ...headers }, signal: AbortSignal.timeout(DEADLINE_MS) }, (response) => {
      const chunks = [];
      let bytes = 0;
      response.on('error', fail);
      response.on('data', (chunk) => {
        bytes += chunk.length;
        if (bytes > MAX_BYTES) response.destroy(new Error(`more than ${MAX_BYTES} bytes`));
        chunks.push(chunk);
      });
      response.on('end', () => {
        resolve({ url, status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks), ms: performance.now() - began });
      });
    });
    outgoing.on('error', fail);
    outgoing.end();
  });
}
