import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { limitsFor } from '../../../merger/round/upload-limits.ts';
import {
  checkDeclaration,
  checkManifest,
  type UploadManifest,
} from '../../../merger/round/upload-manifest.ts';
import type { LinearLayer } from '../../../shared/models/linear-layers.ts';

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
const limits = limitsFor({
  shapes: new Map([['encoder.weight', [8, 4]]]),
  ...{ layers: null, task: 'text-classification' },
});
const expected = { baseFingerprint: 'a'.repeat(64), task: 'text-classification', labels: ['no', 'yes'] };
const weights = { bytes: 7, sha256: sha('weights') };

function announce(
  declaration: Record<string, unknown> = {},
  files: UploadManifest['files'] = [{ name: 'model.safetensors', size: 7, sha256: sha('weights') }],
): UploadManifest {
  const contributionJson = JSON.stringify({
    format: 'regmean-contribution/1',
    agent: 'north',
    baseFingerprint: 'a'.repeat(64),
    task: 'text-classification',
    labels: ['no', 'yes'],
    metrics: {},
    tool: 'test',
    files: { 'model.safetensors': weights },
    ...declaration,
  });
  const own = {
    name: 'contribution.json',
    size: Buffer.byteLength(contributionJson),
    sha256: sha(contributionJson),
  };
  return { agent: 'north', files: [...files, own], contributionJson, replace: false };
}

describe('a manifest', () => {
  it('passes when it and contribution.json agree', () => {
    const manifest = checkManifest(announce(), limits);
    expect(() => checkDeclaration(manifest, expected)).not.toThrow();
  });

  const names = [
    '../model.safetensors',
    '/etc/passwd',
    'a/b',
    '.hidden',
    'train.jsonl',
    'model.safetensors\0',
    'upload.json',
  ];
  for (const name of names) {
    it(`may not name ${JSON.stringify(name)}`, () => {
      const files = [{ name, size: 1, sha256: sha('x') }];
      expect(() => checkManifest(announce({}, files), limits)).toThrow(
        'must be the name of a model or statistics file',
      );
    });
  }

  it('may not list a file twice', () => {
    const file = { name: 'model.safetensors', size: 7, sha256: sha('weights') };
    expect(() => checkManifest(announce({}, [file, file]), limits)).toThrow(
      'model.safetensors is listed twice',
    );
  });

  it('may not announce more bytes than the base model allows', () => {
    const file = { name: 'model.safetensors', size: 2 ** 31, sha256: sha('weights') };
    expect(() => checkManifest(announce({}, [file]), limits)).toThrow(
      /must have at most \d+ bytes .* got 2147483648/,
    );
  });

  it('may not carry another contribution.json than it lists', () => {
    const manifest = checkManifest(
      { ...announce(), contributionJson: announce({ tool: 'other' }).contributionJson },
      limits,
    );
    expect(() => checkDeclaration(manifest, expected)).toThrow('SHA-256 of contribution.json must be');
  });

  it('must be shaped as one', () => {
    const file = { name: 'config.json', size: -1, sha256: 'short' };
    expect(() => checkManifest({ ...announce(), files: [file] }, limits)).toThrow(/manifest: config\.json: /);
    expect(() => checkManifest({}, limits)).toThrow(/manifest: agent: /);
  });

  const mismatches: [string, UploadManifest, RegExp][] = [
    [
      'another base model',
      announce({ baseFingerprint: 'b'.repeat(64) }),
      /base fingerprint must be a{64}, got b{64}/,
    ],
    ['another task', announce({ task: 'regression' }), /task must be text-classification, got regression/],
    [
      'other labels',
      announce({ labels: ['yes', 'no'] }),
      /labels must be \["no","yes"\], got \["yes","no"\]/,
    ],
    ['another agent', announce({ agent: 'south' }), /agent must be north, got south/],
    [
      'a file with another checksum',
      announce({ files: { 'model.safetensors': { ...weights, sha256: sha('x') } } }),
      /SHA-256 of model/,
    ],
    ['a file that it does not list', announce({ files: {} }), /model\.safetensors is not listed in it/],
    [
      'a file that is not sent',
      announce({ files: { 'model.safetensors': weights, 'config.json': weights } }),
      /config\.json is listed but not sent/,
    ],
    ['no sense', announce({ format: 'regmean-contribution/9' }), /contribution\.json of north: format: /],
  ];
  for (const [name, manifest, message] of mismatches) {
    it(`is refused when contribution.json has ${name}`, () => {
      expect(() => checkDeclaration(checkManifest(manifest, limits), expected)).toThrow(message);
    });
  }
});

describe('the limits of a base model', () => {
  const mebibyte = 1024 * 1024;

  it('allow weights as float64, a square Gram per linear layer, and nothing near what fills a disk', () => {
    const shapes = new Map([
      ['shared.weight', [32_128, 512]],
      ['encoder.block.0.layer.1.DenseReluDense.wi.weight', [2048, 512]],
      ['encoder.block.0.layer.1.DenseReluDense.wo.weight', [512, 2048]],
      ['encoder.block.0.layer.1.layer_norm.weight', [512]],
    ]);
    const layer = (module: string, inputs: number, gram: string | null): LinearLayer => ({
      ...{ module, inputs, gram, weight: `${module}.weight`, bias: null, outputs: 512 },
      ...{ orientation: 'out-in', kind: gram === null ? 'embedding' : 'encoder' },
    });
    const t5 = limitsFor({
      shapes,
      task: 'text2text',
      layers: [layer('wi', 512, 'wi'), layer('wo', 2048, 'wo'), layer('shared', 512, null)],
    });
    expect(t5('model.safetensors')).toBe((32_128 * 512 + 2 * 2048 * 512 + 512) * 8 + 64 * mebibyte);
    expect(t5('grams.safetensors')).toBe((512 ** 2 + 2048 ** 2) * 8 + mebibyte + 2 * 2048);
    expect(t5('norms.safetensors')).toBe(2 * 512 * 8 + mebibyte + 2048);
    expect(t5('output-grams.safetensors')).toBe(2 * 512 ** 2 * 8 + mebibyte + 2 * 2048);
    expect(t5('tokenizer.json')).toBe(64 * mebibyte);
  });

  it('of a family that is not known count the larger side of each matrix, without the vocabulary', () => {
    const shapes = new Map([
      ['words', [32_128, 512]],
      ['wi', [2048, 512]],
    ]);
    const limits = limitsFor({ shapes, layers: null, task: 'text2text', vocabSize: 32_128 });
    expect(limits('grams.safetensors')).toBe((512 ** 2 + 2048 ** 2) * 8 + mebibyte + 2 * 2048);
  });
});
