// Loads a module of the studio, which is TypeScript and in no library.
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

export async function load(name) {
  const entry = fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url));
  const lib = { entry, formats: ['es'] };
  const [{ output }] = await build({ configFile: false, logLevel: 'error', build: { write: false, target: 'es2022', lib } });
  return import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);
}
