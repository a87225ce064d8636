#include "kith/profile/import.h"

#include <map>
#include <utility>
#include <vector>

#include "kith/base/json.h"
#include "kith/profile/fields.h"
#include "kith/storage/digest.h"
#include "kith/storage/history.h"

namespace kith::profile {
namespace {

using base::Json;
using storage::NewTurn;
using storage::Scope;
using storage::WriteOutcome;

Error wrong(const char* message) { return Error{ErrorCode::kInvalidArgument, message}; }

// What two writes for one record amount to.
WriteOutcome combine(WriteOutcome first, WriteOutcome second) {
  if (first == WriteOutcome::kAdded) return first;
  return second == WriteOutcome::kUnchanged ? first : WriteOutcome::kUpdated;
}

Result<Scope> read_scope(const TenantId& tenant, const Json& record, const char* key) {
  KITH_ASSIGN_OR_RETURN(std::string user, require_text(record, key));
  Scope scope{tenant, UserId(std::move(user))};
  KITH_RETURN_IF_ERROR(check_scope(scope));
  return scope;
}

class UserImport {
 public:
  UserImport(storage::StoreSet& stores, TenantId tenant, base::UnixMicros now)
      : stores_(stores), tenant_(std::move(tenant)), now_(now) {}

  Result<WriteOutcome> operator()(const Json& record) {
    KITH_ASSIGN_OR_RETURN(const Scope scope, read_scope(tenant_, record, "id"));
    KITH_ASSIGN_OR_RETURN(const auto choices, read_choices(record));
    KITH_ASSIGN_OR_RETURN(const auto stored, stores_.users().find(scope));
    storage::Attributes attributes;
    if (const auto given = record.find("attributes"); given != record.end() && !given->is_null()) {
      KITH_ASSIGN_OR_RETURN(attributes, to_attributes(*given));
    } else if (stored) {
      attributes = stored->attributes;
    }
    KITH_ASSIGN_OR_RETURN(WriteOutcome outcome, stores_.users().upsert(scope, attributes, now_));
    for (const auto& [purpose, granted] : choices) {
      KITH_ASSIGN_OR_RETURN(const WriteOutcome set, set_choice(scope, purpose, granted));
      outcome = combine(outcome, set);
    }
    return outcome;
  }

 private:
  static Result<std::map<std::string, bool>> read_choices(const Json& record) {
    std::map<std::string, bool> choices;
    const auto consent = record.find("consent");
    if (consent == record.end() || consent->is_null()) return choices;
    if (!consent->is_object()) return wrong("\"consent\" must be an object");
    for (const auto& [purpose, value] : consent->items()) {
      if (value.is_null()) continue;
      KITH_RETURN_IF_ERROR(storage::check_row_id(purpose, "consent purpose"));
      KITH_ASSIGN_OR_RETURN(choices[purpose], to_flag(value, "consent." + purpose));
    }
    return choices;
  }

  Result<WriteOutcome> set_choice(const Scope& scope, const std::string& purpose, bool granted) {
    KITH_ASSIGN_OR_RETURN(const bool allowed, stores_.consents().allows(scope, purpose));
    // An older file must not overrule what the user has said since.
    if (granted && !allowed) return WriteOutcome::kUnchanged;
    return stores_.consents().set(scope, purpose, granted, now_);
  }

  storage::StoreSet& stores_;
  TenantId tenant_;
  base::UnixMicros now_;
};

class ConversationImport {
 public:
  ConversationImport(storage::StoreSet& stores, TenantId tenant, base::UnixMicros now)
      : conversations_(stores.conversations()), tenant_(std::move(tenant)), now_(now) {}

  Result<WriteOutcome> operator()(const Json& record) {
    KITH_ASSIGN_OR_RETURN(const Scope scope, read_scope(tenant_, record, "user"));
    KITH_ASSIGN_OR_RETURN(std::string text, require_text(record, "id"));
    const ConversationId id(std::move(text));
    KITH_ASSIGN_OR_RETURN(const base::UnixMicros at, read_time(record, "at", now_));
    const auto turns = record.find("turns");
    if (turns != record.end() && turns->is_object()) return add_row(scope, id, *turns, at);
    if (turns == record.end() || !turns->is_array() || turns->empty()) {
      return wrong("\"turns\" must be a list with at least one turn");
    }
    std::vector<NewTurn> parsed;
    for (const Json& turn : *turns) {
      // One microsecond apart, so that turns without a time keep their order.
      KITH_ASSIGN_OR_RETURN(NewTurn next,
                            read_turn(turn, at + static_cast<std::int64_t>(parsed.size())));
      parsed.push_back(std::move(next));
    }
    return store(scope, id, 0, parsed);
  }

 private:
  // One row per turn: rows of one conversation count on.
  Result<WriteOutcome> add_row(const Scope& scope, const ConversationId& id, const Json& turn,
                               base::UnixMicros at) {
    int& next = next_turns_[{scope.user, id}];
    KITH_ASSIGN_OR_RETURN(const NewTurn parsed, read_turn(turn, at + next));
    KITH_ASSIGN_OR_RETURN(const WriteOutcome outcome, store(scope, id, next, {parsed}));
    ++next;
    return outcome;
  }

  static Result<NewTurn> read_turn(const Json& turn, base::UnixMicros fallback) {
    if (!turn.is_object()) return wrong("a turn must be an object");
    NewTurn parsed;
    KITH_ASSIGN_OR_RETURN(parsed.role, require_text(turn, "role"));
    KITH_ASSIGN_OR_RETURN(auto text, read_text(turn, "text"));
    if (!text) return wrong("\"text\" of a turn must be given");
    parsed.text = *std::move(text);
    KITH_ASSIGN_OR_RETURN(parsed.at, read_time(turn, "at", fallback));
    KITH_ASSIGN_OR_RETURN(parsed.rating, read_real(turn, "rating"));
    return parsed;
  }

  Result<WriteOutcome> store(const Scope& scope, const ConversationId& id, int first,
                             const std::vector<NewTurn>& turns) {
    KITH_ASSIGN_OR_RETURN(const auto before, conversations_.turns(scope, id));
    KITH_ASSIGN_OR_RETURN(const int num_added, conversations_.append(scope, id, first, turns));
    if (before.empty()) return WriteOutcome::kAdded;
    KITH_ASSIGN_OR_RETURN(const bool rated, update_ratings(scope, id, first, turns, before));
    return num_added > 0 || rated ? WriteOutcome::kUpdated : WriteOutcome::kUnchanged;
  }

  // Appending leaves stored turns alone, and a rating often comes later than its turn.
  Result<bool> update_ratings(const Scope& scope, const ConversationId& id, int first,
                              const std::vector<NewTurn>& turns,
                              const std::vector<storage::TurnRow>& before) {
    bool changed = false;
    for (std::size_t i = 0; i < turns.size(); ++i) {
      const auto index = static_cast<std::size_t>(first) + i;
      if (index >= before.size() || !turns[i].rating || before[index].rating == turns[i].rating) {
        continue;
      }
      KITH_RETURN_IF_ERROR(
          conversations_.set_rating(scope, {id, static_cast<int>(index)}, *turns[i].rating));
      changed = true;
    }
    return changed;
  }

  storage::ConversationStore& conversations_;
  TenantId tenant_;
  base::UnixMicros now_;
  std::map<std::pair<UserId, ConversationId>, int> next_turns_;
};

class FeedbackImport {
 public:
  FeedbackImport(storage::StoreSet& stores, TenantId tenant, base::UnixMicros now)
      : feedback_(stores.feedback()), tenant_(std::move(tenant)), now_(now) {}

  Result<WriteOutcome> operator()(const Json& record) {
    KITH_ASSIGN_OR_RETURN(const Scope scope, read_scope(tenant_, record, "user"));
    storage::FeedbackRow row;
    KITH_ASSIGN_OR_RETURN(std::string decision, require_text(record, "decision"));
    row.decision = DecisionId(std::move(decision));
    KITH_ASSIGN_OR_RETURN(row.kind, require_text(record, "kind"));
    KITH_RETURN_IF_ERROR(read_value(record, row));
    KITH_ASSIGN_OR_RETURN(row.at, read_time(record, "at", now_));
    row.received_at = now_;
    KITH_ASSIGN_OR_RETURN(const auto key, read_text(record, "key"));
    row.key = key && !key->empty() ? *key : derive_key(scope, record);
    KITH_ASSIGN_OR_RETURN(const bool added, feedback_.add(scope, row));
    return added ? WriteOutcome::kAdded : WriteOutcome::kUnchanged;
  }

 private:
  static Status read_value(const Json& record, storage::FeedbackRow& row) {
    const auto value = record.find("value");
    if (value == record.end() || value->is_null()) return wrong("\"value\" must be given");
    if (value->is_boolean()) {
      row.value = value->get<bool>() ? 1.0 : 0.0;
      return {};
    }
    if (value->is_structured()) return wrong("\"value\" must be a number, a text, true or false");
    if (auto number = read_real(record, "value")) {
      row.value = *number;
    } else {
      row.text = value->get<std::string>();
    }
    return {};
  }

  // Of the record as it stands, so that a missing time does not make it new at each import.
  static std::string derive_key(const Scope& scope, const Json& record) {
    const auto part = [&](const char* key) {
      const auto found = record.find(key);
      return found == record.end() ? std::string() : base::dump_json(*found);
    };
    return "import-" + storage::digest({scope.user.str(), part("decision"), part("kind"),
                                        part("value"), part("at")});
  }

  storage::FeedbackStore& feedback_;
  TenantId tenant_;
  base::UnixMicros now_;
};

template <typename Import>
Result<storage::ImportReport> run(storage::StoreSet& stores, const base::Clock& clock,
                                  const ImportOptions& options, const std::filesystem::path& file) {
  Import import(stores, options.tenant, clock.now());
  storage::RecordOptions records = options.records;
  records.group = [&stores](const std::function<Status()>& work) { return stores.group(work); };
  return storage::import_records(file, records, [&](const Json& record) { return import(record); });
}

}  // namespace

Importer::Importer(storage::StoreSet& stores, const base::Clock& clock, ImportOptions options)
    : stores_(stores), clock_(clock), options_(std::move(options)) {}

Result<storage::ImportReport> Importer::import_users(const std::filesystem::path& file) {
  return run<UserImport>(stores_, clock_, options_, file);
}

Result<storage::ImportReport> Importer::import_conversations(const std::filesystem::path& file) {
  return run<ConversationImport>(stores_, clock_, options_, file);
}

Result<storage::ImportReport> Importer::import_feedback(const std::filesystem::path& file) {
  return run<FeedbackImport>(stores_, clock_, options_, file);
}

}  // namespace kith::profile
