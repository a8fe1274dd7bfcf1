// Starts Debian's Chromium for one tool: headless, quiet, with nothing that slows a page nobody looks at.
import { chromium } from 'playwright-core';
import { CheckFailed } from './report.mjs';

/** Another build can be named by CHROMIUM; the default is where Debian puts it. */
const EXECUTABLE = process.env.CHROMIUM || '/usr/bin/chromium';

const FLAGS = [
  // The tests run as root in containers, where Chromium's own sandbox cannot start.
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
  // A page without a window must keep its timers and its rendering at full rate.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  // Host candidates with the real loopback and interface addresses instead of mDNS names nobody here resolves.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  // Also on a machine whose only network is loopback.
  '--allow-loopback-in-peer-connection',
];

/** A browser with a fresh profile whose camera and microphone are Chromium's own test picture and beep, or what `flags` say. */
export function openBrowser(flags = []) {
  return chromium.launch({
    executablePath: EXECUTABLE,
    headless: true,
    args: [...FLAGS, '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--auto-select-desktop-capture-source=Entire screen', ...flags],
  });
}

/**
 * A browser with a fresh profile and one page at `url`. What the page prints goes to stderr; an error nobody caught in
 * the page rejects `crashed`, so a broken page can never look like a quiet success.
 */
export async function openPage(url, { viewport = { width: 640, height: 400 }, bindings = {}, ignoreHTTPSErrors = false } = {}) {
  // Playwright makes the profile directory, and removes it with the browser.
  const browser = await chromium.launch({
    executablePath: EXECUTABLE,
    headless: true,
    args: FLAGS,
    // The tools end the browser themselves, after their last report.
    handleSIGINT: false,
    handleSIGTERM: false,
  });
  try {
    const page = await browser.newPage({ viewport, ignoreHTTPSErrors });
    const crashed = new Promise((_, reject) => {
      page.on('pageerror', (error) => reject(new CheckFailed(`the page failed: ${error.message}`)));
      page.on('crash', () => reject(new CheckFailed('the page crashed')));
      browser.on('disconnected', () => reject(new CheckFailed('the browser went away')));
    });
    crashed.catch(() => {}); // Whoever races it hears it; nobody else has to.
    page.on('console', (message) => process.stderr.write(`page: ${message.text()}\n`));
    for (const [name, callback] of Object.entries(bindings)) await page.exposeFunction(name, callback);
    await page.goto(url);
    return { browser, page, crashed };
  } catch (error) {
    await browser.close();
    throw error;
  }
}

/** Calls `window.<object>.<method>(argument)` in the page; what it throws becomes a failed check with the page's own sentence. */
export async function inPage(page, object, method, argument) {
  try {
    return await page.evaluate(([on, name, given]) => window[on][name](given), [object, method, argument]);
  } catch (error) {
    // Playwright puts the call before the message and the page's stack behind it.
    throw new CheckFailed(error.message.replace(/^page\.evaluate: (?:Error: )?/, '').replace(/\n    at [\s\S]*$/, ''));
  }
}
