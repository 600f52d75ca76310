import { describe, expect, it } from 'vitest';
import { type RoundFacts, standingOf } from '../../../merger/round/round-state.ts';

const facts: RoundFacts = {
  agents: ['north', 'south', 'west'],
  contributed: [],
  quorum: 2,
  deadline: 1_000,
  now: 0,
  merged: false,
  scoring: undefined,
  refinements: [],
  mergeFailure: undefined,
};

describe('a round', () => {
  it('is open before the deadline while an agent is missing, even with the quorum', () => {
    expect(standingOf({ ...facts, contributed: ['north', 'south'] }).state).toBe('open');
  });

  it('merges as soon as everyone has contributed', () => {
    expect(standingOf({ ...facts, contributed: ['west', 'north', 'south'] }).state).toBe('merging');
  });

  it('merges with the quorum when the deadline has passed', () => {
    expect(standingOf({ ...facts, contributed: ['north', 'south'], now: 1_000 }).state).toBe('merging');
  });

  it('fails without the quorum when the deadline has passed, and says how many were missing', () => {
    expect(standingOf({ ...facts, contributed: ['north'], now: 1_000 })).toEqual({
      state: 'failed',
      failure: 'the deadline passed with 1 contributions of the 2 needed',
    });
  });

  it('stays open for ever without a deadline', () => {
    expect(standingOf({ ...facts, deadline: undefined, now: Number.MAX_SAFE_INTEGER }).state).toBe('open');
  });

  it('is failed once its merge has failed, with the reason', () => {
    const all = { ...facts, contributed: facts.agents, mergeFailure: 'not positive definite' };
    expect(standingOf(all)).toEqual({ state: 'failed', failure: 'not positive definite' });
  });

  it('awaits scores of candidates that are there, from all who contributed, until the time is up', () => {
    const all = { ...facts, contributed: ['north', 'south'], now: 1_000 };
    const scoring = { until: 2_000, scored: ['north'] };
    expect(standingOf({ ...all, scoring })).toEqual({
      state: 'scoring',
      failure: undefined,
      until: 2_000,
    });
    expect(standingOf({ ...all, scoring, now: 2_000 }).state).toBe('merging');
    expect(standingOf({ ...all, scoring: { ...scoring, scored: ['north', 'south'] } }).state).toBe('merging');
  });

  it('asks agents again once the interim merge is there, until all have answered or the time is up', () => {
    const all = { ...facts, contributed: ['north', 'south'], now: 1_000 };
    const standing = (asked: RoundFacts['refinements'][number]['asked'], now = 1_000) =>
      standingOf({ ...all, now, refinements: [{ wanted: 'grams', asked }] });
    expect(standing(undefined).state).toBe('merging');
    expect(standing({ until: 2_000, refined: ['north'] })).toEqual({
      state: 'refining',
      failure: undefined,
      until: 2_000,
      wanted: 'grams',
    });
    expect(standing({ until: 2_000, refined: ['north'] }, 2_000).state).toBe('merging');
    expect(standing({ until: 2_000, refined: ['north', 'south'] }).state).toBe('merging');
    const both = [
      { wanted: 'grams', asked: { until: 2_000, refined: ['north', 'south'] } },
      { wanted: 'head', asked: { until: 3_000, refined: ['south'] } },
    ] as const;
    expect(standingOf({ ...all, refinements: both })).toMatchObject({ wanted: 'head', until: 3_000 });
  });

  it('is merged once the fused model is there, whatever else is true', () => {
    expect(standingOf({ ...facts, now: 2_000, merged: true, mergeFailure: 'before' }).state).toBe('merged');
  });
});
