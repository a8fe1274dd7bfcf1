// A WHIP endpoint for the self test: the media end is a second Chromium page, the HTTP end a few lines of node.
import { createServer } from 'node:http';
import { openPage } from '../chromium.mjs';
import { close, listen, servePages } from '../page-server.mjs';

const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'POST, PATCH, DELETE, OPTIONS',
  'access-control-allow-headers': 'authorization, content-type, if-match',
  'access-control-expose-headers': 'location, etag, link',
};

const text = async (request) => {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  return body;
};

/** `token`, if given, is demanded as the WHIP clients' bearer token. */
export async function receive({ token } = {}) {
  const pages = await servePages();
  const { browser, page } = await openPage(`${pages.origin}/receive.html`);
  const calls = [];
  const server = createServer(async (request, response) => {
    const reply = (status, headers = {}, body = '') => response.writeHead(status, { ...CORS, ...headers }).end(body);
    calls.push(`${request.method} ${request.url}`);
    if (request.method === 'OPTIONS') return void reply(200, { 'accept-post': 'application/sdp' });
    if (token && request.headers.authorization !== `Bearer ${token}`) return void reply(401, {}, 'token_missing');
    if (request.method === 'DELETE') {
      await page.evaluate(() => window.receiver.close());
      return void reply(200);
    }
    const answer = await page.evaluate((offer) => window.receiver.answer(offer), await text(request));
    reply(201, { location: '/session', etag: '"1"', 'content-type': 'application/sdp' }, answer);
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}/whip`,
    calls,
    look: () => page.evaluate(() => window.receiver.look()),
    screenshot: (path) => page.screenshot({ path }),
    async close() {
      await browser.close();
      await close(server);
      await pages.close();
    },
  };
}
