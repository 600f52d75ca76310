import { describe, expect, it } from 'vitest';
import { demoPicture } from '../../../../deploy/demo/picture.ts';
import { type ModelScores, type Results, resultsTable } from '../../../../deploy/demo/results.ts';
import { formatTable } from '../../../../deploy/demo/table.ts';

const model = (label: string, scores: Record<string, number>): ModelScores => ({
  label,
  scores: new Map(Object.entries(scores)),
});
const results: Results = {
  domains: ['news', 'romance'],
  outOfDomain: ['humor', 'reviews'],
  singles: [
    model('news', { news: 0.9, romance: 0.5, humor: 0.6, reviews: 0.4 }),
    model('romance', { news: 0.6, romance: 0.7, humor: 0.3, reviews: 0.3 }),
  ],
  combined: [
    model('Simple', { news: 0.8, romance: 0.6, humor: 0.5, reviews: 0.6 }),
    model('RegMean', { news: 0.85, romance: 0.65, humor: 0.55, reviews: 0.6 }),
  ],
};

describe('resultsTable', () => {
  it('averages over domains, over models, and over unseen test sets', () => {
    expect(formatTable(resultsTable(results), false)).toEqual([
      'model                    news  romance  average  unseen',
      '───────────────────────────────────────────────────────',
      'trained on news only     90.0     50.0     70.0    50.0',
      'trained on romance only  60.0     70.0     65.0    30.0',
      '───────────────────────────────────────────────────────',
      'average of these 2       75.0     60.0     67.5    40.0',
      'best of these: news      90.0     50.0     70.0    50.0',
      'each on its own domain   90.0     70.0     80.0',
      '───────────────────────────────────────────────────────',
      'Simple                   80.0     60.0     70.0    55.0',
      'RegMean                  85.0     65.0     75.0    57.5',
    ]);
  });

  it('marks the best single or combined model of every column, equals together', () => {
    const rows = resultsTable({
      ...results,
      combined: [...results.combined, ...results.combined],
    }).groups.flat();
    const boldIn = (column: number): string[] =>
      rows.filter((row) => row.bold?.[column]).map((row) => row.label);
    expect(boldIn(0)).toEqual(['trained on news only']);
    expect(boldIn(1)).toEqual(['trained on romance only']);
    expect(boldIn(2)).toEqual(['RegMean', 'RegMean']);
    expect(boldIn(3)).toEqual(['RegMean', 'RegMean']);
  });

  it('has no column for unseen test sets when there are none', () => {
    expect(resultsTable({ ...results, outOfDomain: [] }).columns).toEqual(['news', 'romance', 'average']);
  });

  it('names the model and the test set of a missing score', () => {
    const combined = [model('RegMean', { news: 0.8 })];
    expect(() => resultsTable({ ...results, combined })).toThrow(
      'resultsTable: RegMean must have a score on humor, got none',
    );
  });

  it('fits six domains into 100 columns', () => {
    const domains = ['news', 'religion', 'hobbies', 'government', 'learned', 'romance'];
    const scores = Object.fromEntries([...domains, 'humor'].map((domain) => [domain, 1]));
    const wide = resultsTable({
      domains,
      outOfDomain: ['humor'],
      singles: domains.map((domain) => model(domain, scores)),
      combined: [model('ensemble of the 6 models', scores)],
    });
    for (const line of formatTable(wide, false)) expect(line.length).toBeLessThanOrEqual(100);
  });
});

describe('the picture', () => {
  it('shows every model with both averages, and says how the fused one stands beside the best other', () => {
    const svg = demoPicture(results, { measure: 'span F1' }, 'RegMean');
    for (const text of ['trained on news only', 'trained on romance only', 'Simple', 'RegMean']) {
      expect(svg).toContain(text);
    }
    expect(svg).toContain('the merge that its agents chose: 75.0; the best of the others: 70.0');
    expect(svg).toContain('average over 2 unseen domains');
    expect(svg).toContain('>57.5<');
  });
});
