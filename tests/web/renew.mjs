// A pasted token expires while somebody directs: the studio asks for another in time, and goes on with it. See README.md.
import { mkdirSync } from 'node:fs';
import { openBrowser } from './chromium.mjs';
import { check, pictures } from './judged-page.mjs';
import { address, CheckFailed, emit, options, required, run } from './report.mjs';

const values = options({ server: { type: 'string' }, first: { type: 'string' }, second: { type: 'string' }, pictures: { type: 'string' } });
const server = address(values, 'server').replace(/\/$/, '');
const [first, second] = [required(values, 'first'), required(values, 'second')];

/** When a token ends, Unix milliseconds. */
const ends = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).exp * 1000;

await run(async () => {
  if (values.pictures) mkdirSync(values.pictures, { recursive: true });
  const browser = await openBrowser();
  try {
    const page = await (await browser.newContext({ permissions: ['camera', 'microphone'] })).newPage();
    page.on('console', (message) => process.stderr.write(`page: ${message.text()}\n`));
    const answers = [];
    page.on('response', (response) => {
      const shown = response.request().headers()['authorization'];
      if (shown) answers.push({ with: shown === `Bearer ${first}` ? 'first' : shown === `Bearer ${second}` ? 'second' : 'another', status: response.status() });
    });
    await page.goto(`${server}/?conference=room`);
    await page.getByText('This server asks for a token').click();
    await page.locator('#token').fill(first);
    await page.getByRole('button', { name: 'Join' }).click();
    await page.locator('.tile', { hasText: '(you)' }).getByText('kbit/s').waitFor();
    await page.getByRole('button', { name: 'Grid of everybody' }).focus();

    const field = page.getByLabel('Paste a new one');
    await field.waitFor({ timeout: Math.max(1, ends(first) - Date.now()) });
    emit('asked', { before_end_ms: ends(first) - Date.now() });
    if (!(await page.getByRole('button', { name: 'Grid of everybody' }).evaluate((one) => one === document.activeElement))) {
      throw new CheckFailed('the director lost the focus to the question for a token');
    }
    await check(page, 'renew');
    if (values.pictures) await pictures(page, values.pictures, 'renew');
    // Beyond its end: what is done now is done with the second.
    await page.waitForTimeout(Math.max(0, ends(first) - Date.now()));
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await field.fill(second);
    await field.press('Enter');
    await page.locator('#state[data-state=live]').waitFor({ timeout: 30_000 });
    await field.waitFor({ state: 'hidden' });
    const refused = answers.filter(({ status }) => status === 401);
    if (refused.length > 0) throw new CheckFailed(`the server refused ${JSON.stringify(refused)}`);
    if (answers.at(-1).with !== 'second') throw new CheckFailed(`the last request was made with the ${answers.at(-1).with} token`);
    emit('renewed', { requests: answers.length });
  } finally {
    await browser.close();
  }
});
