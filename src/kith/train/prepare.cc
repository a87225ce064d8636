#include "kith/train/prepare.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "kith/base/file.h"
#include "kith/base/fingerprint.h"
#include "kith/base/json.h"
#include "kith/text/tokenizer.h"
#include "kith/train/bpe_trainer.h"
#include "kith/train/documents.h"
#include "kith/train/token_shard.h"

namespace kith::train {
namespace {

namespace fs = std::filesystem;

// Calls use(document) for every line; stops when it returns false.
Status for_each_document(const fs::path& path, std::string_view bytes,
                         const std::function<Result<bool>(const Document&)>& use) {
  return for_each_line(path, bytes, [&](const base::Json& line) -> Result<bool> {
    KITH_ASSIGN_OR_RETURN(const Document document, read_document(line));
    return use(document);
  });
}

Result<fs::path> make_shard(const DataSource& source, const text::Tokenizer& tokenizer,
                            std::uint64_t tokenizer_hash, const fs::path& cache,
                            const PrepareProgress& progress) {
  KITH_ASSIGN_OR_RETURN(const std::string bytes,
                        base::read_file(source.path, std::size_t{8} << 30));
  const std::string_view option = source.loss == LossOn::kAll ? "2:all" : "2:assistant";
  const std::uint64_t key = base::hash_bytes(option, base::hash_bytes(bytes, tokenizer_hash));
  const fs::path path = cache / (source.path.stem().string() + "-" + base::to_hex(key) + ".tokens");
  if (TokenShard::open(path)) return path;
  progress("encoding " + source.path.string());
  KITH_ASSIGN_OR_RETURN(auto writer, ShardWriter::create(tokenizer, source.loss));
  const auto add = [&](const Document& document) -> Result<bool> {
    KITH_RETURN_IF_ERROR(writer.add(document));
    return true;
  };
  KITH_RETURN_IF_ERROR(for_each_document(source.path, bytes, add));
  KITH_RETURN_IF_ERROR(writer.shard().save(path));
  return path;
}

// Shows the trainer the first `share` of a file's text.
Status sample_source(const DataSource& source, double share, BpeTrainer& trainer) {
  KITH_ASSIGN_OR_RETURN(const std::string bytes,
                        base::read_file(source.path, std::size_t{8} << 30));
  double left = share * static_cast<double>(bytes.size());
  return for_each_document(source.path, bytes, [&](const Document& document) {
    for (const Message& message : document.messages) {
      trainer.add_text(message.content);
      left -= static_cast<double>(message.content.size());
    }
    return left > 0.0;
  });
}

// Takes the same share of every source, so that the sample is not only the first file.
Status train_tokenizer(const Recipe& recipe, const fs::path& directory,
                       const PrepareProgress& progress) {
  progress("training a tokenizer of " + std::to_string(recipe.tokenizer.vocab_size) + " tokens");
  double total = 0.0;
  for (const DataSource& source : recipe.data) {
    std::error_code error;
    const auto size = fs::file_size(source.path, error);
    if (!error && source.weight > 0.0) total += static_cast<double>(size);
  }
  const double share = static_cast<double>(recipe.tokenizer.sample_bytes) / std::max(total, 1.0);
  BpeTrainer trainer;
  for (const DataSource& source : recipe.data) {
    if (source.weight <= 0.0) continue;
    KITH_RETURN_IF_ERROR(sample_source(source, share, trainer));
  }
  const auto vocabulary = trainer.train(recipe.tokenizer.vocab_size);
  return save_tokenizer(vocabulary, recipe.model.max_position_embeddings, directory);
}

// Puts the tokenizer of the recipe into `directory`, unless one is there already.
Status place_tokenizer(const Recipe& recipe, const fs::path& directory,
                       const PrepareProgress& progress) {
  if (recipe.tokenizer.path.empty()) {
    if (fs::exists(directory / "tokenizer.json")) return {};
    return train_tokenizer(recipe, directory, progress);
  }
  std::error_code error;
  fs::create_directories(directory, error);
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                           "chat_template.jinja"}) {
    const fs::path from = recipe.tokenizer.path / name;
    if (!fs::exists(from)) continue;
    KITH_ASSIGN_OR_RETURN(const std::string bytes, base::read_file(from));
    KITH_RETURN_IF_ERROR(base::write_file_atomically(directory / name, bytes));
  }
  return {};
}

}  // namespace

Status save_prepared(const Recipe& recipe, const PreparedData& data) {
  const auto names = [](const std::vector<fs::path>& paths) {
    auto json = base::OrderedJson::array();
    for (const auto& path : paths) json.push_back(path.string());
    return json;
  };
  const base::OrderedJson json{{"vocab_size", data.vocab_size},
                               {"eos", data.eos},
                               {"pad", data.pad},
                               {"data", names(data.data)},
                               {"validation", names(data.validation)}};
  return base::write_file_atomically(recipe.output / "prepared.json", json.dump(1) + "\n");
}

Result<PreparedData> prepare(const Recipe& recipe, const PrepareProgress& progress) {
  PreparedData data;
  data.tokenizer = recipe.output / "tokenizer";
  const fs::path cache = recipe.output / "cache";
  std::error_code error;
  fs::create_directories(cache, error);
  KITH_RETURN_IF_ERROR(place_tokenizer(recipe, data.tokenizer, progress));
  KITH_ASSIGN_OR_RETURN(const auto tokenizer, text::Tokenizer::load(data.tokenizer));
  KITH_ASSIGN_OR_RETURN(const std::string bytes,
                        base::read_file(data.tokenizer / "tokenizer.json"));
  const std::uint64_t hash = base::hash_bytes(bytes);
  const auto shards = [&](const std::vector<DataSource>& sources,
                          std::vector<fs::path>& to) -> Status {
    for (const DataSource& source : sources) {
      KITH_ASSIGN_OR_RETURN(auto path, make_shard(source, tokenizer, hash, cache, progress));
      to.push_back(std::move(path));
    }
    return {};
  };
  KITH_RETURN_IF_ERROR(shards(recipe.data, data.data));
  KITH_RETURN_IF_ERROR(shards(recipe.validation, data.validation));
  KITH_ASSIGN_OR_RETURN(const auto ids, ShardWriter::create(tokenizer, LossOn::kAll));
  data.vocab_size = static_cast<std::int64_t>(tokenizer.vocab_size());
  data.pad = ids.end_document();
  data.eos = ids.end_turn();
  KITH_RETURN_IF_ERROR(save_prepared(recipe, data));
  return data;
}

}  // namespace kith::train
