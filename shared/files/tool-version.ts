import { readFileSync } from 'node:fs';
import { packageFile } from './package-file.ts';

const packageJson: unknown = JSON.parse(readFileSync(packageFile('package.json'), 'utf8'));

/** Version of the package, as `--version` prints it. */
export const version = String((packageJson as { version?: unknown }).version);

/** Tool and version as files carry it: `regmean/0.1.0`. */
export const toolVersion = `regmean/${version}`;
