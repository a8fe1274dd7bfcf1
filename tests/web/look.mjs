// Uses the pages of a running server as people do, checks them with axe, and takes pictures to look at. See README.md.
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser } from './chromium.mjs';
import { address, CheckFailed, emit, options, run } from './report.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
const WIDTHS = [1280, 360];
const SCHEMES = ['light', 'dark'];

const values = options({ server: { type: 'string' }, pictures: { type: 'string' } });
const server = address(values, 'server').replace(/\/$/, '');
const folder = values.pictures ?? 'pictures';
const conference = `look-${process.pid}`;

/** What axe calls serious or critical fails; the rest is told. */
async function check(page, name) {
  for (const scheme of SCHEMES) {
    await page.emulateMedia({ colorScheme: scheme });
    // By the debugger's way, which the page's policy does not forbid.
    await page.evaluate(`${AXE}; undefined`);
    const { violations } = await page.evaluate(() => window.axe.run());
    for (const { id, impact, nodes } of violations) {
      emit('axe', { page: name, scheme, id, impact, nodes: nodes.map(({ html }) => html.slice(0, 160)) });
    }
    const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    if (grave.length > 0) throw new CheckFailed(`${name}, ${scheme}: axe finds ${grave.map(({ id }) => id).join(', ')}`);
  }
}

async function pictures(page, name) {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: width === 360 ? 740 : 800 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (overflow > 0) throw new CheckFailed(`${name} at ${width} px is ${overflow} px too wide`);
    for (const scheme of SCHEMES) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.screenshot({ path: join(folder, `${name}-${width}-${scheme}.png`), fullPage: true });
    }
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  emit('pictures', { page: name });
}

async function open(browser, path) {
  const page = await (await browser.newContext({ permissions: ['camera', 'microphone'] })).newPage();
  page.on('console', (message) => process.stderr.write(`${path}: ${message.text()}\n`));
  page.on('pageerror', (error) => process.stderr.write(`${path} failed: ${error.stack}\n`));
  await page.goto(server + path);
  return page;
}

/** Frames that a video really showed. */
const frames = (page, selector) => page.evaluate((one) => document.querySelector(one).getVideoPlaybackQuality().totalVideoFrames, selector);

async function plays(page, selector, what) {
  const before = await frames(page, selector);
  for (let second = 0; second < 20; second += 1) {
    await page.waitForTimeout(1000);
    if ((await frames(page, selector)) > before + 10) return emit('plays', { what });
  }
  throw new CheckFailed(`${what} does not play`);
}

async function studio(browser) {
  const page = await open(browser, `/?conference=${conference}&participant=ann`);
  await check(page, 'door');
  await pictures(page, 'door');
  const watch = await open(browser, `/watch/${conference}`);
  await watch.getByText('has not begun yet').waitFor();
  await check(watch, 'waiting');
  await pictures(watch, 'waiting');

  // By keyboard alone: the form has one button, and Enter is it.
  await page.locator('#participant').press('Enter');
  await page.locator('#room').waitFor();
  const bob = await open(browser, `/?conference=${conference}&participant=bob`);
  await bob.getByRole('button', { name: 'Join' }).click();
  // Who is chosen before the media is there cannot start the cast.
  for (const one of [page, bob]) await one.locator('.tile', { hasText: '(you)' }).getByText('kbit/s').waitFor();
  const take = (name) => page.getByRole('button', { name: `Put ${name} on air`, exact: true });
  await take('bob').waitFor();
  await take('ann').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.locator('#state[data-state=live]').waitFor({ timeout: 30_000 });
  await plays(page, '#program', 'the program in the studio');
  await plays(watch, '#video', 'the program on the watch page');
  await take('bob').click();
  await page.locator('.tile[data-air=true]', { hasText: 'bob' }).waitFor();
  emit('switched', { to: 'bob' });
  await page.waitForTimeout(4000);
  await check(page, 'studio');
  await pictures(page, 'studio');
  await check(watch, 'watch');
  await pictures(watch, 'watch');
  emit('latency', { shown: await watch.locator('#latency').textContent() });
  await page.getByRole('button', { name: 'Grid of everybody' }).click();
  await page.locator('button[data-layout=grid][aria-pressed=true]').waitFor();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await watch.getByText('The program is over').waitFor({ timeout: 30_000 });
  await pictures(watch, 'over');
  const late = await open(browser, `/watch/${conference}`);
  await late.getByText('The program is over').waitFor();
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.locator('#state[data-state=live]').waitFor({ timeout: 30_000 });
  await plays(watch, '#video', 'the program that began again');
  // A tab that is closed says goodbye: nobody looks at its last picture for half a minute.
  await bob.close({ runBeforeUnload: true });
  await take('bob').waitFor({ state: 'detached', timeout: 5_000 });
  emit('left', { who: 'bob' });
}

async function call(browser) {
  const [tom, jerry] = [await open(browser, `/call?me=tom-${process.pid}`), await open(browser, `/call?me=jerry-${process.pid}&peer=tom-${process.pid}`)];
  await check(tom, 'call');
  for (const page of [tom, jerry]) await page.getByRole('button', { name: 'Sign in' }).click();
  await jerry.locator('#call:not([disabled])').click();
  await tom.locator('#answer:not([disabled])').click();
  for (const page of [tom, jerry]) await page.locator('#state[data-state=connected]').waitFor();
  await plays(tom, '#remote', 'Jerry at Tom');
  await plays(jerry, '#remote', 'Tom at Jerry');
  await pictures(tom, 'call');
  await check(tom, 'call');
  await tom.getByRole('button', { name: 'Hang up' }).click();
  await jerry.getByText('over').waitFor();
  emit('hung_up', {});
}

await run(async () => {
  mkdirSync(folder, { recursive: true });
  const browser = await openBrowser();
  try {
    await call(browser);
    await studio(browser);
  } catch (error) {
    // What the pages say is the best explanation there is.
    for (const page of browser.contexts().flatMap((context) => context.pages())) {
      const notice = await page.locator('#notice').textContent({ timeout: 1000 }).catch(() => null);
      const path = join(folder, `failed-${browser.contexts().indexOf(page.context())}.png`);
      await page.screenshot({ path, fullPage: true }).catch(() => undefined);
      emit('failed_page', { url: page.url(), notice, path });
    }
    throw error;
  } finally {
    await browser.close();
  }
});
