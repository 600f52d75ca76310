/**
 * @file What an agent declares before it uploads, and which declarations are refused before a byte
 *   travels.
 */

import { createHash } from 'node:crypto';
import { otherVersionHint } from '../../shared/contribution/base-identity.ts';
import { headFile } from '../../shared/contribution/head-statistics.ts';
import {
  type ContributionManifest,
  manifestFile as contributionFile,
  manifestSchema as contributionSchema,
} from '../../shared/contribution/manifest.ts';
import { gramsFile } from '../../shared/contribution/write-grams.ts';
import { normsFile } from '../../shared/contribution/write-norms.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { jsonProblem, parseJson } from '../../shared/files/json-text.ts';
import { digestOfFiles, type FolderFile, mayTravel } from '../../shared/wire/folder-files.ts';
import { z } from '../../shared/zod.ts';
import type { Refinement } from '../recipe/recipe.ts';
import type { UploadLimits } from './upload-limits.ts';

/** The schema of a manifest as it arrives and as it is kept beside an upload. */
export const uploadManifestSchema = z.object({
  agent: z.string(),
  files: z
    .array(
      z.object({
        name: z.string().refine(mayTravel, 'must be the name of a model or statistics file'),
        size: z.int().min(0),
        sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits'),
      }),
    )
    .min(1)
    .max(1000),
  contributionJson: z.string().max(1024 * 1024),
  replace: z.boolean(),
});

/** A checked manifest. */
export type UploadManifest = z.infer<typeof uploadManifestSchema>;

/** Identifies the contribution that a manifest declares. */
export function digestOf(manifest: UploadManifest): string {
  return digestOfFiles(manifest.files);
}

/**
 * Checks a manifest that arrived.
 *
 * @param limits the most bytes that a file of each kind may have
 * @throws RegmeanError that names the agent, the file and the rule
 */
export function checkManifest(received: unknown, limits: UploadLimits): UploadManifest {
  const result = uploadManifestSchema.safeParse(received);
  if (!result.success) {
    const issue = result.error.issues[0];
    const file = issue?.path[0] === 'files' ? nameOfFile(received, issue.path[1]) : issue?.path.join('.');
    throw new RegmeanError('refused', `manifest: ${file}: ${issue?.message}`);
  }
  const manifest = result.data;
  const where = `manifest of ${manifest.agent}`;
  const names = manifest.files.map((file) => file.name);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new RegmeanError('refused', `${where}: ${repeated} is listed twice`);
  for (const file of manifest.files) {
    const limit = limits(file.name);
    if (file.size <= limit) continue;
    throw new RegmeanError(
      'refused',
      `${where}: ${file.name}: must have at most ${limit} bytes for this base model, got ${file.size}`,
    );
  }
  return manifest;
}

/** What the content of `contribution.json` must agree with. */
export interface DeclarationExpectations {
  readonly baseFingerprint: string;
  readonly task: string;
  readonly labels: readonly string[];
}

/**
 * Checks the announced `contribution.json`: that it belongs to this round, and that it and the
 * manifest list the same files.
 *
 * @throws RegmeanError that names the agent, the field or file, and the rule
 */
export function checkDeclaration(manifest: UploadManifest, expected: DeclarationExpectations): void {
  const where = `${contributionFile} of ${manifest.agent}`;
  const declaration = parseDeclaration(where, manifest.contributionJson);
  const same = (field: string, got: string, wanted: string, hint?: string): void => {
    if (got === wanted) return;
    const message = `${where}: ${field} must be ${wanted}, got ${got}`;
    throw new RegmeanError('refused', message, hint === undefined ? {} : { hint });
  };
  const baseHint =
    otherVersionHint('the contribution', declaration) ??
    "fetch the round's base model with regmean agent fetch-base, and fine-tune from it";
  same('agent', declaration.agent, manifest.agent);
  same('base fingerprint', declaration.baseFingerprint, expected.baseFingerprint, baseHint);
  same('task', declaration.task, expected.task);
  same('labels', JSON.stringify(declaration.labels), JSON.stringify(expected.labels));
  const own = createHash('sha256').update(manifest.contributionJson).digest('hex');
  const size = Buffer.byteLength(manifest.contributionJson);
  const listed = new Map(
    Object.entries({ ...declaration.files, [contributionFile]: { bytes: size, sha256: own } }),
  );
  for (const file of manifest.files) {
    const entry = listed.get(file.name);
    if (entry === undefined) throw new RegmeanError('refused', `${where}: ${file.name} is not listed in it`);
    same(`SHA-256 of ${file.name}`, entry.sha256, file.sha256);
    same(`size of ${file.name}`, String(entry.bytes), String(file.size));
    listed.delete(file.name);
  }
  for (const name of listed.keys())
    throw new RegmeanError('refused', `${where}: ${name} is listed but not sent`);
}

/** The only files in which a contribution may differ from the one before, by what was wanted. */
const wantedFiles: Readonly<Record<Refinement, readonly string[]>> = {
  grams: [gramsFile, normsFile],
  head: [headFile],
};

/**
 * Checks that what an agent sends when it is asked again is what it sent before, except for what
 * was wanted.
 *
 * @throws RegmeanError that names the file
 */
export function checkRefinement(
  { agent, files }: UploadManifest,
  before: readonly FolderFile[],
  wanted: Refinement,
): void {
  const own = wantedFiles[wanted];
  const compared = new Set([...files, ...before].map(({ name }) => name));
  for (const name of compared) {
    if (own.includes(name) || name === contributionFile) continue;
    const [now, then] = [files, before].map((list) => list.find((file) => file.name === name));
    if (now?.sha256 === then?.sha256) continue;
    throw new RegmeanError(
      'refused',
      `manifest of ${agent}: ${name} must be as it was in the contribution, only ${own[0]} is asked for again`,
      { hint: 'collect it for the contribution that was sent, with regmean agent refine' },
    );
  }
}

function parseDeclaration(where: string, text: string): ContributionManifest {
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (cause) {
    throw new RegmeanError('refused', `${where}: ${jsonProblem(cause)}`, { cause });
  }
  const parsed = contributionSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new RegmeanError('refused', `${where}: ${issue?.path.join('.')}: ${issue?.message}`);
}

function nameOfFile(received: unknown, index: PropertyKey | undefined): string {
  const files = (received as { files?: { name?: unknown }[] }).files ?? [];
  return String(files[Number(index)]?.name ?? 'files');
}
