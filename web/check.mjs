// Fails when `dist` is not what the sources build to: what is committed is what is served.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

function files(folder) {
  const found = new Map();
  for (const entry of readdirSync(folder, { recursive: true })) {
    const path = join(folder, entry);
    if (statSync(path).isFile()) found.set(relative(folder, path), readFileSync(path));
  }
  return found;
}

const fresh = mkdtempSync(join(tmpdir(), 'meetingcast-web-'));
try {
  execFileSync(process.execPath, [join(here, 'build.mjs'), fresh], { stdio: 'inherit' });
  const [committed, built] = [files(join(here, 'dist')), files(fresh)];
  const differing = [...new Set([...committed.keys(), ...built.keys()])].filter((name) => {
    const [one, other] = [committed.get(name), built.get(name)];
    return !one || !other || !one.equals(other);
  });
  if (differing.length > 0) {
    console.error(`web/dist is not what the sources build to; run "npm --prefix web run build". Differing: ${differing.join(', ')}`);
    process.exitCode = 1;
  } else {
    console.log(`web/dist is what the sources build to: ${built.size} files`);
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
