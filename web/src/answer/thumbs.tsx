// Thumbs up and down, and whether the server has stored them.

import type { Thumb } from '../api/feedback';
import { CheckIcon, ThumbDownIcon, ThumbUpIcon } from '../shell/icons';
import type { Vote } from '../state/comparison';

interface ThumbsProps {
  name: string;
  vote: Vote | undefined;
  onVote: (value: Thumb) => void;
}

function VoteStatus({ vote }: { vote: Vote | undefined }) {
  return (
    <span className="vote-status" role="status">
      {vote?.status === 'sending' && 'Storing…'}
      {vote?.status === 'stored' && (
        <>
          <CheckIcon />
          Feedback stored
        </>
      )}
      {vote?.status === 'failed' && `Not stored: ${vote.message ?? 'unknown reason'}`}
    </span>
  );
}

export function Thumbs({ name, vote, onVote }: ThumbsProps) {
  const pressed = (value: Thumb) => vote?.value === value && vote.status !== 'failed';
  return (
    <div className="thumbs">
      <VoteStatus vote={vote} />
      <button
        type="button"
        className="icon-button"
        aria-label={`Good answer for ${name}`}
        aria-pressed={pressed(1)}
        onClick={() => onVote(1)}
      >
        <ThumbUpIcon />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={`Bad answer for ${name}`}
        aria-pressed={pressed(-1)}
        onClick={() => onVote(-1)}
      >
        <ThumbDownIcon />
      </button>
    </div>
  );
}
