#include "kith/persona/training_data.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>

#include "kith/base/fingerprint.h"
#include "kith/base/json.h"
#include "kith/persona/near_duplicates.h"
#include "kith/persona/person_names.h"
#include "kith/persona/validation_draw.h"
#include "kith/storage/digest.h"

namespace kith::persona {
namespace {

constexpr std::size_t kAllConversations = 1'000'000;
// From so many conversations on, a user's latest ones validate.
constexpr std::size_t kMinForLatest = 4;
// Tokens that ChatML puts around a message besides its role's line, and after the last one.
constexpr std::size_t kTurnTokens = 3;

struct ReasonNames {
  std::string_view name;
  std::string_view sentence;
};

constexpr std::array<ReasonNames, kNumDropReasons> kReasons{
    {{"no_consent", "the user does not consent to learning"},
     {"unknown_user", "the user was erased or was never known"},
     {"held_out", "the user belongs to a part that never trains"},
     {"empty", "a turn has no text"},
     {"no_answer", "nothing was answered"},
     {"foreign_role", "a turn is neither the user's nor the assistant's"},
     {"disliked", "every answer was rated down"},
     {"own_unrated", "every answer is Kith's own and nobody praised it"},
     {"too_long", "the conversation is longer than a training window"},
     {"duplicate", "it equals another row"},
     {"near_duplicate", "it nearly equals another row"},
     {"like_validation", "it equals or nearly equals a row that is kept for validation"}}};

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Status check_options(const DataOptions& options) {
  const auto is_share = [](double value) { return value >= 0.0 && value <= 0.5; };
  if (options.min_users < 1) return invalid("the floor of users must be at least 1");
  if (!is_share(options.validation_users) || !is_share(options.validation_latest)) {
    return invalid("the shares for validation must be in [0, 0.5]");
  }
  if (options.max_tokens < 16) return invalid("the longest row must be at least 16 tokens");
  if (!(options.near_duplicate > 0.0 && options.near_duplicate <= 1.0)) {
    return invalid("the similarity of duplicates must be in (0, 1]");
  }
  return {};
}

// Of each persona those whose draw falls below the share; at least one, if there are two.
std::set<UserId> draw_validation_users(const std::vector<Member>& members, double share) {
  std::map<PersonaId, std::vector<std::pair<double, UserId>>> draws;
  for (const Member& member : members) {
    draws[member.persona].emplace_back(validation_draw(member.user), member.user);
  }
  std::set<UserId> users;
  if (share <= 0.0) return users;
  for (auto& [persona, drawn] : draws) {
    std::sort(drawn.begin(), drawn.end());
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      if (drawn[i].first < share || (i == 0 && drawn.size() > 1)) users.insert(drawn[i].second);
    }
  }
  return users;
}

// Works on one conversation after the other.
class Selection {
 public:
  Selection(storage::StoreSet& stores, const storage::TenantScope& scope,
            const DataOptions& options, const DataPorts& ports, const text::PiiRedactor& redactor)
      : stores_(stores), scope_(scope), options_(options), ports_(ports), redactor_(redactor) {}

  // Every conversation of a user who does not take part.
  Status drop_user(const UserId& user, DropReason reason) {
    KITH_ASSIGN_OR_RETURN(const auto conversations,
                          stores_.conversations().list({scope_.tenant, user}, kAllConversations));
    // A user without conversations is one that is left out all the same.
    const std::size_t count = std::max<std::size_t>(conversations.size(), 1);
    for (std::size_t i = 0; i < count; ++i) drop(next_number_++, reason);
    return {};
  }

  Status take_user(const Member& member, bool validates) {
    const storage::Scope scope{scope_.tenant, member.user};
    KITH_ASSIGN_OR_RETURN(auto conversations,
                          stores_.conversations().list(scope, kAllConversations));
    std::sort(conversations.begin(), conversations.end(), [](const auto& a, const auto& b) {
      return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id);
    });
    const std::size_t first = rows_.size();
    for (const storage::ConversationRow& conversation : conversations) {
      KITH_RETURN_IF_ERROR(take_conversation(member, scope, conversation));
    }
    for (std::size_t i = first; i < rows_.size(); ++i) {
      if (validates) rows_[i].row.part = DataPart::kValidUsers;
    }
    if (!validates) keep_latest(first);
    return {};
  }

  // Keeps the first of rows that are alike; validation rows come first.
  void drop_duplicates() {
    std::vector<std::size_t> order;
    for (const DataPart part : {DataPart::kValidUsers, DataPart::kValidLatest, DataPart::kTrain}) {
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        if (rows_[i].row.part == part) order.push_back(i);
      }
    }
    NearDuplicates near(options_.near_duplicate);
    std::map<std::string, DataPart> exact;
    std::vector<DataPart> kept_parts;
    std::vector<bool> keeps(rows_.size(), true);
    for (const std::size_t i : order) {
      const std::string text = whole_text(rows_[i].row);
      const DataPart part = rows_[i].row.part;
      const auto [same, is_new] = exact.emplace(storage::digest({text}), part);
      if (!is_new) {
        keeps[i] = false;
        drop(rows_[i].number, duplicate_reason(part, same->second, DropReason::kDuplicate));
        continue;
      }
      if (const auto match = near.add(text)) {
        keeps[i] = false;
        drop(rows_[i].number,
             duplicate_reason(part, kept_parts[match->earlier], DropReason::kNearDuplicate));
        continue;
      }
      kept_parts.push_back(part);
    }
    std::vector<Numbered> kept;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (keeps[i]) kept.push_back(std::move(rows_[i]));
    }
    rows_ = std::move(kept);
  }

  TrainingData finish() && {
    std::stable_sort(rows_.begin(), rows_.end(),
                     [](const Numbered& a, const Numbered& b) { return a.row.part < b.row.part; });
    for (Numbered& numbered : rows_) data_.rows.push_back(std::move(numbered.row));
    std::sort(data_.dropped.begin(), data_.dropped.end(),
              [](const DroppedRow& a, const DroppedRow& b) { return a.row < b.row; });
    return std::move(data_);
  }

 private:
  struct Numbered {
    std::size_t number;
    TrainingRow row;
  };

  static DropReason duplicate_reason(DataPart part, DataPart earlier, DropReason plain) {
    const bool leaks = part == DataPart::kTrain && earlier != DataPart::kTrain;
    return leaks ? DropReason::kLikeValidation : plain;
  }

  static std::string whole_text(const TrainingRow& row) {
    std::string text;
    for (const TrainingMessage& message : row.messages) {
      if (message.role != "system") text += message.role + "\n" + message.content + "\n";
    }
    return text;
  }

  void drop(std::size_t number, DropReason reason) { data_.dropped.push_back({number, reason}); }

  // Whether the answer is worth learning. Turns that a fork copied are learned with their original.
  bool is_learned(const storage::TurnRow& turn, const storage::ConversationRow& conversation) {
    if (turn.role != "assistant" || turn.index < conversation.fork_turns) return false;
    if (turn.rating && *turn.rating <= options_.disliked) {
      ++disliked_;
      return false;
    }
    const bool is_own = !turn.decision.empty() || !turn.completion.empty();
    const bool is_praised = turn.rating && *turn.rating >= options_.liked;
    if (is_own && !is_praised && !options_.learns_unrated) {
      ++unrated_;
      return false;
    }
    return true;
  }

  // The row, or why there is none.
  std::optional<DropReason> read_turns(std::vector<storage::TurnRow> turns,
                                       const storage::ConversationRow& conversation,
                                       TrainingRow& row) {
    while (!turns.empty() && turns.back().role != "assistant") turns.pop_back();
    if (turns.empty() || turns.front().role == "assistant") return DropReason::kNoAnswer;
    disliked_ = unrated_ = 0;
    bool learns = false;
    for (const storage::TurnRow& turn : turns) {
      if (turn.role != "user" && turn.role != "assistant") return DropReason::kForeignRole;
      if (turn.text.find_first_not_of(" \t\r\n") == std::string::npos) return DropReason::kEmpty;
      row.messages.push_back({turn.role, turn.text, is_learned(turn, conversation)});
      learns = learns || row.messages.back().trains;
    }
    if (learns) return std::nullopt;
    return disliked_ > 0  ? DropReason::kDisliked
           : unrated_ > 0 ? DropReason::kOwnUnrated
                          : DropReason::kDuplicate;  // a fork without words of its own
  }

  void count_tokens(TrainingRow& row) const {
    row.tokens = 1;
    row.counted_tokens = 0;
    for (const TrainingMessage& message : row.messages) {
      const std::size_t words = ports_.count_tokens(message.content);
      row.tokens += words + ports_.count_tokens(message.role + "\n") + kTurnTokens;
      if (message.trains) row.counted_tokens += words + 1;
    }
  }

  Status take_conversation(const Member& member, const storage::Scope& scope,
                           const storage::ConversationRow& conversation) {
    const std::size_t number = next_number_++;
    KITH_ASSIGN_OR_RETURN(auto turns, stores_.conversations().turns(scope, conversation.id));
    TrainingRow row{
        .user = member.user, .persona = member.persona, .conversation = conversation.id};
    if (const auto reason = read_turns(std::move(turns), conversation, row)) {
      drop(number, *reason);
      return {};
    }
    text::PiiCounts counts{};
    for (TrainingMessage& message : row.messages) {
      message.content = redactor_.redact(message.content, &counts);
    }
    const std::uint64_t variant =
        base::hash_bytes(storage::digest({scope.user.str(), conversation.id.str()}));
    KITH_ASSIGN_OR_RETURN(std::string system,
                          ports_.system_message(row.messages.front().content, variant));
    if (!system.empty()) {
      row.messages.insert(row.messages.begin(), {"system", std::move(system), false});
    }
    count_tokens(row);
    if (row.tokens > options_.max_tokens) {
      drop(number, DropReason::kTooLong);
      return {};
    }
    for (std::size_t i = 0; i < counts.size(); ++i) data_.redactions[i] += counts[i];
    data_.num_disliked_answers += disliked_;
    data_.num_unrated_answers += unrated_;
    rows_.push_back({number, std::move(row)});
    return {};
  }

  // Of the user's rows from `first` on, which are in order of time.
  void keep_latest(std::size_t first) {
    const std::size_t count = rows_.size() - first;
    if (options_.validation_latest <= 0.0 || count < kMinForLatest) return;
    const double share = static_cast<double>(count) * options_.validation_latest;
    const std::size_t latest = std::max<std::size_t>(1, static_cast<std::size_t>(share));
    for (std::size_t i = rows_.size() - latest; i < rows_.size(); ++i) {
      rows_[i].row.part = DataPart::kValidLatest;
    }
  }

  storage::StoreSet& stores_;
  const storage::TenantScope& scope_;
  const DataOptions& options_;
  const DataPorts& ports_;
  const text::PiiRedactor& redactor_;
  TrainingData data_;
  std::vector<Numbered> rows_;
  std::size_t next_number_ = 0;
  // Of the conversation at hand.
  std::size_t disliked_ = 0;
  std::size_t unrated_ = 0;
};

std::vector<Member> members_of(const std::vector<Member>& members,
                               const std::vector<PersonaId>& personas) {
  std::vector<Member> chosen;
  for (const Member& member : members) {
    const bool takes_part = personas.empty() || std::find(personas.begin(), personas.end(),
                                                          member.persona) != personas.end();
    if (takes_part) chosen.push_back(member);
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const Member& a, const Member& b) { return a.user < b.user; });
  return chosen;
}

// Consent is asked here, at each use, and kept nowhere.
Result<std::optional<DropReason>> reason_against(storage::StoreSet& stores,
                                                 const storage::Scope& scope,
                                                 const Member& member) {
  using Reason = std::optional<DropReason>;
  KITH_ASSIGN_OR_RETURN(const auto user, stores.users().find(scope));
  if (!user) return Reason(DropReason::kUnknownUser);
  KITH_ASSIGN_OR_RETURN(const bool allowed,
                        stores.consents().allows(scope, storage::kConsentLearn));
  if (!allowed) return Reason(DropReason::kNoConsent);
  return member.is_held_out ? Reason(DropReason::kHeldOut) : Reason();
}

Status weigh_users(const DataOptions& options, TrainingData& data) {
  std::map<UserId, double> tokens;
  for (const TrainingRow& row : data.rows) {
    if (row.part != DataPart::kTrain) continue;
    tokens[row.user] += static_cast<double>(row.counted_tokens);
  }
  if (tokens.size() < options.min_users) {
    return invalid("only " + std::to_string(tokens.size()) +
                   " users would train this model; the floor is " +
                   std::to_string(options.min_users) + " (--min-users)");
  }
  std::vector<double> amounts;
  for (const auto& [user, amount] : tokens) {
    data.contributors.push_back(user);
    amounts.push_back(amount);
  }
  KITH_ASSIGN_OR_RETURN(data.cap, cap_users(amounts, options.cap));
  for (TrainingRow& row : data.rows) {
    if (row.part != DataPart::kTrain) continue;
    const auto at = std::lower_bound(data.contributors.begin(), data.contributors.end(), row.user);
    row.weight = data.cap.weights[static_cast<std::size_t>(at - data.contributors.begin())];
  }
  return {};
}

}  // namespace

std::string_view to_string(DropReason reason) {
  return kReasons[static_cast<std::size_t>(reason)].name;
}

std::string_view explain(DropReason reason) {
  return kReasons[static_cast<std::size_t>(reason)].sentence;
}

std::string_view to_string(DataPart part) {
  constexpr std::array<std::string_view, kNumDataParts> kNames{"train", "valid_users",
                                                               "valid_latest"};
  return kNames[static_cast<std::size_t>(part)];
}

Result<TrainingData> select_training_data(storage::StoreSet& stores,
                                          const storage::TenantScope& scope,
                                          const std::vector<Member>& members,
                                          const DataOptions& options, const DataPorts& ports) {
  KITH_RETURN_IF_ERROR(check_options(options));
  const std::vector<Member> chosen = members_of(members, options.personas);
  KITH_ASSIGN_OR_RETURN(std::vector<std::string> names, all_person_names(stores, scope));
  const text::PiiRedactor redactor({.names = std::move(names), .allowed = options.allowed});
  Selection selection(stores, scope, options, ports, redactor);
  std::vector<Member> taking_part;
  for (const Member& member : chosen) {
    const storage::Scope own{scope.tenant, member.user};
    KITH_ASSIGN_OR_RETURN(const auto reason, reason_against(stores, own, member));
    if (reason) {
      KITH_RETURN_IF_ERROR(selection.drop_user(member.user, *reason));
    } else {
      taking_part.push_back(member);
    }
  }
  const auto validating = draw_validation_users(taking_part, options.validation_users);
  for (const Member& member : taking_part) {
    KITH_RETURN_IF_ERROR(selection.take_user(member, validating.contains(member.user)));
  }
  selection.drop_duplicates();
  TrainingData data = std::move(selection).finish();
  data.num_members = chosen.size();
  std::set<UserId> validation_users;
  for (const TrainingRow& row : data.rows) {
    if (row.part == DataPart::kValidUsers) validation_users.insert(row.user);
  }
  data.num_validation_users = validation_users.size();
  KITH_RETURN_IF_ERROR(weigh_users(options, data));
  if (options.validation_users > 0.0 && validation_users.empty()) {
    return invalid("no user is left for validation; more users with conversations are needed");
  }
  return data;
}

std::string to_jsonl(const TrainingData& data, DataPart part) {
  std::map<UserId, std::size_t> units;
  for (const TrainingRow& row : data.rows) units.emplace(row.user, 0);
  std::size_t next = 0;
  for (auto& [user, unit] : units) unit = ++next;
  std::string lines;
  for (const TrainingRow& row : data.rows) {
    if (row.part != part) continue;
    base::OrderedJson messages = base::OrderedJson::array();
    for (const TrainingMessage& message : row.messages) {
      base::OrderedJson item{{"role", message.role}, {"content", message.content}};
      if (message.role == "assistant" && !message.trains) item["train"] = false;
      messages.push_back(std::move(item));
    }
    base::OrderedJson line{{"unit", units[row.user]}, {"messages", std::move(messages)}};
    if (part == DataPart::kTrain) line["weight"] = row.weight;
    lines += base::dump_json(line) + "\n";
  }
  return lines;
}

}  // namespace kith::persona
