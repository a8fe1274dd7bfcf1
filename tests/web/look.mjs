// Uses the pages of a running server as people do, checks them with axe, and takes pictures to look at. See README.md.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser } from './chromium.mjs';
import { check, pictures } from './judged-page.mjs';
import { address, CheckFailed, emit, options, run } from './report.mjs';

const values = options({ server: { type: 'string' }, pictures: { type: 'string' }, media: { type: 'string' } });
const server = address(values, 'server').replace(/\/$/, '');
const folder = values.pictures ?? 'pictures';
const conference = `look-${process.pid}`;

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

/** Another device by keyboard: those who watch go on seeing and hearing, and nothing is negotiated anew. */
async function changeDevices(page, bob) {
  const published = [];
  page.on('request', (request) => request.method() === 'POST' && request.url().includes('/whip') && published.push(request.url()));
  const devices = () => page.evaluate(() => {
    const own = [...document.querySelectorAll('.tile')].find((tile) => tile.textContent.includes('(you)')).querySelector('video').srcObject;
    return { camera: own.getVideoTracks().map(({ label }) => label), microphone: own.getAudioTracks().map(({ label }) => label) };
  });
  const before = await devices();
  for (const device of ['camera', 'microphone']) {
    const picker = page.getByLabel(`Which ${device}`);
    if ((await picker.locator('option:checked').textContent()) !== before[device][0]) throw new CheckFailed(`the picker does not show the ${device} that is used`);
    await picker.focus();
    await picker.press('End');
    const chosen = await picker.locator('option:checked').textContent();
    if (chosen === before[device][0]) throw new CheckFailed(`there is no second ${device} to choose`);
    for (let turn = 0; (await devices())[device].join() !== chosen; turn += 1) {
      if (turn > 100) throw new CheckFailed(`${chosen} was chosen, ${JSON.stringify(await devices())} is used`);
      await page.waitForTimeout(100);
    }
    if (!(await picker.evaluate((one) => one === document.activeElement))) throw new CheckFailed(`the focus has left the ${device}'s picker`);
    emit('device', { device, from: before[device][0], to: chosen });
  }
  await plays(bob, '.tile video[aria-label="Picture of ann"]', 'the other camera of ann at bob');
  if (published.length > 0) throw new CheckFailed(`another device was published anew: ${published.join()}`);
}

async function studio(browser) {
  const page = await open(browser, `/?conference=${conference}&participant=ann`);
  await check(page, 'door');
  await pictures(page, folder, 'door');
  const watch = await open(browser, `/watch/${conference}`);
  await watch.getByText('has not begun yet').waitFor();
  await check(watch, 'waiting');
  await pictures(watch, folder, 'waiting');

  // By keyboard alone: the form has one button, and Enter is it.
  await page.locator('#participant').press('Enter');
  await page.locator('#room').waitFor();
  const bob = await open(browser, `/?conference=${conference}&participant=bob`);
  await bob.getByRole('button', { name: 'Join' }).click();
  // Who is chosen before the media is there cannot start the cast.
  for (const one of [page, bob]) await one.locator('.tile', { hasText: '(you)' }).getByText('kbit/s').waitFor();
  const take = (name) => page.getByRole('button', { name: `Put ${name} on air`, exact: true });
  await take('bob').waitFor();
  await changeDevices(page, bob);
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
  await pictures(page, folder, 'studio');
  await check(watch, 'watch');
  await pictures(watch, folder, 'watch');
  emit('latency', { shown: await watch.locator('#latency').textContent() });
  await page.getByRole('button', { name: 'Grid of everybody' }).click();
  await page.locator('button[data-layout=grid][aria-pressed=true]').waitFor();
  await layouts(page);
  await rundown(page);
  await overlay(page, bob);
  if (values.media) await mediaFile(page, values.media);
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await watch.getByText('The program is over').waitFor({ timeout: 30_000 });
  await pictures(watch, folder, 'over');
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

/** Each of the layouts with something to choose is on the air when the server says so. */
async function layouts(page) {
  await page.getByText('More layouts').click();
  const onAir = () => page.evaluate((id) => fetch(`/v1/conferences/${id}/cast`).then((answer) => answer.json()).then((cast) => cast.source), conference);
  for (const [name, expected] of [
    ['pip', { layout: 'pip', focus: 'bob', inset: 'ann', corner: 'top_left', size: 0.25 }],
    ['side_by_side', { layout: 'side_by_side', participants: ['bob', 'ann'], fit: 'cover' }],
    ['screen', { layout: 'screen', participant: 'bob' }],
    ['custom', { layout: 'custom' }],
  ]) {
    await page.locator('#layout').selectOption(name);
    if (name !== 'custom') await page.locator('#first').selectOption('bob');
    if ('participants' in expected || 'inset' in expected) await page.locator('#second').selectOption('ann');
    if ('corner' in expected) await page.locator('#corner').selectOption(expected.corner);
    await page.getByRole('button', { name: 'Show it' }).click();
    const until = Date.now() + 10_000;
    for (;;) {
      const source = await onAir();
      if (Object.entries(expected).every(([key, value]) => JSON.stringify(source[key]) === JSON.stringify(value))) break;
      if (Date.now() > until) throw new Error(`on air is ${JSON.stringify(source)}, not ${JSON.stringify(expected)}`);
      await page.waitForTimeout(200);
    }
    emit('layout', { name });
  }
  await page.waitForTimeout(1500);
  await check(page, 'layouts', '#control');
  await pictures(page, folder, 'layouts');
}

/** Two cues: one by hand, and one that comes by itself after it. */
async function rundown(page) {
  const cue = (name) => page.locator('#cues li', { hasText: name });
  const add = async (name, shows, when) => {
    await page.locator('#cue-name').fill(name);
    await page.locator('#cue-source').selectOption(shows);
    await page.locator('#cue-when').selectOption(when);
    if (when === 'after') await page.locator('#cue-after').fill('1');
    await page.getByRole('button', { name: 'Add cue' }).click();
    await cue(name).waitFor();
  };
  await add('Ann alone', 'of ann', 'manual');
  await add('Bob behind her', 'of bob', 'after');
  await add('Both again', 'grid', 'manual');
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await page.locator('#cues li[data-state=on]', { hasText: 'Bob behind her' }).waitFor({ timeout: 15_000 });
  await page.locator('#cues li[data-state=done]', { hasText: 'Ann alone' }).waitFor();
  await page.locator('.tile[data-air=true]', { hasText: 'bob' }).waitFor();
  await check(page, 'rundown', 'section[aria-labelledby=cues-title]');
  await pictures(page, folder, 'rundown');
  await page.getByRole('button', { name: 'Go to Ann alone' }).click();
  await page.locator('#cues li[data-state=on]', { hasText: 'Ann alone' }).waitFor();
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.getByText('Nothing is planned.').waitFor();
  emit('rundown', {});
}

/** A title, a logo and a colour, as the server has them, and as another operator sees them who is typing a title. */
async function overlay(page, bob) {
  await bob.locator('#overlay-title').fill('What Bob is typ');
  await page.locator('#overlay-title').fill('Good evening');
  await page.locator('#overlay-labels').check();
  await page.locator('#overlay-file').setInputFiles({
    name: 'Our Logo.svg',
    mimeType: 'image/svg+xml',
    buffer: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20" fill="#f00"/></svg>'),
  });
  await page.getByText('our-logo is uploaded').waitFor();
  await page.locator('#overlay-background').selectOption(':color');
  await page.locator('#overlay-color').fill('#204060');
  await page.locator('#overlay-clock').selectOption('top_left');
  await page.locator('#overlay-slate').selectOption('our-logo');
  await page.getByRole('button', { name: 'Put it over the program' }).click();
  await page.getByText('on the program', { exact: true }).waitFor();
  const seen = await page.evaluate((id) => fetch(`/v1/conferences/${id}/cast/overlay`).then((answer) => answer.json()), conference);
  const right = seen.labels && seen.title?.text === 'Good evening' && seen.logo?.picture === 'our-logo' && seen.background?.color === '#204060' && seen.clock?.corner === 'top_left' && seen.slate?.picture === 'our-logo';
  if (!right) throw new Error(`the overlay is ${JSON.stringify(seen)}`);
  for (const [field, value] of [['logo', 'our-logo'], ['background', ':color'], ['color', '#204060'], ['clock', 'top_left'], ['title', 'What Bob is typ']]) {
    const shown = () => bob.locator(`#overlay-${field}`).inputValue();
    for (let turn = 0; (await shown()) !== value; turn += 1) {
      if (turn > 50) throw new CheckFailed(`the other operator's ${field} is ${await shown()}, not ${value}`);
      await bob.waitForTimeout(100);
    }
  }
  emit('overlay', { title: seen.title.text });
  await page.waitForTimeout(1500);
  await check(page, 'overlay', 'section[aria-labelledby=overlay-heading]');
  await pictures(page, folder, 'overlay');
}

/** A file of the server is chosen, stands still, is moved and goes on. */
async function mediaFile(page, name) {
  const state = () => page.evaluate((id) => fetch(`/v1/conferences/${id}/cast`).then((answer) => answer.json()).then(({ source, file }) => ({ source, file })), conference);
  const until = async (what, is) => {
    for (let turn = 0; !is(await state()); turn += 1) {
      if (turn > 50) throw new CheckFailed(`the file is not ${what}: ${JSON.stringify(await state())}`);
      await page.waitForTimeout(200);
    }
  };
  await page.getByText('Media files').click();
  await page.locator('#file').selectOption(name);
  await page.getByLabel('again and again').check();
  await page.getByRole('button', { name: 'Show the file' }).click();
  await until('on air', ({ source, file }) => source.file === name && source.loop === true && file !== null);
  await page.getByRole('button', { name: 'Pause' }).click();
  await until('paused', ({ file }) => file.paused);
  await page.getByLabel('Place').fill('1500');
  await until('moved', ({ file }) => file.paused && Math.abs(file.position_ms - 1500) < 50);
  await check(page, 'file', '#control');
  await pictures(page, folder, 'file');
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await until('going on', ({ file }) => !file.paused);
  emit('file', { name });
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
  await pictures(tom, folder, 'call');
  await check(tom, 'call');
  await tom.getByRole('button', { name: 'Hang up' }).click();
  await jerry.getByText('over').waitFor();
  emit('hung_up', {});
}

await run(async () => {
  mkdirSync(folder, { recursive: true });
  // More than one of each, to choose from. The second camera is one for depth, which WebRTC does not send.
  const browser = await openBrowser(['--use-fake-device-for-media-stream=device-count=3']);
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
