#include "kith/storage/sqlite/schema.h"

#include <array>

namespace kith::storage::sqlite {
namespace {

// Users and everything about them. Every key begins with tenant and user.
constexpr const char* kUsers = R"sql(
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
)sql";

// What belongs to a tenant: documents with their word index, and API keys. The index is segmented
// before it comes here, so the tokenizer only splits at spaces.
constexpr const char* kTenants = R"sql(
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
)sql";

// Versions of adapters belong to the installation; who contributed to one is keyed by tenant and
// user. The unique indices hold what change() promises even if it were wrong.
constexpr const char* kAdapterVersions = R"sql(
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
)sql";

// Who came to which persona when, and what figures over a persona's users are counted from. Those
// who have a persona already came to it when it was last written.
constexpr const char* kFleet = R"sql(
CREATE TABLE persona_changes (
  tenant TEXT NOT NULL, user TEXT NOT NULL, change INTEGER NOT NULL,
  at INTEGER NOT NULL, from_persona TEXT NOT NULL, to_persona TEXT NOT NULL,
  PRIMARY KEY (tenant, user, change),
  FOREIGN KEY (tenant, user) REFERENCES users ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX persona_changes_to ON persona_changes (tenant, to_persona, at);
CREATE INDEX persona_changes_from ON persona_changes (tenant, from_persona, at);
INSERT INTO persona_changes
  SELECT w.tenant, w.user, 1, a.at, '', w.persona
  FROM persona_weights w JOIN persona_assignments a ON a.tenant = w.tenant AND a.user = w.user
  WHERE w.rank = 0;
CREATE INDEX decisions_by_persona ON decisions (tenant, persona, at, user);
CREATE INDEX decisions_with_persona ON decisions (tenant, user, decision, persona);
CREATE INDEX feedback_thumbs ON feedback (tenant, at, user, decision, value, key, kind)
  WHERE kind = 'thumb';
)sql";

// When each attribute was recorded, and what happened to users.
constexpr const char* kEvents = R"sql(
ALTER TABLE user_attributes ADD COLUMN recorded_at INTEGER NOT NULL DEFAULT 0;
UPDATE user_attributes SET recorded_at = (
  SELECT updated_at FROM users
  WHERE users.tenant = user_attributes.tenant AND users.user = user_attributes.user);
CREATE TABLE user_events (
  tenant TEXT NOT NULL, user TEXT NOT NULL, event TEXT NOT NULL,
  kind TEXT NOT NULL, document TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (tenant, user, event),
  FOREIGN KEY (tenant, user) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX user_events_by_time ON user_events (tenant, user, at);
)sql";

// Whose answer it was, beside who gave it; and where answers of shadows are.
constexpr const char* kOwnPersonas = R"sql(
ALTER TABLE decisions ADD COLUMN own_persona TEXT NOT NULL DEFAULT '';
ALTER TABLE decisions ADD COLUMN shadow_version INTEGER NOT NULL DEFAULT 0;
UPDATE decisions SET
  own_persona = coalesce(json_extract(document, '$.persona.assigned'), ''),
  shadow_version = coalesce(json_extract(document, '$.shadow.version'), 0)
  WHERE json_valid(document);
CREATE INDEX decisions_by_own_persona ON decisions (tenant, own_persona, at, user);
DROP INDEX decisions_with_persona;
CREATE INDEX decisions_with_personas ON decisions (tenant, user, decision, persona, own_persona);
CREATE INDEX decisions_by_shadow ON decisions (adapter, shadow_version, at)
  WHERE shadow_version > 0;
)sql";

// What users did, as the user encoder reads it, and the head of each timeline.
constexpr const char* kTimelines = R"sql(
CREATE TABLE timeline_events (
  tenant TEXT NOT NULL, user TEXT NOT NULL, event TEXT NOT NULL,
  arrival INTEGER NOT NULL, at INTEGER NOT NULL, received_at INTEGER NOT NULL,
  kind TEXT NOT NULL, item TEXT NOT NULL, categories TEXT NOT NULL, number REAL,
  text TEXT NOT NULL,
  PRIMARY KEY (tenant, user, event),
  FOREIGN KEY (tenant, user) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX timeline_events_by_time ON timeline_events (tenant, user, at, arrival);
CREATE TABLE timelines (
  tenant TEXT NOT NULL, user TEXT NOT NULL,
  num_events INTEGER NOT NULL, revision INTEGER NOT NULL,
  last_at INTEGER NOT NULL, last_arrival INTEGER NOT NULL,
  PRIMARY KEY (tenant, user),
  FOREIGN KEY (tenant, user) REFERENCES users ON DELETE CASCADE
) WITHOUT ROWID;
)sql";

// What user encoders made of timelines, with the head of the timeline that it was made of.
constexpr const char* kEmbeddings = R"sql(
CREATE TABLE user_embeddings (
  tenant TEXT NOT NULL, user TEXT NOT NULL, version TEXT NOT NULL,
  num_events INTEGER NOT NULL, head_events INTEGER NOT NULL, revision INTEGER NOT NULL,
  last_at INTEGER NOT NULL, last_arrival INTEGER NOT NULL, made_at INTEGER NOT NULL,
  num_latents INTEGER NOT NULL, vector BLOB NOT NULL, latents BLOB NOT NULL,
  PRIMARY KEY (tenant, user, version),
  FOREIGN KEY (tenant, user) REFERENCES users ON DELETE CASCADE
);
)sql";

constexpr std::array<const char*, kSchemaVersion> kMigrations = {
    kUsers, kTenants, kAdapterVersions, kFleet, kEvents, kOwnPersonas, kTimelines, kEmbeddings};

}  // namespace

Status migrate(Session& session) {
  while (true) {
    // The version is read inside the transaction, as another process may be migrating as well.
    SQLite::Transaction transaction(session.database(), SQLite::TransactionBehavior::IMMEDIATE);
    const int version = session.database().execAndGet("PRAGMA user_version").getInt();
    if (version == kSchemaVersion) return {};
    if (version < 0 || version > kSchemaVersion) {
      return Error{ErrorCode::kConflict, "the database has schema version " +
                                             std::to_string(version) + ", this program knows " +
                                             std::to_string(kSchemaVersion) + ": use a newer kith"};
    }
    session.exec(kMigrations[static_cast<std::size_t>(version)]);
    session.exec(("PRAGMA user_version = " + std::to_string(version + 1)).c_str());
    transaction.commit();
  }
}

}  // namespace kith::storage::sqlite
