import { describe, expect, it } from 'vitest';

import { duration, evidenceStrength, evidenceText, percent, styleRows } from './wording';

describe('wording', () => {
  it('says evidence in words', () => {
    const base = { persona: 'p', weight: 1 };
    expect(evidenceText({ ...base, source: 'attribute', detail: 'grade=director' })).toBe(
      'Grade is “director”',
    );
    expect(evidenceText({ ...base, source: 'attribute', detail: 'title~operator' })).toBe(
      'Title has “operator”',
    );
    expect(evidenceText({ ...base, source: 'attribute', detail: 'tenure is none of those listed' })).toBe(
      'Tenure is none of those listed',
    );
    expect(evidenceText({ ...base, source: 'context', detail: 'device=tablet' })).toBe(
      'Right now, device is “tablet”',
    );
    expect(evidenceText({ ...base, source: 'words', detail: 'sync, truck' })).toBe('Writes “sync, truck”');
  });

  it('tells for from against, and strong from slight', () => {
    expect(evidenceStrength(2.5)).toBe('speaks strongly for');
    expect(evidenceStrength(-0.8)).toBe('speaks clearly against');
    expect(evidenceStrength(0.1)).toBe('speaks slightly for');
  });

  it('rounds no probability to nothing or to certainty', () => {
    const shown = [0, 0.004, 0.944, 0.997, 1].map(percent);
    expect(shown).toEqual(['0 %', '< 1 %', '94 %', '> 99 %', '100 %']);
  });

  it('shows durations in the unit that fits', () => {
    expect([0.42, 12.4, 1234].map(duration)).toEqual(['0.4 ms', '12 ms', '1.2 s']);
  });

  it('puts what was asked for beside what was measured', () => {
    const rows = styleRows(
      { length: 'short', reading_level: 5, language: 'user' },
      { words: 1, sentences: 2, reading_level: 6.24, language: 'zh' },
    );
    expect(rows).toEqual([
      { name: 'Length', asked: 'short', measured: '1 word, 2 sentences' },
      { name: 'Reading level', asked: 'grade 5', measured: 'grade 6.2' },
      { name: 'Language', asked: 'the user’s own', measured: 'Chinese' },
    ]);
  });
});
