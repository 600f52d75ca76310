import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Path -> content of every file below `dir`. */
function contentsOf(dir: string, prefix = ''): Record<string, string> {
  return Object.fromEntries(
    readdirSync(join(dir, prefix)).flatMap((name) => {
      const path = join(prefix, name);
      if (statSync(join(dir, path)).isDirectory()) return Object.entries(contentsOf(dir, path));
      return [[path, readFileSync(join(dir, path), 'utf8')]];
    }),
  );
}

it('the generated stubs are those that `npm run generate` makes from the .proto files', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const [program, ...args] = String(scripts.generate).split(' ');
  const out = mkdtempSync(join(tmpdir(), 'regmean-stubs-'));
  try {
    const redirected = args.map((arg) => (arg.startsWith('--outDir=') ? `--outDir=${out}` : arg));
    execFileSync(join(root, 'node_modules/.bin', String(program)), redirected, { cwd: root, stdio: 'pipe' });
    expect(contentsOf(join(root, 'shared/wire/generated'))).toEqual(contentsOf(out));
  } finally {
    rmSync(out, { recursive: true });
  }
});
