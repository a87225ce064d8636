// One question and its two answers, side by side.

import { useEffect, useRef } from 'react';

import { AnswerCard } from '../answer/answer_card';
import type { Thumb } from '../api/feedback';
import type { Passage } from '../api/types';
import { kColumns } from '../state/comparison';
import type { Column, Turn } from '../state/comparison';

interface TurnViewProps {
  turn: Turn;
  isLast: boolean;
  onOpen: (passage: Passage, user: string) => void;
  onVote: (column: Column, value: Thumb) => void;
  onRetry: (column: Column) => void;
  onKey: () => void;
}

export function TurnView({ turn, isLast, onOpen, onVote, onRetry, onKey }: TurnViewProps) {
  const root = useRef<HTMLElement>(null);
  useEffect(() => {
    const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    root.current?.scrollIntoView({ block: 'start', behavior: isCalm ? 'auto' : 'smooth' });
  }, []);
  return (
    <section className="turn" ref={root} aria-label={`Question: ${turn.question}`}>
      <h2 className="question">{turn.question}</h2>
      <div className="answers">
        {kColumns.map((column) => (
          <div key={column} className={`column column-${column === 0 ? 'a' : 'b'}`}>
            <AnswerCard
              answer={turn.answers[column]}
              onOpen={(passage) => onOpen(passage, turn.answers[column].person.id)}
              onVote={(value) => onVote(column, value)}
              onRetry={isLast ? () => onRetry(column) : undefined}
              onKey={onKey}
            />
          </div>
        ))}
      </div>
    </section>
  );
}
