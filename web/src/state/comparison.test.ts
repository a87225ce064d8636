import { describe, expect, it } from 'vitest';

import { ApiFailure } from '../api/failure';
import { unlistedPerson } from '../people/person';
import { messagesFor, reduce } from './comparison';
import type { Comparison } from './comparison';

const kStart: Comparison = {
  seats: [
    { person: unlistedPerson('a'), conversation: 'ca' },
    { person: unlistedPerson('b'), conversation: 'cb' },
  ],
  turns: [],
};

function answered(state: Comparison, id: string, question: string): Comparison {
  let next = reduce(state, { type: 'ask', turn: id, question });
  for (const column of [0, 1] as const) {
    next = reduce(next, { type: 'text', turn: id, column, text: `${question} ` });
    next = reduce(next, { type: 'text', turn: id, column, text: `answer ${column}` });
    next = reduce(next, { type: 'end', turn: id, column, status: 'done' });
  }
  return next;
}

describe('comparison', () => {
  it('sends each column its own history', () => {
    const state = answered(kStart, 't1', 'why');
    expect(messagesFor(state.turns, 1, state.seats[1], 'and then')).toEqual([
      { role: 'user', content: 'why' },
      { role: 'assistant', content: 'why answer 1' },
      { role: 'user', content: 'and then' },
    ]);
  });

  it('starts a new conversation when a column gets another person, and only there', () => {
    const person = unlistedPerson('c');
    const state = reduce(answered(kStart, 't1', 'why'), {
      type: 'seat',
      column: 0,
      person,
      conversation: 'cc',
    });
    expect(messagesFor(state.turns, 0, state.seats[0], 'x')).toHaveLength(1);
    expect(messagesFor(state.turns, 1, state.seats[1], 'x')).toHaveLength(3);
    expect(state.turns[0]?.answers[0].person.id).toBe('a');
  });

  it('leaves failed answers out of the history', () => {
    let state = answered(kStart, 't1', 'why');
    state = reduce(state, { type: 'ask', turn: 't2', question: 'lost' });
    const failure = new ApiFailure('busy', 'full', 2);
    state = reduce(state, { type: 'fail', turn: 't2', column: 0, failure });
    expect(messagesFor(state.turns, 0, state.seats[0], 'x')).toHaveLength(3);
  });

  it('keeps the first parts of the kith object when later ones do not name them', () => {
    let state = reduce(kStart, { type: 'ask', turn: 't', question: 'q' });
    state = reduce(state, { type: 'kith', turn: 't', column: 0, kith: { adapter: 'field' } });
    state = reduce(state, { type: 'kith', turn: 't', column: 0, kith: { decision: 'd1' } });
    expect(state.turns[0]?.answers[0].kith).toEqual({ adapter: 'field', decision: 'd1' });
    expect(state.turns[0]?.answers[1].kith).toEqual({});
  });

  it('empties an answer that is asked for again', () => {
    let state = answered(kStart, 't', 'q');
    state = reduce(state, { type: 'retry', turn: 't', column: 1 });
    expect(state.turns[0]?.answers.map(({ status }) => status)).toEqual(['done', 'waiting']);
    expect(state.turns[0]?.answers[1].text).toBe('');
  });
});
