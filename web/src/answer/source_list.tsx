// The cited passages; each opens its article.

import type { Passage } from '../api/types';
import { PageIcon } from '../shell/icons';

interface SourceListProps {
  passages: Passage[];
  onOpen: (passage: Passage) => void;
}

export function SourceList({ passages, onOpen }: SourceListProps) {
  return (
    <ul className="sources">
      {passages.map((passage) => (
        <li key={`${passage.id} ${passage.start}`}>
          <button type="button" className="source" onClick={() => onOpen(passage)}>
            <PageIcon />
            <span className="visually-hidden">Open the passage: </span>
            {passage.title}
          </button>
        </li>
      ))}
    </ul>
  );
}
