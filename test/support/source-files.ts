import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A source file of the program and what it imports, both as paths from the root of the project. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const importPattern = /(?:\bfrom|\bimport\()\s*'(\.[^']+)'|^import '(\.[^']+)'/gm;

/** Every source file of the program, tests aside. */
export async function sourceFiles(): Promise<readonly SourceFile[]> {
  const files: SourceFile[] = [];
  for (const folder of ['shared', 'agent', 'merger', 'deploy']) {
    for (const entry of await readdir(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
      const path = relative(root, join(entry.parentPath, entry.name)).split(sep).join('/');
      const text = await readFile(join(root, path), 'utf8');
      const imports = [...text.matchAll(importPattern)].map((match) =>
        normalize(join(dirname(path), match[1] ?? match[2] ?? '')),
      );
      files.push({ path, text, imports });
    }
  }
  return files;
}

/** Where a file belongs: `shared/models`, or `shared` for files beside the folders. */
export function folderOf(path: string): string {
  return path.split('/').slice(0, -1).slice(0, 2).join('/');
}
