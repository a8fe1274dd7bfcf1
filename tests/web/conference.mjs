// Three people in one conference see and hear each other; one directs the cast in the studio by clicking, and a viewer's
// page shows and sounds what was clicked. See README.md.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBrowser } from './chromium.mjs';
import { fakeCapture, plainMicrophone } from './fake-capture.mjs';
import { Observer } from './observer.mjs';
import { address, CheckFailed, emit, options, run } from './report.mjs';

/** The first three of the palette and of the tones (src/publisher). */
const PEOPLE = {
  ann: { colour: [0x10, 0x70, 0xd0], hz: 317 },
  bob: { colour: [0xd0, 0x70, 0x10], hz: 426 },
  cyd: { colour: [0x10, 0xa0, 0x70], hz: 532 },
};
const NAMES = Object.keys(PEOPLE);

const values = options({ server: { type: 'string' }, pictures: { type: 'string' } });
const server = address(values, 'server').replace(/\/$/, '');
const conference = `conference-${process.pid}`;

/** For the server's next word to bob's page, which we say in its place. */
let sayToBob;

/** Of each page what it was told of levels: how often, and last. */
const toldLevels = new Map();

function watchLevels(page) {
  const told = { times: 0, last: null };
  toldLevels.set(page, told);
  page.on('websocket', (socket) =>
    socket.on('framereceived', ({ payload }) => {
      if (!String(payload).includes('"levels"')) return;
      told.times += 1;
      told.last = payload;
    }),
  );
}

async function open(browser, path, viewport) {
  const context = await browser.newContext({ permissions: ['camera', 'microphone'], viewport });
  await plainMicrophone(context);
  const page = await context.newPage();
  page.on('console', (message) => process.stderr.write(`${path}: ${message.text()}\n`));
  page.on('pageerror', (error) => process.stderr.write(`${path} failed: ${error.stack}\n`));
  watchLevels(page);
  if (path.endsWith('participant=bob')) {
    await page.routeWebSocket(/\/v1\/signal$/, (socket) => {
      socket.connectToServer();
      sayToBob = (message) => socket.send(JSON.stringify(message));
    });
  }
  await page.goto(server + path);
  return page;
}

async function picture(page, name) {
  if (values.pictures) await page.screenshot({ path: join(values.pictures, `conference-${name}.png`), fullPage: true });
}

async function enter(browser, name) {
  const page = await open(browser, `/?conference=${conference}&participant=${name}`, { width: 1280, height: 800 });
  await page.locator('#preset').selectOption('360p');
  await page.getByRole('button', { name: 'Join' }).click();
  await page.locator('.tile', { hasText: '(you)' }).getByText('kbit/s').waitFor();
  return page;
}

/** Everybody sees and hears both others, each in their own tile. */
async function seeEachOther(pages) {
  for (const [name, page] of Object.entries(pages)) {
    for (const other of NAMES.filter((one) => one !== name)) {
      const tile = `video[aria-label="Picture of ${other}"]`;
      await page.locator(tile).waitFor();
      const observer = await Observer.of(page, tile, PEOPLE, `${other} at ${name}`);
      const { frames, levels, seen_ms, heard_ms } = await observer.until({ colours: [other], tones: [other] });
      await observer.moves();
      await observer.end();
      emit('sees_and_hears', { who: name, whom: other, frames, levels, seen_ms, heard_ms });
    }
  }
}

/** A sender is told what is wanted of its picture, and those who watch get no more, until that is lifted. */
async function obeysQuality(pages) {
  const size = pages.ann.locator('.tile', { hasText: 'bob' }).locator('dl');
  for (const [limit, seen] of [[{ max_height: 90, max_kbps: 60 }, '160×90'], [{ max_height: null, max_kbps: null }, '320×180']]) {
    sayToBob({ type: 'quality', conference, stream: 'camera', ...limit });
    await size.getByText(seen).waitFor({ timeout: 20_000 });
    emit('quality', { ...limit, seen });
  }
}

/** A meter comes to show a level that `is` right. */
async function shows(meter, what, is) {
  for (let turn = 0; ; turn += 1) {
    const db = await meter.evaluate((one) => one.value);
    if (is(db)) return db;
    const told = toldLevels.get(meter.page());
    if (turn > 100) throw new CheckFailed(`the meter of ${what} shows ${db} dB; levels were told ${told.times} times, last ${told.last}`);
    await meter.page().waitForTimeout(100);
  }
}

/** What the server hears of bob is what his meter shows at ann. */
async function meters({ ann, bob }) {
  const meter = ann.locator('.tile', { hasText: 'bob' }).locator('meter');
  const loud = await shows(meter, 'bob, who sounds,', (db) => db > -40);
  await bob.locator('#mic').click();
  const silent = await shows(meter, 'bob, who is silent,', (db) => db === -60);
  await bob.locator('#mic').click();
  await shows(meter, 'bob, who sounds again,', (db) => Math.abs(db - loud) < 3);
  emit('meter', { of: 'bob', loud, silent });
}

/** What an overloaded server does without is said as long as it does, to everybody inside. */
async function saysWhatIsShed({ bob }) {
  const shed = bob.locator('#shed');
  sayToBob({ type: 'load.shed', conference, snapshots: false, renditions: [] });
  await shed.getByText('no snapshots are made').waitFor();
  await picture(bob, 'shed');
  sayToBob({ type: 'load.restored', conference, snapshots: true, renditions: [] });
  await shed.waitFor({ state: 'hidden' });
  emit('shed', {});
}

/** What the director clicks, and what the viewer must then see and hear. */
const CLICKS = [
  { what: 'tile bob', click: (desk) => take(desk, 'bob'), colours: ['bob'], tones: ['bob'] },
  { what: 'tile cyd', click: (desk) => take(desk, 'cyd'), colours: ['cyd'], tones: ['cyd'] },
  { what: 'sound of everybody', click: (desk) => desk.getByLabel('everybody', { exact: true }).check(), colours: ['cyd'], tones: NAMES },
  { what: 'tile ann', click: (desk) => take(desk, 'ann'), colours: ['ann'], tones: NAMES },
  { what: 'grid', click: (desk) => desk.getByRole('button', { name: 'Grid of everybody' }).click(), colours: NAMES, tones: NAMES },
  { what: 'slate', click: (desk) => desk.getByRole('button', { name: 'Slate' }).click(), colours: [], tones: NAMES },
  { what: 'tile bob again', click: (desk) => take(desk, 'bob'), colours: ['bob'], tones: NAMES },
  { what: 'sound of who is on air', click: (desk) => desk.getByLabel('who is on air').check(), colours: ['bob'], tones: ['bob'] },
];

const take = (desk, name) => desk.getByRole('button', { name: `Put ${name} on air`, exact: true }).click();

async function direct(desk, watch) {
  await take(desk, 'ann');
  await desk.getByRole('button', { name: 'Start', exact: true }).click();
  await desk.locator('#state[data-state=live]').waitFor({ timeout: 30_000 });
  await watch.locator('#unmute').click();
  const viewer = await Observer.of(watch, '#video', PEOPLE, 'the viewer');
  const first = await viewer.until({ colours: ['ann'], tones: ['ann'] });
  emit('on_air', { first: 'ann', levels: first.levels });
  const loud = await shows(desk.locator('#program-level'), 'the program', (db) => db > -40);
  emit('meter', { of: 'the program', loud });
  await picture(watch, '0-watch');
  let before = ['ann'];
  for (const [at, { what, click, colours, tones }] of CLICKS.entries()) {
    await viewer.forget();
    await click(desk);
    const { seen_ms, heard_ms, history, levels } = await viewer.until({ colours, tones });
    await viewer.moves();
    // One picture is followed by the other: never black, nor somebody else's, between the two.
    const passed = [...new Set([before, colours].map((names) => names.join('+')))];
    if (history.map(({ names }) => names).join() !== passed.join()) throw new CheckFailed(`${what}: the viewer saw ${JSON.stringify(history)}, not ${passed.join(' → ')}`);
    emit('followed', { what, colours, tones, seen_ms, heard_ms, levels });
    await picture(desk, `${at + 1}-studio`);
    await picture(watch, `${at + 1}-watch`);
    before = colours;
  }
  emit('latency', { shown: await watch.locator('#latency').textContent() });
  await desk.getByRole('button', { name: 'Stop', exact: true }).click();
  await watch.getByText('The program is over').waitFor({ timeout: 30_000 });
  emit('stopped', {});
  await picture(watch, '9-watch');
}

await run(async () => {
  if (values.pictures) mkdirSync(values.pictures, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), 'meetingcast-capture-'));
  const browsers = [];
  const begin = async (...flags) => {
    browsers.push(await openBrowser(flags));
    return browsers.at(-1);
  };
  try {
    const pages = {};
    for (const name of NAMES) pages[name] = await enter(await begin(...fakeCapture(folder, name, PEOPLE[name])), name);
    await seeEachOther(pages);
    await obeysQuality(pages);
    await meters(pages);
    await saysWhatIsShed(pages);
    const watch = await open(await begin(), `/watch/${conference}`, { width: 640, height: 480 });
    await watch.getByText('has not begun yet').waitFor();
    await direct(pages.ann, watch);
  } catch (error) {
    for (const [at, page] of browsers.flatMap((browser) => browser.contexts()).flatMap((context) => context.pages()).entries()) {
      await picture(page, `failed-${at}`).catch(() => undefined);
      emit('failed_page', { url: page.url(), notice: await page.locator('#notice').textContent({ timeout: 1000 }).catch(() => null) });
    }
    throw error;
  } finally {
    for (const browser of browsers) await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
