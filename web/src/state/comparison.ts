// The state of the page: two columns, each a conversation with one person, and the questions that
// both were asked. Pure data and functions; use_comparison.ts drives it.

import { ApiFailure } from '../api/failure';
import type { Thumb } from '../api/feedback';
import type { ChatMessage, Kith } from '../api/types';
import type { Person } from '../people/person';

export type Column = 0 | 1;
export const kColumns: readonly Column[] = [0, 1];

export type AnswerStatus = 'waiting' | 'streaming' | 'done' | 'stopped' | 'failed';

export interface Vote {
  value: Thumb;
  status: 'sending' | 'stored' | 'failed';
  message?: string;
}

export interface Answer {
  person: Person;
  conversation: string;
  status: AnswerStatus;
  text: string;
  kith: Kith;
  failure?: ApiFailure;
  vote?: Vote;
}

export interface Turn {
  id: string;
  question: string;
  answers: [Answer, Answer];
}

export interface Seat {
  person: Person;
  conversation: string;
}

export interface Comparison {
  seats: [Seat, Seat];
  turns: Turn[];
}

export type Action =
  | { type: 'seat'; column: Column; person: Person; conversation: string }
  | { type: 'ask'; turn: string; question: string }
  | { type: 'retry'; turn: string; column: Column }
  | { type: 'text'; turn: string; column: Column; text: string }
  | { type: 'kith'; turn: string; column: Column; kith: Kith }
  | { type: 'end'; turn: string; column: Column; status: 'done' | 'stopped' }
  | { type: 'fail'; turn: string; column: Column; failure: ApiFailure }
  | { type: 'vote'; turn: string; column: Column; vote: Vote }
  | { type: 'restart'; conversations: [string, string] };

export function isRunning({ status }: Answer): boolean {
  return status === 'waiting' || status === 'streaming';
}

function pair<T>(make: (column: Column) => T): [T, T] {
  return [make(0), make(1)];
}

function openAnswer({ person, conversation }: Seat): Answer {
  return { person, conversation, status: 'waiting', text: '', kith: {} };
}

function changeAnswer(
  state: Comparison,
  { turn: id, column }: { turn: string; column: Column },
  change: (answer: Answer) => Answer,
): Comparison {
  const turns = state.turns.map((turn) =>
    turn.id === id
      ? { ...turn, answers: pair((c) => (c === column ? change(turn.answers[c]) : turn.answers[c])) }
      : turn,
  );
  return { ...state, turns };
}

export function reduce(state: Comparison, action: Action): Comparison {
  switch (action.type) {
    case 'seat': {
      const { column, person, conversation } = action;
      return { ...state, seats: pair((c) => (c === column ? { person, conversation } : state.seats[c])) };
    }
    case 'ask': {
      const answers = pair((column) => openAnswer(state.seats[column]));
      return { ...state, turns: [...state.turns, { id: action.turn, question: action.question, answers }] };
    }
    case 'retry':
      return changeAnswer(state, action, openAnswer);
    case 'text':
      return changeAnswer(state, action, (answer) => ({
        ...answer,
        status: 'streaming',
        text: answer.text + action.text,
      }));
    case 'kith':
      return changeAnswer(state, action, (answer) => ({
        ...answer,
        kith: { ...answer.kith, ...action.kith },
      }));
    case 'end':
      return changeAnswer(state, action, (answer) => ({ ...answer, status: action.status }));
    case 'fail':
      return changeAnswer(state, action, (answer) => ({
        ...answer,
        status: 'failed',
        failure: action.failure,
      }));
    case 'vote':
      return changeAnswer(state, action, (answer) => ({ ...answer, vote: action.vote }));
    case 'restart':
      return {
        turns: [],
        seats: pair((c) => ({ ...state.seats[c], conversation: action.conversations[c] })),
      };
  }
}

// What the client sends for a question: the conversation so far, then the question. Turns without
// an answer are left out, so that roles alternate.
export function messagesFor(turns: Turn[], column: Column, seat: Seat, question: string): ChatMessage[] {
  const messages: ChatMessage[] = [];
  for (const turn of turns) {
    const answer = turn.answers[column];
    const isAnswered = answer.status === 'done' || answer.status === 'stopped';
    if (answer.conversation !== seat.conversation || !isAnswered || answer.text === '') continue;
    messages.push({ role: 'user', content: turn.question });
    messages.push({ role: 'assistant', content: answer.text });
  }
  return [...messages, { role: 'user', content: question }];
}
