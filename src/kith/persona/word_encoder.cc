#include "kith/persona/word_encoder.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "kith/base/file.h"
#include "kith/base/fingerprint.h"
#include "kith/base/json.h"
#include "kith/base/new_directory.h"
#include "kith/persona/classifier_card.h"
#include "kith/persona/network_trainer.h"
#include "kith/persona/ngram_features.h"

namespace kith::persona {
namespace {

// One text in so many is kept from training.
constexpr std::size_t kHeldOut = 20;
constexpr std::size_t kMaxHidden = 4096;
constexpr int kMaxThreads = 8;
// Texts of a step.
constexpr std::size_t kBatch = 64;

Error invalid(const std::string& what) { return Error{ErrorCode::kInvalidArgument, what}; }

Status check(std::span<const std::string> texts, std::span<const float> vectors,
             std::size_t dimensions, const EncoderTraining& options) {
  if (texts.size() < 2 * kHeldOut) return invalid("an encoder needs at least 40 texts");
  if (dimensions < 1 || dimensions > kMaxDimensions ||
      vectors.size() != texts.size() * dimensions) {
    return invalid("every text must have one vector of 1 to " + std::to_string(kMaxDimensions) +
                   " elements");
  }
  if (options.features < 1 || options.features > kMaxFeatures) {
    return invalid("features must be in [1, " + std::to_string(kMaxFeatures) + "]");
  }
  if (options.hidden > kMaxHidden || options.hidden % 16 != 0) {
    return invalid("hidden must be a multiple of 16 in [0, 4096]");
  }
  if (options.epochs < 1 || options.epochs > 1000) return invalid("epochs must be in [1, 1000]");
  if (!(options.learning_rate > 0.0F && options.learning_rate <= 1.0F)) {
    return invalid("learning_rate must be in (0, 1]");
  }
  return {};
}

void to_length_one(std::span<float> vector) {
  double squares = 0.0;
  for (const float x : vector) squares += static_cast<double>(x) * static_cast<double>(x);
  if (squares <= 0.0) return;
  const auto scale = static_cast<float>(1.0 / std::sqrt(squares));
  for (float& x : vector) x *= scale;
}

std::vector<WeighedRow> rows_of(const FeatureTable& table, std::string_view text) {
  std::vector<FeatureHash> features;
  append_ngrams(fold_text(text, kMaxEncodedBytes), features);
  std::vector<WeighedRow> rows;
  table.weigh(features, rows);
  return rows;
}

// Names what the vectors depend on: the weights, and what of a text they see.
std::string hash_of(std::string_view bytes) {
  return base::to_hex(base::hash_bytes(kEncoderFeaturesVersion, base::hash_bytes(bytes)));
}

SparseModel train_model(std::span<const std::string> texts, std::span<const float> vectors,
                        std::size_t dimensions, const EncoderTraining& options) {
  std::vector<std::vector<FeatureHash>> documents;
  for (const std::string& text : texts) {
    append_ngrams(fold_text(text, kMaxEncodedBytes), documents.emplace_back());
  }
  SparseModel model;
  model.features = FeatureTable::build(documents, 2, options.features);
  documents.clear();
  std::vector<TrainingExample> examples;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i % kHeldOut == 0) continue;
    examples.push_back({.rows = rows_of(model.features, texts[i]),
                        .target = vectors.subspan(i * dimensions, dimensions)});
  }
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  model.members.push_back(to_network(train_network(examples,
                                                   {.inputs = model.features.size(),
                                                    .outputs = dimensions,
                                                    .hidden = options.hidden,
                                                    .epochs = options.epochs,
                                                    .batch = kBatch,
                                                    .learning_rate = options.learning_rate,
                                                    .input_dropout = 0.0F,
                                                    .hidden_dropout = 0.0F,
                                                    .seed = options.seed,
                                                    .threads = std::clamp(cores, 1, kMaxThreads)},
                                                   options.progress)));
  return model;
}

double mean_cosine(const SparseModel& model, std::span<const std::string> texts,
                   std::span<const float> vectors, std::size_t dimensions) {
  double total = 0.0;
  double count = 0.0;
  std::vector<float> vector(dimensions);
  for (std::size_t i = 0; i < texts.size(); i += kHeldOut) {
    model.run(rows_of(model.features, texts[i]), vector);
    to_length_one(vector);
    for (std::size_t k = 0; k < dimensions; ++k) {
      total += static_cast<double>(vector[k]) * static_cast<double>(vectors[i * dimensions + k]);
    }
    count += 1.0;
  }
  return total / count;
}

// Sizes of the card of an encoder, in their ranges.
struct Sizes {
  std::size_t dimensions = 0;
  std::size_t hidden = 0;
  std::string version;
};

Result<std::size_t> read_size(const base::Json& json, const char* key, std::int64_t low,
                              std::int64_t high) {
  KITH_ASSIGN_OR_RETURN(const auto value, base::read_integer(json, key));
  if (!value || *value < low || *value > high) {
    return invalid(std::string(key) + " must be in [" + std::to_string(low) + ", " +
                   std::to_string(high) + "]");
  }
  return static_cast<std::size_t>(*value);
}

Result<Sizes> parse_sizes(std::string_view card) {
  KITH_ASSIGN_OR_RETURN(const base::Json json, base::parse_json(card));
  if (!json.is_object()) return invalid("must be a JSON object");
  KITH_ASSIGN_OR_RETURN(const auto schema, base::read_integer(json, "schema"));
  if (schema != kEncoderSchema) return invalid("schema must be " + std::to_string(kEncoderSchema));
  KITH_ASSIGN_OR_RETURN(const auto features, base::read_string(json, "features"));
  if (features != kEncoderFeaturesVersion) {
    return invalid("features must be \"" + std::string(kEncoderFeaturesVersion) + "\"");
  }
  Sizes sizes;
  KITH_ASSIGN_OR_RETURN(sizes.dimensions, read_size(json, "dimensions", 1, kMaxDimensions));
  KITH_ASSIGN_OR_RETURN(sizes.hidden, read_size(json, "hidden", 0, kMaxHidden));
  KITH_ASSIGN_OR_RETURN(const auto version, base::read_string(json, "version"));
  sizes.version = version.value_or("");
  return sizes;
}

}  // namespace

Result<std::shared_ptr<const WordEncoder>> WordEncoder::train(std::span<const std::string> texts,
                                                              std::span<const float> vectors,
                                                              std::size_t dimensions,
                                                              const EncoderTraining& options) {
  KITH_RETURN_IF_ERROR(check(texts, vectors, dimensions, options));
  base::OrderedJson provenance = base::OrderedJson::object();
  if (!options.provenance.empty()) {
    KITH_ASSIGN_OR_RETURN(provenance, base::parse_ordered_json(options.provenance));
    if (!provenance.is_object()) return invalid("provenance must be a JSON object");
  }
  std::shared_ptr<WordEncoder> encoder(new WordEncoder);
  encoder->model_ = train_model(texts, vectors, dimensions, options);
  const std::string bytes = to_bytes(encoder->model_);
  encoder->dimensions_ = dimensions;
  encoder->hash_ = hash_of(bytes);
  std::uint64_t data = base::kHashSeed;
  for (const std::string& text : texts) data = base::hash_bytes(text + '\0', data);
  base::OrderedJson card{
      {"schema", kEncoderSchema},
      {"kind", "word encoder"},
      {"features", kEncoderFeaturesVersion},
      {"version", base::to_hex(base::hash_bytes(bytes))},
      {"dimensions", dimensions},
      {"hidden", options.hidden},
      {"ngrams", encoder->model_.features.size()},
      {"texts", texts.size()},
      {"data_hash", base::to_hex(data)},
      {"epochs", options.epochs},
      {"seed", options.seed},
      {"metrics", {{"cosine", mean_cosine(encoder->model_, texts, vectors, dimensions)}}}};
  for (auto& [key, value] : provenance.items()) card[key] = value;
  encoder->card_ = card.dump(2, ' ', false, base::OrderedJson::error_handler_t::replace) + "\n";
  return std::shared_ptr<const WordEncoder>(std::move(encoder));
}

Result<std::shared_ptr<const WordEncoder>> WordEncoder::load(const std::filesystem::path& dir) {
  std::shared_ptr<WordEncoder> encoder(new WordEncoder);
  KITH_ASSIGN_OR_RETURN(encoder->card_, base::read_file(dir / kEncoderCard, 1U << 24));
  auto sizes = parse_sizes(encoder->card_);
  if (!sizes) return std::move(sizes).error().with_context((dir / kEncoderCard).string());
  KITH_ASSIGN_OR_RETURN(const std::string bytes, base::read_file(dir / kEncoderWeights));
  encoder->hash_ = hash_of(bytes);
  if (base::to_hex(base::hash_bytes(bytes)) != sizes->version) {
    return Error{ErrorCode::kConflict, (dir / kEncoderWeights).string() +
                                           ": is not the file that " + kEncoderCard +
                                           " was written for (version)"};
  }
  auto model = parse_sparse_model(std::as_bytes(std::span(bytes)),
                                  {.outputs = sizes->dimensions, .hidden = sizes->hidden});
  if (!model) return std::move(model).error().with_context((dir / kEncoderWeights).string());
  encoder->model_ = *std::move(model);
  encoder->dimensions_ = sizes->dimensions;
  return std::shared_ptr<const WordEncoder>(std::move(encoder));
}

Status WordEncoder::save(const std::filesystem::path& dir) const {
  KITH_ASSIGN_OR_RETURN(auto out, base::NewDirectory::create(dir, kEncoderCard));
  KITH_RETURN_IF_ERROR(base::write_file_atomically(out.path() / kEncoderWeights, to_bytes(model_)));
  KITH_RETURN_IF_ERROR(base::write_file_atomically(out.path() / kEncoderCard, card_));
  return out.commit();
}

Status WordEncoder::encode(std::string_view text, std::span<float> vector) const {
  model_.run(rows_of(model_.features, text), vector);
  to_length_one(vector);
  return {};
}

}  // namespace kith::persona
