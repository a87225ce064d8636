// The texts that competed to be the answer.

import type { Candidate } from '../api/types';
import { percent, sourceName } from './wording';

function facts({ grounding, meanLogprob }: Candidate): string {
  const parts = [
    grounding === undefined ? '' : `${percent(grounding)} grounded`,
    meanLogprob === undefined ? '' : `likelihood ${meanLogprob.toFixed(2)}`,
  ];
  return parts.filter(Boolean).join(', ');
}

export function CandidateList({ candidates }: { candidates: Candidate[] }) {
  return (
    <ol className="candidates">
      {candidates.map((candidate, index) => (
        <li key={index} className={candidate.chosen ? 'candidate candidate-chosen' : 'candidate'}>
          <p className="candidate-head">
            <span className="candidate-source">{sourceName(candidate.source)}</span>
            {candidate.chosen && <span className="badge">chosen</span>}
            <span className="candidate-score">
              <span className="visually-hidden">score </span>
              {candidate.score.toFixed(2)}
            </span>
          </p>
          {candidate.excerpt !== undefined && <p className="candidate-text">{candidate.excerpt}</p>}
          <p className="muted">{facts(candidate)}</p>
        </li>
      ))}
    </ol>
  );
}
