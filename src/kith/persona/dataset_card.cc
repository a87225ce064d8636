#include "kith/persona/dataset_card.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <set>
#include <sstream>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/new_directory.h"
#include "kith/storage/digest.h"

namespace kith::persona {
namespace {

using base::OrderedJson;

constexpr std::array kParts{DataPart::kTrain, DataPart::kValidUsers, DataPart::kValidLatest};

struct PartCounts {
  std::size_t rows = 0;
  std::size_t answers = 0;
  std::size_t tokens = 0;
  std::size_t counted_tokens = 0;
  std::set<UserId> users;
};

PartCounts count_part(const TrainingData& data, DataPart part) {
  PartCounts counts;
  for (const TrainingRow& row : data.rows) {
    if (row.part != part) continue;
    ++counts.rows;
    counts.tokens += row.tokens;
    counts.counted_tokens += row.counted_tokens;
    counts.users.insert(row.user);
    for (const TrainingMessage& message : row.messages) counts.answers += message.trains ? 1U : 0U;
  }
  return counts;
}

std::array<std::size_t, kNumDropReasons> count_reasons(const TrainingData& data) {
  std::array<std::size_t, kNumDropReasons> counts{};
  for (const DroppedRow& row : data.dropped) ++counts[static_cast<std::size_t>(row.reason)];
  return counts;
}

OrderedJson parts_json(const TrainingData& data) {
  OrderedJson parts = OrderedJson::object();
  for (const DataPart part : kParts) {
    const PartCounts counts = count_part(data, part);
    const std::string lines = to_jsonl(data, part);
    parts[std::string(to_string(part))] = {{"users", counts.users.size()},
                                           {"rows", counts.rows},
                                           {"answers", counts.answers},
                                           {"tokens", counts.tokens},
                                           {"counted_tokens", counts.counted_tokens},
                                           {"bytes", lines.size()},
                                           {"hash", storage::digest({lines})}};
  }
  return parts;
}

OrderedJson dropped_json(const TrainingData& data) {
  OrderedJson counts = OrderedJson::object();
  const auto reasons = count_reasons(data);
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    if (reasons[i] > 0) counts[std::string(to_string(static_cast<DropReason>(i)))] = reasons[i];
  }
  OrderedJson rows = OrderedJson::array();
  for (const DroppedRow& row : data.dropped) {
    rows.push_back({{"row", row.row}, {"reason", to_string(row.reason)}});
  }
  return {{"total", data.dropped.size()}, {"by_reason", counts}, {"rows", rows}};
}

OrderedJson cap_json(const TrainingData& data, const DataOptions& options) {
  const auto largest = std::max_element(data.cap.shares.begin(), data.cap.shares.end());
  return {{"asked", options.cap.max_share},
          {"share", data.cap.share},
          {"relaxed", data.cap.is_relaxed},
          {"largest_share", largest == data.cap.shares.end() ? 0.0 : *largest},
          {"capped_users", data.cap.num_capped},
          {"effective_users", data.cap.effective_users}};
}

OrderedJson options_json(const DataOptions& options) {
  return {{"min_users", options.min_users},
          {"validation_users", options.validation_users},
          {"validation_latest", options.validation_latest},
          {"max_tokens", options.max_tokens},
          {"near_duplicate", options.near_duplicate},
          {"disliked_up_to", options.disliked},
          {"own_answers_from", options.liked},
          {"learns_unrated", options.learns_unrated},
          {"max_boost", options.cap.max_boost}};
}

OrderedJson redactions_json(const TrainingData& data) {
  OrderedJson redactions = OrderedJson::object();
  for (std::size_t i = 0; i < data.redactions.size(); ++i) {
    if (data.redactions[i] == 0) continue;
    redactions[std::string(text::to_string(static_cast<text::PiiKind>(i)))] = data.redactions[i];
  }
  return redactions;
}

std::string hash_of(const TrainingData& data) {
  return storage::digest({to_jsonl(data, DataPart::kTrain), to_jsonl(data, DataPart::kValidUsers),
                          to_jsonl(data, DataPart::kValidLatest)});
}

std::string percent(double share) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(2) << 100.0 * share << " %";
  return out.str();
}

void write_parts(const TrainingData& data, std::ostringstream& out) {
  out << "| part | users | conversations | answers | tokens | of these learned |\n"
      << "|---|---|---|---|---|---|\n";
  for (const DataPart part : kParts) {
    const PartCounts counts = count_part(data, part);
    out << "| " << to_string(part) << " | " << counts.users.size() << " | " << counts.rows << " | "
        << counts.answers << " | " << counts.tokens << " | " << counts.counted_tokens << " |\n";
  }
  out << "\n`valid_users` are users who never train; `valid_latest` are the latest conversations "
         "of "
         "users who do.\n";
}

void write_dropped(const TrainingData& data, std::ostringstream& out) {
  out << "\n## Left out\n\n";
  if (data.dropped.empty()) out << "Nothing.\n";
  const auto reasons = count_reasons(data);
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    if (reasons[i] == 0) continue;
    out << "- " << reasons[i] << ": " << explain(static_cast<DropReason>(i)) << "\n";
  }
  if (data.num_disliked_answers + data.num_unrated_answers > 0) {
    out << "\nInside of conversations that are kept, " << data.num_disliked_answers
        << " answers that were rated down and " << data.num_unrated_answers
        << " of Kith's own that nobody praised are context and not learned.\n";
  }
}

void write_cap(const TrainingData& data, const DataOptions& options, std::ostringstream& out) {
  out << "\n## Weight of users\n\nNo user has more than " << percent(data.cap.share)
      << " of the weight; " << data.cap.num_capped << " users are held to it. It is as if "
      << std::fixed << std::setprecision(1) << data.cap.effective_users
      << " users had said equally much.\n";
  if (!data.cap.is_relaxed) return;
  out << "\nThe cap asked for is " << percent(options.cap.max_share)
      << "; it is relaxed, because so few users (" << data.contributors.size()
      << "), none of whose tokens counts more than " << options.cap.max_boost
      << " times the average, cannot all stay below it.\n";
}

std::string markdown_of(const TrainingData& data, const DataOptions& options,
                        const CardFacts& facts, const std::string& data_hash) {
  std::ostringstream out;
  out << "# Training data of adapter " << facts.adapter << "\n\nBase model: " << facts.base_model
      << ". ";
  if (facts.init_adapter.empty()) {
    out << "Training starts from a fresh adapter";
  } else {
    out << "Training starts from adapter " << facts.init_adapter;
  }
  out << (facts.init_reason.empty() ? "" : ": " + facts.init_reason) << ".\n\n";
  write_parts(data, out);
  write_cap(data, options, out);
  write_dropped(data, out);
  out << "\n## Personal data replaced\n\n";
  bool any = false;
  for (std::size_t i = 0; i < data.redactions.size(); ++i) {
    if (data.redactions[i] == 0) continue;
    any = true;
    out << "- " << data.redactions[i] << " x "
        << text::placeholder_of(static_cast<text::PiiKind>(i)) << "\n";
  }
  if (!any) out << "None was found.\n";
  out << "\nHash of the data: `" << data_hash << "`. At least " << options.min_users
      << " users must train a model.\n";
  return out.str();
}

}  // namespace

DatasetCard describe(const TrainingData& data, const DataOptions& options, const CardFacts& facts) {
  DatasetCard card;
  card.data_hash = hash_of(data);
  std::set<PersonaId> personas;
  for (const TrainingRow& row : data.rows) personas.insert(row.persona);
  OrderedJson names = OrderedJson::array();
  for (const PersonaId& persona : personas) names.push_back(persona.str());
  OrderedJson json{{"schema", 1},
                   {"adapter", facts.adapter},
                   {"personas", names},
                   {"base_model", facts.base_model},
                   {"init_adapter", facts.init_adapter},
                   {"init_reason", facts.init_reason},
                   {"data_hash", card.data_hash},
                   {"users",
                    {{"members", data.num_members},
                     {"training", data.contributors.size()},
                     {"validation", data.num_validation_users}}},
                   {"parts", parts_json(data)},
                   {"cap", cap_json(data, options)},
                   {"answers_not_learned",
                    {{"disliked", data.num_disliked_answers}, {"own", data.num_unrated_answers}}},
                   {"redactions", redactions_json(data)},
                   {"dropped", dropped_json(data)},
                   {"options", options_json(options)}};
  card.json = json.dump(1) + "\n";
  card.markdown = markdown_of(data, options, facts, card.data_hash);
  return card;
}

Status write_dataset(const TrainingData& data, const DatasetCard& card,
                     const std::filesystem::path& directory) {
  KITH_ASSIGN_OR_RETURN(auto target, base::NewDirectory::create(directory, "card.json"));
  for (const DataPart part : kParts) {
    const auto file = target.path() / (std::string(to_string(part)) + ".jsonl");
    KITH_RETURN_IF_ERROR(base::write_file_atomically(file, to_jsonl(data, part), 0600));
  }
  KITH_RETURN_IF_ERROR(base::write_file_atomically(target.path() / "card.json", card.json, 0600));
  KITH_RETURN_IF_ERROR(base::write_file_atomically(target.path() / "card.md", card.markdown, 0600));
  return target.commit();
}

}  // namespace kith::persona
