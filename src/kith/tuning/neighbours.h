// What the users of other personas were answered. It trains nothing: an adapter must not tell them
// worse, which is measured twice, on different users. Once to choose how much of its update stays
// (choice/others/PERSONA.jsonl), once by the gate (others/PERSONA.jsonl).
#pragma once

#include <filesystem>
#include <vector>

#include "kith/persona/training_data.h"

namespace kith::tuning {

// The rows of the members who belong to none of `options.personas`, selected as training data is.
// Without such members, or with fewer than two users of them, there are none; nor if
// `options.personas` is empty, which means everybody.
// Errors: those of the stores and ports.
Result<std::vector<persona::TrainingRow>> select_neighbours(
    storage::StoreSet& stores, const storage::TenantScope& scope,
    const std::vector<persona::Member>& members, const persona::DataOptions& options,
    const persona::DataPorts& ports);

// Writes them below `directory`, and the persona's own latest conversations, which train nothing
// either, as choice/own.jsonl. A bounded number of rows for each persona. Errors: kUnavailable.
Status write_neighbours(const std::vector<persona::TrainingRow>& neighbours,
                        const persona::TrainingData& own, const std::filesystem::path& directory);

}  // namespace kith::tuning
