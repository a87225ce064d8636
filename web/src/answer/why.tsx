// Everything that the server says about how an answer came about.

import type { ReactNode } from 'react';

import type { Kith, Passage } from '../api/types';
import { CandidateList } from './candidate_list';
import { PersonaBars } from './persona_bars';
import { PlanList } from './plan_list';
import { RouteTable } from './route_table';
import { SourceList } from './source_list';
import { StyleTable } from './style_table';
import { TimingList } from './timing_list';

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="why-section">
      <h4>{title}</h4>
      {children}
    </section>
  );
}

interface WhyProps {
  kith: Kith;
  onOpen: (passage: Passage) => void;
}

export function Why({ kith, onOpen }: WhyProps) {
  const hasStyle = kith.styleAsked !== undefined || kith.styleMeasured !== undefined;
  return (
    <div className="why">
      <Section title="Persona">
        {kith.personas !== undefined ? (
          <PersonaBars personas={kith.personas} evidence={kith.evidence ?? []} />
        ) : (
          <p className="muted">None: the answer is the same for everyone.</p>
        )}
      </Section>
      <Section title="Adapter">
        <p>
          {kith.adapter !== undefined ? (
            <code>{kith.adapter}</code>
          ) : (
            <span className="muted">None: the base model answers.</span>
          )}
        </p>
      </Section>
      {kith.route !== undefined && (
        <Section title="Route">
          <RouteTable route={kith.route} />
        </Section>
      )}
      {kith.plan !== undefined && (
        <Section title="Plan">
          <PlanList plan={kith.plan} />
        </Section>
      )}
      <Section title="Passages">
        {kith.passages !== undefined ? (
          <SourceList passages={kith.passages} onOpen={onOpen} />
        ) : (
          <p className="muted">No passage stood in the prompt.</p>
        )}
      </Section>
      {kith.candidates !== undefined && (
        <Section title="Candidates">
          <CandidateList candidates={kith.candidates} />
        </Section>
      )}
      {hasStyle && (
        <Section title="Style">
          <StyleTable asked={kith.styleAsked} measured={kith.styleMeasured} />
        </Section>
      )}
      {kith.timing !== undefined && (
        <Section title="Time">
          <TimingList timing={kith.timing} />
        </Section>
      )}
      {kith.decision !== undefined && (
        <Section title="Decision">
          <p>
            <code>{kith.decision}</code>
          </p>
        </Section>
      )}
    </div>
  );
}
