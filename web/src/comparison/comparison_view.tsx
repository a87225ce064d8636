// Two people, one question, two answers: the page once the directory is there.

import { useState } from 'react';

import type { Passage } from '../api/types';
import { Composer } from '../composer/composer';
import { ExampleChips } from '../composer/example_chips';
import { PassageDrawer } from '../passage/passage_drawer';
import { PersonPicker } from '../people/person_picker';
import type { Person } from '../people/person';
import { kColumns } from '../state/comparison';
import type { useComparison } from '../state/use_comparison';
import { TurnView } from './turn_view';

const kLabels = ['First person', 'Second person'] as const;

interface ComparisonViewProps {
  people: Person[];
  comparison: ReturnType<typeof useComparison>;
  onKey: () => void;
}

function Welcome({ comparison }: { comparison: ReturnType<typeof useComparison> }) {
  const languages = comparison.seats.map(({ person }) => person.attributes.language ?? 'en');
  return (
    <section className="welcome">
      <h2>Ask once. See how each of them is answered.</h2>
      <p>
        The same question goes to Kith in the name of both people above. Each answer comes with its
        why: who Kith took the reader for, what it read, and what it chose from.
      </p>
      <ExampleChips languages={languages} onAsk={comparison.ask} />
    </section>
  );
}

export function ComparisonView({ people, comparison, onKey }: ComparisonViewProps) {
  const [opened, setOpened] = useState<{ passage: Passage; user: string } | undefined>(undefined);
  const { turns, seats } = comparison;
  return (
    <main className="main">
      <div className="seats">
        {kColumns.map((column) => (
          <div key={column} className={`column column-${column === 0 ? 'a' : 'b'}`}>
            <PersonPicker
              label={kLabels[column]}
              person={seats[column].person}
              people={people}
              onPick={(person) => comparison.seat(column, person)}
            />
          </div>
        ))}
      </div>
      <div className="thread">
        {turns.length === 0 && <Welcome comparison={comparison} />}
        {turns.map((turn, index) => (
          <TurnView
            key={turn.id}
            turn={turn}
            isLast={index === turns.length - 1}
            onOpen={(passage, user) => setOpened({ passage, user })}
            onVote={(column, value) => comparison.vote(turn, column, value)}
            onRetry={(column) => comparison.retry(turn, column)}
            onKey={onKey}
          />
        ))}
      </div>
      <div className="composer-bar">
        <Composer
          isBusy={comparison.isBusy}
          isFollowUp={turns.length > 0}
          onAsk={comparison.ask}
          onStop={comparison.stop}
        />
      </div>
      {opened !== undefined && <PassageDrawer {...opened} onClose={() => setOpened(undefined)} />}
    </main>
  );
}
