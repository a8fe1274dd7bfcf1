// A page judged by axe, by its width, and by who looks at its pictures.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CheckFailed, emit } from './report.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
const WIDTHS = [1280, 360];
const SCHEMES = ['light', 'dark'];

/**
 * What axe calls serious or critical fails; the rest is told. `within`: the part that is new since the page was judged
 * as a whole, since a page with videos takes axe seconds.
 */
export async function check(page, name, within = 'html') {
  for (const scheme of SCHEMES) {
    await page.emulateMedia({ colorScheme: scheme });
    // By the debugger's way, which the page's policy does not forbid.
    await page.evaluate(`${AXE}; undefined`);
    const { violations } = await page.evaluate((part) => window.axe.run(part), within);
    for (const { id, impact, nodes } of violations) {
      emit('axe', { page: name, scheme, id, impact, nodes: nodes.map(({ html }) => html.slice(0, 160)) });
    }
    const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    if (grave.length > 0) throw new CheckFailed(`${name}, ${scheme}: axe finds ${grave.map(({ id }) => id).join(', ')}`);
  }
}

/** In both widths and schemes, one of each for each other; nothing may be wider than its page. */
export async function pictures(page, folder, name) {
  for (const [width, scheme] of WIDTHS.map((width, number) => [width, SCHEMES[number]])) {
    await page.setViewportSize({ width, height: width === 360 ? 740 : 800 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (overflow > 0) throw new CheckFailed(`${name} at ${width} px is ${overflow} px too wide`);
    await page.emulateMedia({ colorScheme: scheme });
    await page.screenshot({ path: join(folder, `${name}-${width}-${scheme}.png`), fullPage: true });
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  emit('pictures', { page: name });
}
