// The seeds' printed samples, in real pages against a running server: what they print happens. See README.md.
import { openBrowser } from './chromium.mjs';
import { address, CheckFailed, emit, options, run, WrongUsage } from './report.mjs';
import { cube } from './seeds/cube.mjs';
import { leancloud } from './seeds/leancloud.mjs';
import { Seeds } from './seeds/page.mjs';
import { wilddog } from './seeds/wilddog.mjs';

const SAMPLES = { ...wilddog, ...leancloud, ...cube };

const values = options({ server: { type: 'string' }, only: { type: 'string' } });
const server = address(values, 'server').replace(/\/$/, '');
const only = values.only?.split(',') ?? Object.keys(SAMPLES);

await run(async () => {
  const unknown = only.filter((name) => !(name in SAMPLES));
  if (unknown.length > 0) throw new WrongUsage(`there is no sample ${unknown.join(', ')}, but ${Object.keys(SAMPLES).join(', ')}`);
  const browser = await openBrowser();
  const seeds = await Seeds.at(server, browser);
  let failed = null;
  try {
    for (const name of only) {
      try {
        await SAMPLES[name](seeds);
        emit('sample', { name, passed: true });
      } catch (error) {
        emit('sample', { name, passed: false, why: error.message });
        failed ??= new CheckFailed(`${name}: ${error.message}`);
      }
      await seeds.clear();
    }
  } finally {
    await browser.close();
    await seeds.close();
  }
  if (failed) throw failed;
});
