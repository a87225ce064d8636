import { describe, expect, it } from 'vitest';

import type { PersonaCard, PersonaWeight } from '../api/types';
import { defaultPair } from './default_pair';
import { kNobody, toPerson } from './person';

const card = (id: string, readingLevel: number, description: string): PersonaCard => ({
  id,
  name: id,
  description,
  readingLevel,
});
const kCards = [
  card('leader', 11, 'Heads of department and executives'),
  card('field', 5, 'Service technicians and installers in the field'),
  card('desk', 12, 'Engineers, analysts and finance staff'),
];
const person = (id: string, attributes: Record<string, string>, personas: PersonaWeight[] = []) =>
  toPerson({ id, attributes: { name: id, ...attributes }, personas });
const kAnalyst = { title: 'Senior Analyst', department: 'Finance' };
const kTechnician = { title: 'Service Technician', department: 'Field Service' };
const kHead = { title: 'Head of Department', department: 'Executive Office' };
const ids = (pair: [{ id: string }, { id: string }]) => pair.map(({ id }) => id);

describe('defaultPair', () => {
  it('takes the personas farthest apart in reading level, and people who speak the language', () => {
    const people = [
      person('a', { ...kAnalyst, language: 'zh' }),
      person('b', { ...kHead, language: 'en' }),
      person('c', { ...kAnalyst, language: 'en' }),
      person('d', { ...kTechnician, language: 'en' }),
    ];
    expect(ids(defaultPair(people, kCards, 'en'))).toEqual(['d', 'c']);
  });

  it('passes over people whose job points nowhere or two ways', () => {
    const people = [
      person('a', { title: 'Field Engineer', department: 'Finance Service' }),
      person('b', kHead),
      person('c', { title: 'Cook', department: 'Canteen' }),
      person('d', kTechnician),
    ];
    expect(ids(defaultPair(people, kCards, 'en'))).toEqual(['d', 'b']);
  });

  it('believes the server where it has assigned a persona', () => {
    const people = [
      person('a', kTechnician, [{ id: 'desk', probability: 0.9 }]),
      person('b', kAnalyst, [{ id: 'desk', probability: 0.5 }]),
      person('c', kHead, [{ id: 'field', probability: 0.95 }]),
    ];
    expect(ids(defaultPair(people, kCards, 'en'))).toEqual(['c', 'a']);
  });

  it('takes people of different departments when there are no personas', () => {
    const people = ['x', 'x', 'y'].map((department, i) => person(`p${i}`, { department }));
    expect(ids(defaultPair(people, [], 'en'))).toEqual(['p0', 'p2']);
  });

  it('takes nobody where there is nobody', () => {
    expect(defaultPair([], kCards, 'en')).toEqual([kNobody, kNobody]);
  });
});
