// Drives the comparison: asks both people at once, streams their answers in, stops, retries, votes.

import { useCallback, useEffect, useReducer, useRef } from 'react';

import { streamChat } from '../api/chat';
import { isAbort, toFailure } from '../api/failure';
import { sendThumb } from '../api/feedback';
import type { Thumb } from '../api/feedback';
import { randomId } from '../api/random_id';
import type { Person } from '../people/person';
import { isRunning, kColumns, messagesFor, reduce } from './comparison';
import type { Action, Column, Comparison, Seat, Turn } from './comparison';

const newConversation = () => `page-${randomId()}`;

function start(people: [Person, Person]): Comparison {
  return {
    seats: [
      { person: people[0], conversation: newConversation() },
      { person: people[1], conversation: newConversation() },
    ],
    turns: [],
  };
}

interface Run {
  turn: string;
  column: Column;
  seat: Seat;
  earlier: Turn[];
  question: string;
}

async function runAnswer(
  { turn, column, seat, earlier, question }: Run,
  model: string,
  dispatch: (action: Action) => void,
  signal: AbortSignal,
): Promise<void> {
  const request = {
    model,
    user: seat.person.id,
    conversation: seat.conversation,
    messages: messagesFor(earlier, column, seat, question),
  };
  const listener = {
    onText: (text: string) => dispatch({ type: 'text', turn, column, text }),
    onKith: (kith: object) => dispatch({ type: 'kith', turn, column, kith }),
  };
  try {
    await streamChat(request, listener, signal);
    dispatch({ type: 'end', turn, column, status: 'done' });
  } catch (error) {
    if (isAbort(error)) dispatch({ type: 'end', turn, column, status: 'stopped' });
    else dispatch({ type: 'fail', turn, column, failure: toFailure(error) });
  }
}

export function useComparison(model: string, people: [Person, Person]) {
  const [state, dispatch] = useReducer(reduce, people, start);
  const running = useRef(new Set<AbortController>());

  const run = useCallback(
    (job: Run) => {
      const controller = new AbortController();
      running.current.add(controller);
      void runAnswer(job, model, dispatch, controller.signal).finally(() =>
        running.current.delete(controller),
      );
    },
    [model],
  );

  const stop = useCallback(() => {
    for (const controller of running.current) controller.abort();
  }, []);
  useEffect(() => stop, [stop]);

  const ask = (question: string) => {
    const turn = randomId();
    dispatch({ type: 'ask', turn, question });
    for (const column of kColumns) {
      run({ turn, column, seat: state.seats[column], earlier: state.turns, question });
    }
  };

  const retry = (turn: Turn, column: Column) => {
    const { person, conversation } = turn.answers[column];
    const earlier = state.turns.slice(0, state.turns.indexOf(turn));
    dispatch({ type: 'retry', turn: turn.id, column });
    run({ turn: turn.id, column, seat: { person, conversation }, earlier, question: turn.question });
  };

  const vote = (turn: Turn, column: Column, value: Thumb) => {
    const { kith } = turn.answers[column];
    // Without a user nothing was stored that a thumb could stand on.
    if (kith.decision === undefined || kith.user === undefined) return;
    const target = { type: 'vote', turn: turn.id, column } as const;
    dispatch({ ...target, vote: { value, status: 'sending' } });
    sendThumb(kith.decision, kith.user, value).then(
      () => dispatch({ ...target, vote: { value, status: 'stored' } }),
      (error: unknown) =>
        dispatch({ ...target, vote: { value, status: 'failed', message: toFailure(error).message } }),
    );
  };

  return {
    ...state,
    isBusy: state.turns.some((turn) => turn.answers.some(isRunning)),
    ask,
    stop,
    retry,
    vote,
    seat: (column: Column, person: Person) =>
      dispatch({ type: 'seat', column, person, conversation: newConversation() }),
    restart: () => {
      stop();
      dispatch({ type: 'restart', conversations: [newConversation(), newConversation()] });
    },
  };
}
