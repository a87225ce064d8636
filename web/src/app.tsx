// The page: loads the directory, then compares; asks for a key where one is needed.

import { useEffect, useState } from 'react';

import { storeKey } from './api/key';
import type { ApiFailure } from './api/failure';
import { ComparisonView } from './comparison/comparison_view';
import { FleetDialog } from './fleet/fleet_dialog';
import { CatalogueContext } from './people/catalogue';
import { defaultPair } from './people/default_pair';
import { Header } from './shell/header';
import { KeyDialog } from './shell/key_dialog';
import { Notice } from './shell/notice';
import { useComparison } from './state/use_comparison';
import { useDirectory } from './state/use_directory';
import type { Directory } from './state/use_directory';
import { VersionsDialog } from './versions/versions_dialog';

function Ready({ directory, onKey }: { directory: Directory; onKey: () => void }) {
  const { model, personas, people, canList } = directory;
  const [pair] = useState(() => defaultPair(people, personas, 'en'));
  const comparison = useComparison(model, pair);
  const [showsVersions, setShowsVersions] = useState(false);
  const [showsFleet, setShowsFleet] = useState(false);
  return (
    <CatalogueContext.Provider value={personas}>
      <Header
        model={model}
        canRestart={comparison.turns.length > 0}
        onRestart={comparison.restart}
        onKey={onKey}
        {...(canList && { onVersions: () => setShowsVersions(true), onFleet: () => setShowsFleet(true) })}
      />
      {showsVersions && <VersionsDialog personas={personas} onClose={() => setShowsVersions(false)} />}
      {showsFleet && <FleetDialog personas={personas} onClose={() => setShowsFleet(false)} />}
      {!canList && <Notice text="This key may not list the employees. Type an id to ask as that person." />}
      {canList && people.length === 0 && (
        <Notice text="No users are known yet. Import some with “kith import users FILE”, or type any id." />
      )}
      <ComparisonView people={people} comparison={comparison} onKey={onKey} />
    </CatalogueContext.Provider>
  );
}

interface NotReadyProps {
  failure: ApiFailure | undefined;
  onKey: () => void;
  onRetry: () => void;
}

function NotReady({ failure, onKey, onRetry }: NotReadyProps) {
  const needsKey = failure?.kind === 'key';
  return (
    <>
      <Header model={undefined} canRestart={false} onRestart={() => undefined} onKey={onKey} />
      <main className="main">
        {failure === undefined ? (
          <p className="loading" role="status">
            Finding out who is here…
          </p>
        ) : (
          <Notice
            text={needsKey ? 'This server asks for an API key.' : `The page could not load: ${failure.message}.`}
            action={
              needsKey ? { label: 'Enter a key', onClick: onKey } : { label: 'Try again', onClick: onRetry }
            }
          />
        )}
      </main>
    </>
  );
}

export function App() {
  const [attempt, setAttempt] = useState(0);
  const [asksKey, setAsksKey] = useState(false);
  const state = useDirectory(attempt);
  const failure = state.status === 'failed' ? state.failure : undefined;
  const retry = () => setAttempt(attempt + 1);
  const openKey = () => setAsksKey(true);
  useEffect(() => {
    if (failure?.kind === 'key') setAsksKey(true);
  }, [failure]);

  return (
    <>
      <a className="skip" href="#question">
        Skip to the question
      </a>
      {state.status === 'ready' ? (
        <Ready key={attempt} directory={state.directory} onKey={openKey} />
      ) : (
        <NotReady failure={failure} onKey={openKey} onRetry={retry} />
      )}
      {asksKey && (
        <KeyDialog
          onClose={() => setAsksKey(false)}
          onSave={(key) => {
            storeKey(key);
            setAsksKey(false);
            retry();
          }}
        />
      )}
    </>
  );
}
