// Serves a tool's page from loopback: `http://localhost` is a secure context, so WebRTC, WebAudio and workers all work.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { extname } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.m3u8': 'application/vnd.apple.mpegurl',
  '.m4s': 'video/iso.segment',
  '.mjs': 'text/javascript; charset=utf-8',
  '.mp4': 'video/mp4',
};

/** The content type of a file by its name. */
export function contentType(path) {
  return TYPES[extname(path)] ?? 'application/octet-stream';
}

/** Everything a page may ask for, by name: nothing else on the disk can be reached. */
const FILES = new Map(
  ['publish.html', 'publish.js', 'pattern.js', 'ticker.js', 'play.html', 'play.js', 'receive.html', 'receive.js'].map((name) => [
    `/${name}`,
    new URL(`pages/${name}`, import.meta.url),
  ]),
);
// The classic build, as a page with a <script> tag uses it: only this one brings its own transmuxing worker along.
FILES.set('/hls.js', createRequire(import.meta.url).resolve('hls.js/dist/hls.min.js'));

/** Listens on a free loopback port; `handlers` are tried by exact path before the files. */
export async function servePages(handlers = {}) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, 'http://localhost').pathname;
    try {
      if (handlers[path]) return await handlers[path](request, response);
      const file = FILES.get(path);
      if (!file) return void response.writeHead(404).end();
      const body = await readFile(file);
      response.writeHead(200, { 'content-type': contentType(path), 'cache-control': 'no-store' }).end(body);
    } catch (error) {
      process.stderr.write(`page server: ${path}: ${error.message}\n`);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    }
  });
  await listen(server);
  return { origin: `http://localhost:${server.address().port}`, close: () => close(server) };
}

/** Binds a server to a free port of 127.0.0.1. */
export function listen(server) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

/** Stops a server without waiting for idle keep-alive connections. */
export function close(server) {
  return new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
}
