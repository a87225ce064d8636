-- A database of schema version 3 with one row of each kind: what a later program must still read.
CREATE TABLE users (
  tenant TEXT NOT NULL, user TEXT NOT NULL,
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, user)
) WITHOUT ROWID;
CREATE TABLE user_attributes (
  tenant TEXT NOT NULL, user TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (tenant, user, name),
  FOREIGN KEY (tenant, user) REFERENCES users ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE consents (
  tenant TEXT NOT NULL, user TEXT NOT NULL, purpose TEXT NOT NULL,
  granted INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (tenant, user, purpose),
  FOREIGN KEY (tenant, user) REFERENCES users ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE persona_assignments (
  tenant TEXT NOT NULL, user TEXT NOT NULL,
  evidence TEXT NOT NULL, model_version TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (tenant, user),
  FOREIGN KEY (tenant, user) REFERENCES users ON DELETE CASCADE
);
CREATE TABLE persona_weights (
  tenant TEXT NOT NULL, user TEXT NOT NULL, rank INTEGER NOT NULL,
  persona TEXT NOT NULL, probability REAL NOT NULL,
  PRIMARY KEY (tenant, user, rank),
  FOREIGN KEY (tenant, user) REFERENCES users ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE conversations (
  tenant TEXT NOT NULL, user TEXT NOT NULL, conversation TEXT NOT NULL,
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, num_turns INTEGER NOT NULL,
  forked_from TEXT NOT NULL, fork_turns INTEGER NOT NULL,
  PRIMARY KEY (tenant, user, conversation),
  FOREIGN KEY (tenant, user) REFERENCES users ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE turns (
  tenant TEXT NOT NULL, user TEXT NOT NULL, conversation TEXT NOT NULL, turn INTEGER NOT NULL,
  role TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL, rating REAL,
  decision TEXT NOT NULL, completion TEXT NOT NULL,
  content_hash TEXT NOT NULL, prefix_hash TEXT NOT NULL,
  PRIMARY KEY (tenant, user, conversation, turn),
  FOREIGN KEY (tenant, user, conversation) REFERENCES conversations ON DELETE CASCADE
);
CREATE INDEX turns_by_prefix ON turns (tenant, user, prefix_hash);
CREATE INDEX turns_by_completion ON turns (tenant, user, completion) WHERE completion <> '';
CREATE INDEX turns_by_time ON turns (tenant, user, at);
CREATE TABLE decisions (
  tenant TEXT NOT NULL, user TEXT NOT NULL, decision TEXT NOT NULL,
  conversation TEXT NOT NULL, completion TEXT NOT NULL, at INTEGER NOT NULL,
  persona TEXT NOT NULL, adapter TEXT NOT NULL, chosen TEXT NOT NULL,
  probability REAL NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (tenant, user, decision),
  FOREIGN KEY (tenant, user) REFERENCES users ON DELETE CASCADE
);
CREATE UNIQUE INDEX decisions_by_id ON decisions (tenant, decision);
CREATE INDEX decisions_by_completion ON decisions (tenant, user, completion)
  WHERE completion <> '';
CREATE INDEX decisions_by_time ON decisions (tenant, user, at);
CREATE TABLE feedback (
  tenant TEXT NOT NULL, user TEXT NOT NULL, key TEXT NOT NULL,
  decision TEXT NOT NULL, kind TEXT NOT NULL, value REAL, text TEXT NOT NULL,
  at INTEGER NOT NULL, received_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, user, key),
  FOREIGN KEY (tenant, user) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX feedback_by_decision ON feedback (tenant, user, decision, at);
CREATE INDEX feedback_by_time ON feedback (tenant, user, at);
INSERT INTO users VALUES ('default', 'e001', 1750000000000000, 1750000000000000);
INSERT INTO user_attributes VALUES ('default', 'e001', 'title', 'Rigger');
INSERT INTO consents VALUES ('default', 'e001', 'learn', 0, 1750000000000000);
INSERT INTO persona_assignments VALUES ('default', 'e001', '{"title":"Rigger"}', 'rules-1', 1750000000000000);
INSERT INTO persona_weights VALUES ('default', 'e001', 0, 'field_worker', 0.9);
INSERT INTO persona_weights VALUES ('default', 'e001', 1, 'knowledge_worker', 0.1);
INSERT INTO conversations VALUES ('default', 'e001', 'c-1', 1750000000000000, 1750000001000000, 2, '', 0);
INSERT INTO turns VALUES ('default', 'e001', 'c-1', 0, 'user', 'How do I order a new harness?', 1750000000000000, NULL, '', '',
  '6601f5273a48917fbbd432cca80a356d', '2b9fd65e81fc551656e4121b9cd7a54a');
INSERT INTO turns VALUES ('default', 'e001', 'c-1', 1, 'assistant', 'Open Harbor, choose Safety gear, and pick your size.', 1750000001000000, 5.0, 'd-1',
  'chatcmpl-1', 'c83b7fa5abfa7afd4c577f6f2392cc93', '1265e6f5e16eb316cb9d080b4e72dbf0');
INSERT INTO decisions VALUES ('default', 'e001', 'd-1', 'c-1', 'chatcmpl-1', 1750000001000000, 'field_worker',
  'field_worker', 'model', 0.75, '{}');
INSERT INTO feedback VALUES ('default', 'e001', 'k-1', 'd-1', 'thumb', 1.0, '', 1750000002000000, 1750000002000000);
CREATE TABLE documents (
  row INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL, document TEXT NOT NULL,
  title TEXT NOT NULL, text TEXT NOT NULL, lang TEXT NOT NULL,
  content_hash TEXT NOT NULL, updated_at INTEGER NOT NULL,
  UNIQUE (tenant, document)
);
CREATE TABLE document_access (
  document_row INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, place INTEGER NOT NULL,
  access TEXT NOT NULL,
  PRIMARY KEY (document_row, place)
) WITHOUT ROWID;
CREATE TABLE chunks (
  row INTEGER PRIMARY KEY,
  document_row INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
  heading TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL
);
CREATE INDEX chunks_by_document ON chunks (document_row);
CREATE VIRTUAL TABLE chunk_words USING fts5(title, body, tokenize = 'unicode61');
CREATE VIRTUAL TABLE chunk_vocabulary USING fts5vocab(chunk_words, 'row');
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY, secret_hash TEXT NOT NULL, role INTEGER NOT NULL,
  tenant TEXT NOT NULL, user TEXT NOT NULL, label TEXT NOT NULL,
  created_at INTEGER NOT NULL, revoked_at INTEGER
) WITHOUT ROWID;
CREATE INDEX api_keys_by_user ON api_keys (tenant, user);
INSERT INTO documents VALUES (1, 'default', 'a1', 'Ropes', 'check the rope', 'en', '00', 5);
INSERT INTO chunks VALUES (1, 1, '', 0, 14);
INSERT INTO chunk_words (rowid, title, body) VALUES (1, 'ropes', 'check the rope');
INSERT INTO api_keys VALUES ('k1', '00', 1, 'default', '', 'ci', 5, NULL);
CREATE TABLE adapter_versions (
  adapter TEXT NOT NULL, version INTEGER NOT NULL, status TEXT NOT NULL,
  path TEXT NOT NULL, content_hash TEXT NOT NULL,
  created_at INTEGER NOT NULL, created_by TEXT NOT NULL, reason TEXT NOT NULL,
  parents TEXT NOT NULL, base_hash TEXT NOT NULL, data_hash TEXT NOT NULL,
  recipe_hash TEXT NOT NULL, metrics TEXT NOT NULL,
  gate_passed INTEGER, gate TEXT, gate_at INTEGER,
  share REAL NOT NULL, trial TEXT NOT NULL,
  PRIMARY KEY (adapter, version)
) WITHOUT ROWID;
CREATE UNIQUE INDEX adapter_versions_serving ON adapter_versions (adapter)
  WHERE status = 'serving';
CREATE UNIQUE INDEX adapter_versions_canary ON adapter_versions (adapter) WHERE status = 'canary';
CREATE UNIQUE INDEX adapter_versions_shadow ON adapter_versions (adapter) WHERE status = 'shadow';
CREATE TABLE adapter_flags (
  adapter TEXT NOT NULL, version INTEGER NOT NULL, flag TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (adapter, version, flag),
  FOREIGN KEY (adapter, version) REFERENCES adapter_versions
) WITHOUT ROWID;
CREATE TABLE adapter_history (
  row INTEGER PRIMARY KEY,
  adapter TEXT NOT NULL, version INTEGER NOT NULL, from_status TEXT, to_status TEXT NOT NULL,
  by TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,
  FOREIGN KEY (adapter, version) REFERENCES adapter_versions
);
CREATE INDEX adapter_history_by_adapter ON adapter_history (adapter);
CREATE TABLE adapter_contributors (
  tenant TEXT NOT NULL, user TEXT NOT NULL, adapter TEXT NOT NULL, version INTEGER NOT NULL,
  PRIMARY KEY (tenant, user, adapter, version),
  FOREIGN KEY (tenant, user) REFERENCES users ON DELETE CASCADE,
  FOREIGN KEY (adapter, version) REFERENCES adapter_versions
) WITHOUT ROWID;
CREATE INDEX adapter_contributors_by_version ON adapter_contributors (adapter, version);
ALTER TABLE decisions ADD COLUMN adapter_version INTEGER NOT NULL DEFAULT 0;
CREATE INDEX decisions_by_version ON decisions (adapter, adapter_version)
  WHERE adapter_version > 0;
PRAGMA user_version = 3;
