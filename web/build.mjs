// Builds everything that the server serves into one folder: `node build.mjs [folder]`, `dist` unless said otherwise.
import { execFileSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const here = dirname(fileURLToPath(import.meta.url));
const target = resolve(process.argv[2] ?? join(here, 'dist'));
/** Put in place when all of it is there: cargo reads the folder, too. */
const out = `${target}.new`;

/** No file differs between two builds of the same sources: no hashes, no source maps, no time. */
const common = { configFile: false, logLevel: 'warn', publicDir: false };

async function library(entry, name, format, globalName) {
  await build({
    ...common,
    root: here,
    build: {
      outDir: join(out, 'sdk'),
      emptyOutDir: false,
      target: 'es2022',
      minify: true,
      lib: { entry: join(here, entry), formats: [format], fileName: () => `${name}.js`, ...(globalName ? { name: globalName } : {}) },
    },
  });
}

rmSync(out, { recursive: true, force: true });
await library('sdk/src/meetingcast.ts', 'meetingcast', 'es');
// The seeds' pages load classic scripts and find globals.
for (const face of ['wilddog', 'leancloud', 'cube']) {
  if (existsSync(join(here, `sdk/compat/${face}/${face}.ts`))) await library(`sdk/compat/${face}/${face}.ts`, face, 'iife', `meetingcast_${face}`);
}
execFileSync(process.execPath, [
  join(here, 'node_modules/typescript/bin/tsc'), '-p', join(here, 'sdk/tsconfig.json'), '--outDir', join(out, 'sdk/types'),
], { stdio: 'inherit' });

const pages = ['index', 'watch', 'call'].map((page) => join(here, 'studio', `${page}.html`)).filter((page) => existsSync(page));
if (pages.length > 0) {
  await build({
    ...common,
    root: join(here, 'studio'),
    base: '/',
    // Our playlists have sound and picture in one: of hls.js the smaller half is enough. Its types are those of the whole.
    resolve: { alias: [{ find: /^hls\.js$/, replacement: 'hls.js/light' }] },
    build: {
      outDir: out,
      emptyOutDir: false,
      target: 'es2022',
      // Inlined data: and preload helpers would need holes in the pages' content security policy.
      assetsInlineLimit: 0,
      modulePreload: false,
      chunkSizeWarningLimit: 800,
      rollupOptions: {
        input: pages,
        output: { entryFileNames: 'assets/[name].js', chunkFileNames: 'assets/[name].js', assetFileNames: 'assets/[name][extname]' },
      },
    },
  });
}
rmSync(target, { recursive: true, force: true });
renameSync(out, target);
