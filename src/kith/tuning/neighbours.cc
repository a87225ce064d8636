#include "kith/tuning/neighbours.h"

#include <algorithm>
#include <map>

#include "kith/base/file.h"
#include "kith/storage/digest.h"

namespace kith::tuning {
namespace {

namespace fs = std::filesystem;
using persona::DataPart;
using persona::TrainingRow;

// Of a persona: more rows make a measurement slow and hardly surer.
constexpr std::size_t kMostForGate = 60;
constexpr std::size_t kMostForChoice = 24;

using RowsByPersona = std::map<PersonaId, std::vector<TrainingRow>>;

// At most `count` of them, by a hash, so that no user's come first; in their former order.
std::vector<TrainingRow> draw(std::vector<TrainingRow> rows, std::size_t count) {
  if (rows.size() <= count) return rows;
  std::vector<std::pair<std::string, std::size_t>> order;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    order.emplace_back(
        storage::digest({"neighbour", rows[i].user.str(), rows[i].conversation.str()}), i);
  }
  std::sort(order.begin(), order.end());
  order.resize(count);
  std::vector<std::size_t> places;
  for (const auto& [hash, place] : order) places.push_back(place);
  std::sort(places.begin(), places.end());
  std::vector<TrainingRow> drawn;
  for (const std::size_t place : places) drawn.push_back(std::move(rows[place]));
  return drawn;
}

Status write_rows(std::vector<TrainingRow> rows, std::size_t most, const fs::path& file) {
  if (rows.empty()) return {};
  persona::TrainingData data;
  data.rows = draw(std::move(rows), most);
  for (TrainingRow& row : data.rows) row.part = DataPart::kValidUsers;
  return base::write_file_atomically(file, to_jsonl(data, DataPart::kValidUsers), 0600);
}

Status make_directories(const fs::path& directory) {
  for (const fs::path& path : {directory / "others", directory / "choice" / "others"}) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) return Error{ErrorCode::kUnavailable, "cannot create " + path.string()};
  }
  return {};
}

}  // namespace

Result<std::vector<TrainingRow>> select_neighbours(storage::StoreSet& stores,
                                                   const storage::TenantScope& scope,
                                                   const std::vector<persona::Member>& members,
                                                   const persona::DataOptions& options,
                                                   const persona::DataPorts& ports) {
  const auto& own = options.personas;
  std::vector<persona::Member> others;
  for (const persona::Member& member : members) {
    const bool is_own = std::find(own.begin(), own.end(), member.persona) != own.end();
    if (!is_own) others.push_back(member);
  }
  if (own.empty() || others.empty()) return std::vector<TrainingRow>{};
  persona::DataOptions wanted = options;
  wanted.personas.clear();
  wanted.min_users = 1;
  auto selected = persona::select_training_data(stores, scope, others, wanted, ports);
  if (selected) return std::move(selected->rows);
  // Too few users are no reason not to train another persona's adapter.
  if (selected.error().code == ErrorCode::kInvalidArgument) return std::vector<TrainingRow>{};
  return std::move(selected).error();
}

Status write_neighbours(const std::vector<TrainingRow>& neighbours,
                        const persona::TrainingData& own, const fs::path& directory) {
  KITH_RETURN_IF_ERROR(make_directories(directory));
  RowsByPersona for_gate;
  RowsByPersona for_choice;
  for (const TrainingRow& row : neighbours) {
    auto& rows = row.part == DataPart::kValidUsers ? for_gate : for_choice;
    rows[row.persona].push_back(row);
  }
  for (auto& [persona, rows] : for_gate) {
    KITH_RETURN_IF_ERROR(write_rows(std::move(rows), kMostForGate,
                                    directory / "others" / (persona.str() + ".jsonl")));
  }
  for (auto& [persona, rows] : for_choice) {
    KITH_RETURN_IF_ERROR(write_rows(std::move(rows), kMostForChoice,
                                    directory / "choice" / "others" / (persona.str() + ".jsonl")));
  }
  std::vector<TrainingRow> latest;
  for (const TrainingRow& row : own.rows) {
    if (row.part == DataPart::kValidLatest) latest.push_back(row);
  }
  return write_rows(std::move(latest), kMostForGate, directory / "choice" / "own.jsonl");
}

}  // namespace kith::tuning
