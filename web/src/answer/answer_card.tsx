// One person's answer: the text as it streams in, its sources, its why, and thumbs.

import { useId, useState } from 'react';
import type { ReactNode } from 'react';

import type { Thumb } from '../api/feedback';
import type { Kith, Passage } from '../api/types';
import { ChevronIcon } from '../shell/icons';
import { isRunning } from '../state/comparison';
import type { Answer, AnswerStatus } from '../state/comparison';
import { FormattedText } from '../text/formatted_text';
import { AnswerFailure } from './answer_failure';
import { SourceList } from './source_list';
import { SummaryChips } from './summary_chips';
import { Thumbs } from './thumbs';
import { techniqueName } from './wording';
import { Why } from './why';

const kAnnouncements: Record<AnswerStatus, string> = {
  waiting: 'is on its way',
  streaming: 'is being written',
  done: 'is complete',
  stopped: 'was stopped',
  failed: 'failed',
};

function Degradations({ kith }: { kith: Kith }) {
  if (kith.degraded === undefined) return null;
  return (
    <ul className="degraded" aria-label="Left out of this answer">
      {kith.degraded.map(({ step, reason }) => (
        <li key={step}>
          <strong>{techniqueName(step)}</strong> was left out: {reason}
        </li>
      ))}
    </ul>
  );
}

interface WhyDisclosureProps {
  kith: Kith;
  name: string;
  onOpen: (passage: Passage) => void;
  // Stands beside the button, before the panel.
  children: ReactNode;
}

function WhyDisclosure({ kith, name, onOpen, children }: WhyDisclosureProps) {
  const [isOpen, setIsOpen] = useState(false);
  const id = useId();
  return (
    <>
      <button
        type="button"
        className="why-button"
        aria-expanded={isOpen}
        aria-controls={id}
        onClick={() => setIsOpen(!isOpen)}
      >
        Why this answer<span className="visually-hidden"> for {name}</span>
        <ChevronIcon />
      </button>
      {children}
      <div id={id} className="why-panel" hidden={!isOpen}>
        {isOpen && <Why kith={kith} onOpen={onOpen} />}
      </div>
    </>
  );
}

interface AnswerCardProps {
  answer: Answer;
  onOpen: (passage: Passage) => void;
  onVote: (value: Thumb) => void;
  onRetry: (() => void) | undefined;
  onKey: () => void;
}

function AnswerText({ answer }: { answer: Answer }) {
  const isWriting = isRunning(answer);
  return (
    // A busy live region waits: the answer is read out once, when it is whole.
    <div className={isWriting ? 'answer-text writing' : 'answer-text'} aria-live="polite" aria-busy={isWriting}>
      {answer.text !== '' && <FormattedText text={answer.text} />}
      {answer.status === 'waiting' && (
        <p className="waiting">
          <span className="dot" />
          <span className="dot" />
          <span className="dot" />
          <span className="visually-hidden">Waiting for the answer</span>
        </p>
      )}
      {answer.status === 'done' && answer.text === '' && <p className="muted">The answer is empty.</p>}
      {answer.status === 'stopped' && <p className="muted">Stopped.</p>}
    </div>
  );
}

export function AnswerCard({ answer, onOpen, onVote, onRetry, onKey }: AnswerCardProps) {
  const { kith, person, status } = answer;
  const hasWhy = Object.keys(kith).length > 0;
  const isOver = !isRunning(answer);
  return (
    <article className="answer" aria-label={`Answer for ${person.name}`}>
      <h3 className="answer-person">
        {person.name}
        <span className="muted"> {person.title}</span>
      </h3>
      <AnswerText answer={answer} />
      {answer.failure !== undefined && status === 'failed' && (
        <AnswerFailure failure={answer.failure} onRetry={onRetry} onKey={onKey} />
      )}
      <Degradations kith={kith} />
      {kith.passages !== undefined && <SourceList passages={kith.passages} onOpen={onOpen} />}
      {hasWhy && (
        <footer className="answer-foot">
          <SummaryChips kith={kith} />
          <WhyDisclosure kith={kith} name={person.name} onOpen={onOpen}>
            {isOver && kith.decision !== undefined && kith.user !== undefined && (
              <Thumbs name={person.name} vote={answer.vote} onVote={onVote} />
            )}
          </WhyDisclosure>
        </footer>
      )}
      <p className="visually-hidden" role="status">
        {`The answer for ${person.name} ${kAnnouncements[status]}.`}
      </p>
    </article>
  );
}
