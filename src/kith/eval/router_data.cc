#include "kith/eval/router_data.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/storage/record_reader.h"

namespace kith::eval {
namespace {

namespace fs = std::filesystem;
using persona::LabelledText;

// A set's texts by the name of their split.
using Splits = std::map<std::string, std::vector<LabelledText>>;

void append(std::vector<LabelledText>& to, const std::vector<LabelledText>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

Result<Splits> read_tickets(const fs::path& dir) {
  Splits splits;
  std::error_code error;
  for (const char* name : {"tickets", "test"}) {
    const fs::path file = dir / (std::string(name) + ".csv");
    if (!fs::exists(file, error)) continue;
    auto& texts = splits[name];
    // A row without a group, or cut off, is skipped as a bad line would be.
    const auto report = storage::import_records(file, {}, [&](const base::Json& row) {
      const auto text = row.find("Document");
      const auto group = row.find("Topic_group");
      if (text == row.end() || group == row.end() || !text->is_string() || !group->is_string()) {
        return Result<storage::WriteOutcome>(
            Error{ErrorCode::kInvalidArgument, "Document or Topic_group is missing"});
      }
      texts.push_back({text->get<std::string>(), group->get<std::string>()});
      return Result<storage::WriteOutcome>(storage::WriteOutcome::kAdded);
    });
    if (!report) return report.error();
  }
  return splits;
}

// [[text, intent], ..]
Result<std::vector<LabelledText>> read_pairs(const base::Json& rows, bool has_scope) {
  std::vector<LabelledText> texts;
  const Error refusal{ErrorCode::kInvalidArgument, "a split must be a list of [text, intent]"};
  if (!rows.is_array()) return refusal;
  for (const base::Json& row : rows) {
    if (!row.is_array() || row.size() != 2 || !row[0].is_string() || !row[1].is_string()) {
      return refusal;
    }
    texts.push_back({row[0].get<std::string>(), has_scope ? row[1].get<std::string>() : ""});
  }
  return texts;
}

Result<Splits> read_clinc(const fs::path& dir) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    const bool is_data =
        entry.path().extension() == ".json" && entry.path().filename() != "domains.json";
    if (is_data) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  Splits splits;
  for (const fs::path& file : files) {
    KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file));
    auto json = base::parse_json(text);
    if (!json) return std::move(json).error().with_context(file.string());
    if (!json->is_object()) {
      return Error{ErrorCode::kInvalidArgument, file.string() + ": must be a JSON object"};
    }
    for (const auto& [name, rows] : json->items()) {
      const bool is_outside = name.starts_with("oos_");
      auto texts = read_pairs(rows, !is_outside);
      if (!texts) return std::move(texts).error().with_context(file.string() + ": " + name);
      append(splits[is_outside ? name.substr(4) : name], *texts);
    }
  }
  return splits;
}

Result<std::vector<std::string>> read_lines(const fs::path& file) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(file));
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

Result<Splits> read_hwu(const fs::path& dir) {
  Splits splits;
  std::error_code error;
  for (const char* name : {"train", "valid", "test"}) {
    if (!fs::exists(dir / name / "seq.in", error)) continue;
    KITH_ASSIGN_OR_RETURN(const auto texts, read_lines(dir / name / "seq.in"));
    KITH_ASSIGN_OR_RETURN(const auto labels, read_lines(dir / name / "label"));
    if (texts.size() != labels.size()) {
      return Error{ErrorCode::kInvalidArgument,
                   (dir / name).string() + ": seq.in and label must have as many lines"};
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (!labels[i].empty()) splits[name].push_back({texts[i], labels[i]});
    }
  }
  return splits;
}

struct Source {
  const char* name;
  const char* folder;
  Result<Splits> (*read)(const fs::path& dir);
  // What is reported on without a test directory; null: a part drawn by seed.
  const char* report_split;
};

constexpr Source kSources[] = {{"tickets", "it-tickets-endava", read_tickets, nullptr},
                               {"clinc", "clinc150", read_clinc, "val"},
                               {"hwu", "hwu64", read_hwu, "valid"}};

// Moves a fifth of every label's texts from training to test.
void draw_test(std::uint64_t seed, RouterSet& set) {
  std::map<std::string, std::vector<std::size_t>> by_label;
  for (std::size_t i = 0; i < set.train.size(); ++i) by_label[set.train[i].label].push_back(i);
  base::Rng rng(seed);
  std::set<std::size_t> drawn;
  for (auto& [label, members] : by_label) {
    for (std::size_t i = members.size(); i > 1; --i) {
      std::swap(members[i - 1], members[rng.below(i)]);
    }
    const auto count =
        static_cast<std::size_t>(std::lround(0.2 * static_cast<double>(members.size())));
    drawn.insert(members.begin(), members.begin() + static_cast<std::ptrdiff_t>(count));
  }
  std::vector<LabelledText> rest;
  for (std::size_t i = 0; i < set.train.size(); ++i) {
    (drawn.contains(i) ? set.test : rest).push_back(std::move(set.train[i]));
  }
  set.train = std::move(rest);
}

void take_test(const Splits& splits, RouterSet& set) {
  const auto named = splits.find("test");
  for (const auto& [name, texts] : splits) {
    if (named == splits.end() || name == "test") append(set.test, texts);
  }
}

Result<std::optional<RouterSet>> load_set(const Source& source, const fs::path& data,
                                          const std::optional<fs::path>& test, std::uint64_t seed) {
  std::error_code error;
  if (!fs::is_directory(data / source.folder, error)) return std::optional<RouterSet>();
  if (test && !fs::is_directory(*test / source.folder, error)) return std::optional<RouterSet>();
  KITH_ASSIGN_OR_RETURN(const Splits splits, source.read(data / source.folder));
  RouterSet set{.name = source.name, .train = {}, .test = {}};
  for (const auto& [name, texts] : splits) {
    const bool reports = !test && source.report_split != nullptr && name == source.report_split;
    // What a publisher calls test trains nothing.
    if (name != "test") append(reports ? set.test : set.train, texts);
  }
  if (test) {
    KITH_ASSIGN_OR_RETURN(const Splits held_out, source.read(*test / source.folder));
    take_test(held_out, set);
  } else if (source.report_split == nullptr) {
    draw_test(seed, set);
  }
  if (set.train.empty() || set.test.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 std::string(source.folder) + ": no texts to train on or none to report on"};
  }
  return std::optional<RouterSet>(std::move(set));
}

}  // namespace

Result<std::vector<RouterSet>> load_router_sets(const fs::path& data,
                                                const std::optional<fs::path>& test,
                                                std::uint64_t seed) {
  std::vector<RouterSet> sets;
  for (const Source& source : kSources) {
    KITH_ASSIGN_OR_RETURN(auto set, load_set(source, data, test, seed));
    if (set) sets.push_back(*std::move(set));
  }
  if (sets.empty()) {
    return Error{ErrorCode::kNotFound,
                 "no it-tickets-endava, clinc150 or hwu64 in " + data.string()};
  }
  return sets;
}

}  // namespace kith::eval
