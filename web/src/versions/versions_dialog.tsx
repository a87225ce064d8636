// The operator's view of the adapters' versions: what serves, what the gate said, what happened,
// and the two buttons that change it.

import { useCallback, useEffect, useState } from 'react';

import { isAbort, toFailure } from '../api/failure';
import type { PersonaCard } from '../api/types';
import { fetchVersions, promote, rollback } from '../api/versions';
import type { Version, VersionChange, VersionList } from '../api/versions';
import { Modal } from '../shell/modal';
import { ShadowJudgement } from './shadow_judgement';

// What a persona may be changed to; the shared adapter has versions as well.
const kShared: PersonaCard = { id: 'use_case', name: 'All personas together', description: '' };

const dayOf = (time: string) => time.slice(0, 16).replace('T', ' ');

function gateText({ gate }: Version): string {
  if (gate === undefined) return 'not evaluated';
  return gate.passed ? 'passed' : 'refused';
}

function Gate({ version }: { version: Version }) {
  if (version.gate === undefined || version.gate.checks.length === 0) return null;
  return (
    <details className="version-gate">
      <summary>{version.gate.checks.length} checks</summary>
      <ul>
        {version.gate.checks.map((check) => (
          <li key={check.name}>
            <strong>{check.name}</strong> {check.verdict}: {check.reason}
          </li>
        ))}
      </ul>
    </details>
  );
}

interface VersionRowProps {
  persona: string;
  version: Version;
  onPromote: () => void;
  disabled: boolean;
}

function VersionRow({ persona, version, onPromote, disabled }: VersionRowProps) {
  const canServe = version.gate?.passed === true && !['serving', 'refused', 'withdrawn'].includes(version.status);
  return (
    <li className="version">
      <p>
        <strong>Version {version.number}</strong> <span className="version-status">{version.status}</span>
        {version.share !== undefined && <> for {Math.round(100 * version.share)} % of the users</>}
      </p>
      <p className="version-note">
        {dayOf(version.createdAt)} · gate: {gateText(version)}
        {version.parents.length > 0 && <> · from {version.parents.join(', ')}</>}
        {version.reason !== '' && <> · {version.reason}</>}
      </p>
      {version.flags.includes('erased_contributor') && (
        <p className="version-flag">Somebody whose data is in it has been erased: train again.</p>
      )}
      <Gate version={version} />
      {version.hasShadow && <ShadowJudgement persona={persona} version={version.number} />}
      {canServe && (
        <button type="button" className="button" disabled={disabled} onClick={onPromote}>
          Promote version {version.number}
        </button>
      )}
    </li>
  );
}

function History({ changes }: { changes: VersionChange[] }) {
  if (changes.length === 0) return null;
  return (
    <section>
      <h3>History</h3>
      <ol className="version-history">
        {changes.map((change, index) => (
          <li key={index}>
            {dayOf(change.at)}: version {change.version} {change.from === undefined ? 'registered' : `${change.from} → ${change.to}`}
            {change.by !== '' && <> by {change.by}</>}
            {change.reason !== '' && <>: {change.reason}</>}
          </li>
        ))}
      </ol>
    </section>
  );
}

interface VersionsDialogProps {
  personas: PersonaCard[];
  onClose: () => void;
}

export function VersionsDialog({ personas, onClose }: VersionsDialogProps) {
  const choices = [...personas, kShared];
  const [persona, setPersona] = useState(choices[0]?.id ?? kShared.id);
  const [list, setList] = useState<VersionList>();
  const [failure, setFailure] = useState('');
  const [isBusy, setIsBusy] = useState(false);

  const load = useCallback(
    async (signal: AbortSignal) => {
      try {
        setList(await fetchVersions(persona, signal));
      } catch (error) {
        if (!isAbort(error)) setFailure(toFailure(error).message);
      }
    },
    [persona],
  );
  useEffect(() => {
    const controller = new AbortController();
    setList(undefined);
    setFailure('');
    void load(controller.signal);
    return () => controller.abort();
  }, [load]);

  const change = async (work: () => Promise<void>) => {
    setIsBusy(true);
    setFailure('');
    try {
      await work();
      await load(new AbortController().signal);
    } catch (error) {
      setFailure(toFailure(error).message);
    }
    setIsBusy(false);
  };

  return (
    <Modal className="dialog versions" title="Versions of the adapters" onClose={onClose}>
      <label htmlFor="versions-persona">Persona</label>
      <select id="versions-persona" value={persona} onChange={(event) => setPersona(event.target.value)}>
        {choices.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
      {failure !== '' && <p role="alert">{failure}</p>}
      {list === undefined && failure === '' && <p role="status">Loading…</p>}
      {list !== undefined && (
        <>
          <p role="status">
            {list.serving === undefined
              ? 'No version serves: the model’s own adapter answers.'
              : `Version ${list.serving} of ${list.adapter} serves.`}
          </p>
          {list.serving !== undefined && (
            <button
              type="button"
              className="button"
              disabled={isBusy}
              onClick={() => void change(() => rollback(persona))}
            >
              Roll back
            </button>
          )}
          <ul className="version-list">
            {list.versions.map((version) => (
              <VersionRow
                key={`${persona}@${version.number}`}
                persona={persona}
                version={version}
                disabled={isBusy}
                onPromote={() => void change(() => promote(persona, version.number))}
              />
            ))}
          </ul>
          <History changes={list.history} />
        </>
      )}
    </Modal>
  );
}
