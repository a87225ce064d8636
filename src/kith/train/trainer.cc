#include "kith/train/trainer.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <exception>
#include <functional>
#include <thread>

#include "kith/base/file.h"
#include "kith/base/log.h"
#include "kith/train/bridge_loop.h"
#include "kith/train/model_files.h"
#include "kith/train/perceiver.h"
#include "kith/train/perceiver_loop.h"
#include "kith/train/preference_data.h"
#include "kith/train/preference_loop.h"
#include "kith/train/prepare.h"
#include "kith/train/timeline_loop.h"
#include "kith/train/torch_compat.h"
#include "kith/train/training_loop.h"

namespace kith::train {
namespace {

// The fence around libtorch, which throws.
template <typename T>
Result<T> fenced(const std::function<Result<T>()>& body) {
  try {
    return body();
  } catch (const c10::Error& error) {
    return Error{ErrorCode::kInternal, std::string("libtorch: ") + error.what_without_backtrace()};
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInternal, std::string("libtorch: ") + error.what()};
  }
}

Result<torch::Device> choose_device(const std::string& name) {
  const bool available = torch::cuda::is_available();
  if (name == "cuda" && !available) {
    return Error{ErrorCode::kUnavailable, "device is cuda, but none is available"};
  }
  return torch::Device(name != "cpu" && available ? torch::kCUDA : torch::kCPU);
}

// What the process's BLAS calls itself. The system chooses it at load time, so it is asked, not
// known.
std::string blas_name() {
  using ConfigFunction = const char* (*)();
  if (void* found = dlsym(RTLD_DEFAULT, "openblas_get_config"); found != nullptr) {
    return reinterpret_cast<ConfigFunction>(found)();
  }
  if (dlsym(RTLD_DEFAULT, "mkl_get_version") != nullptr) return "MKL";
  if (dlsym(RTLD_DEFAULT, "bli_info_get_version_str") != nullptr) return "BLIS";
  // PyTorch's own builds hide theirs inside of the library, and name it in its settings. A generic
  // one is what the system chooses.
  const std::string settings = at::show_config();
  constexpr std::string_view kKey = "BLAS_INFO=";
  const std::size_t at = settings.find(kKey);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + kKey.size();
  const std::string name = settings.substr(begin, settings.find_first_of(",; \n", begin) - begin);
  return name == "generic" || name == "none" ? std::string() : name;
}

void report_blas() {
  const std::string name = blas_name();
  if (!name.empty()) {
    base::log_debug("BLAS: " + name);
    return;
  }
  base::log_warn(
      "the BLAS is unknown, perhaps the reference one, which makes float training many times "
      "slower; install libopenblas0-pthread");
}

// A run that was killed while it wrote a checkpoint leaves the temporary file behind.
void remove_torn_checkpoints(const std::filesystem::path& output) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(output, error)) {
    std::error_code ignored;
    if (entry.path().filename().string().starts_with("checkpoint.safetensors.")) {
      std::filesystem::remove(entry.path(), ignored);
    }
  }
}

// libtorch's own default takes one thread of a core with two.
int num_threads(const Recipe& recipe) {
  if (recipe.threads > 0) return static_cast<int>(recipe.threads);
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

Result<torch::Device> set_up(const Recipe& recipe) {
  KITH_ASSIGN_OR_RETURN(const torch::Device device, choose_device(recipe.device));
  at::set_num_threads(num_threads(recipe));
  if (device.is_cpu()) report_blas();
  std::error_code error;
  std::filesystem::create_directories(recipe.output, error);
  if (error) {
    return Error{ErrorCode::kUnavailable, "cannot create " + recipe.output.string()};
  }
  remove_torn_checkpoints(recipe.output);
  return device;
}

torch::Dtype compute_dtype(const Recipe& recipe) {
  return recipe.bf16 ? torch::kBFloat16 : torch::kFloat;
}

Result<PreparedData> get_data(const Recipe& recipe, const TrainOptions& options,
                              ProgressReporter& reporter) {
  if (options.prepared_only) return load_prepared(recipe);
#ifdef KITH_ONLY_TRAIN
  return load_prepared(recipe);
#else
  return prepare(recipe, [&](const std::string& message) { reporter.say(message); });
#endif
}

Status check_vocabulary(const PreparedData& data, const Decoder& decoder) {
  if (data.vocab_size <= decoder.config().vocab_size) return {};
  return Error{ErrorCode::kInvalidArgument,
               "the tokenizer has more tokens than the model's vocab_size " +
                   std::to_string(decoder.config().vocab_size) + ": " +
                   std::to_string(data.vocab_size)};
}

Status check_sequence(const Recipe& recipe, const ModelConfig& config) {
  for (const Stage& stage : recipe.stages) {
    if (stage.sequence <= config.max_position_embeddings) continue;
    return Error{ErrorCode::kInvalidArgument, "stage sequence exceeds max_position_embeddings " +
                                                  std::to_string(config.max_position_embeddings) +
                                                  ": " + std::to_string(stage.sequence)};
  }
  return {};
}

Result<std::unique_ptr<Decoder>> make_base_decoder(const Recipe& recipe, std::int64_t vocab_size,
                                                   torch::Device device) {
  if (!recipe.init.empty()) return load_model(recipe.init, device, compute_dtype(recipe));
  ModelConfig config = recipe.model;
  // A vocabulary that ran out of pairs early leaves rows that are never used.
  config.vocab_size = std::max(recipe.tokenizer.vocab_size, vocab_size);
  auto decoder = std::make_unique<Decoder>(config, device, compute_dtype(recipe));
  decoder->parameters().initialize(recipe.seed);
  return decoder;
}

Result<TrainReport> run_base(const Recipe& recipe, const TrainOptions& options) {
  KITH_ASSIGN_OR_RETURN(const torch::Device device, set_up(recipe));
  KITH_ASSIGN_OR_RETURN(auto reporter,
                        ProgressReporter::open(recipe.output / "log.jsonl", options.quiet));
  KITH_ASSIGN_OR_RETURN(const PreparedData data, get_data(recipe, options, reporter));
  KITH_ASSIGN_OR_RETURN(const auto decoder, make_base_decoder(recipe, data.vocab_size, device));
  KITH_RETURN_IF_ERROR(check_vocabulary(data, *decoder));
  KITH_RETURN_IF_ERROR(check_sequence(recipe, decoder->config()));
  reporter.say(std::to_string(decoder->parameters().num_parameters()) + " parameters");
  TrainingLoop loop({recipe,
                     options,
                     data,
                     *decoder,
                     decoder->parameters(),
                     to_config_json(decoder->config(), -1, -1, "float32"),
                     {},
                     reporter});
  KITH_ASSIGN_OR_RETURN(TrainReport report, loop.run());
  if (!report.finished) return report;
  report.result = recipe.output / "model";
  KITH_RETURN_IF_ERROR(save_model(*decoder, data.tokenizer,
                                  recipe.bf16 ? torch::kBFloat16 : torch::kFloat, report.result));
  return report;
}

Result<std::unique_ptr<LoraWeights>> make_lora(const Recipe& recipe, const Decoder& decoder) {
  if (!recipe.init_adapter.empty()) {
    return load_adapter(recipe.init_adapter, decoder.config(), recipe.lora.dropout,
                        decoder.device(), compute_dtype(recipe));
  }
  const LoraOptions options{recipe.lora.rank, recipe.lora.alpha, recipe.lora.dropout,
                            recipe.lora.targets};
  KITH_RETURN_IF_ERROR(check_lora_options(options));
  auto lora = std::make_unique<LoraWeights>(decoder.config(), options, decoder.device(),
                                            compute_dtype(recipe));
  lora->initialize(recipe.seed);
  return lora;
}

// Identifies the shape of an adapter's run in checkpoints.
std::string adapter_run_config(const Decoder& decoder, const LoraWeights& lora) {
  return to_config_json(decoder.config(), -1, -1, "float32") + "lora rank " +
         std::to_string(lora.options().rank) + " of " +
         std::to_string(lora.parameters().specs().size());
}

Result<TrainReport> run_adapter(const Recipe& recipe, const TrainOptions& options) {
  KITH_ASSIGN_OR_RETURN(const torch::Device device, set_up(recipe));
  KITH_ASSIGN_OR_RETURN(auto reporter,
                        ProgressReporter::open(recipe.output / "log.jsonl", options.quiet));
  KITH_ASSIGN_OR_RETURN(const PreparedData data, get_data(recipe, options, reporter));
  KITH_ASSIGN_OR_RETURN(const auto decoder, load_model(recipe.init, device, compute_dtype(recipe)));
  KITH_RETURN_IF_ERROR(check_vocabulary(data, *decoder));
  KITH_RETURN_IF_ERROR(check_sequence(recipe, decoder->config()));
  decoder->parameters().set_requires_grad(false);
  KITH_ASSIGN_OR_RETURN(const auto lora, make_lora(recipe, *decoder));
  decoder->set_lora(lora.get());
  reporter.say(std::to_string(lora->parameters().num_parameters()) + " trained parameters");
  TrainingLoop loop({recipe, options, data, *decoder, lora->parameters(),
                     adapter_run_config(*decoder, *lora),
                     [&](bool training) { lora->set_training(training); }, reporter});
  KITH_ASSIGN_OR_RETURN(TrainReport report, loop.run());
  if (!report.finished) return report;
  report.result = recipe.output / "adapter";
  KITH_RETURN_IF_ERROR(save_adapter(*lora, recipe.init.string(), report.result));
  return report;
}

Result<PreparedPreferences> get_preferences(const Recipe& recipe, const TrainOptions& options,
                                            ProgressReporter& reporter) {
  if (options.prepared_only) return load_prepared_preferences(recipe);
#ifdef KITH_ONLY_TRAIN
  return load_prepared_preferences(recipe);
#else
  return prepare_preferences(recipe, [&](const std::string& message) { reporter.say(message); });
#endif
}

Result<TrainReport> run_preference(const Recipe& recipe, const TrainOptions& options) {
  KITH_ASSIGN_OR_RETURN(const torch::Device device, set_up(recipe));
  KITH_ASSIGN_OR_RETURN(auto reporter,
                        ProgressReporter::open(recipe.output / "log.jsonl", options.quiet));
  KITH_ASSIGN_OR_RETURN(const auto prepared, get_preferences(recipe, options, reporter));
  KITH_ASSIGN_OR_RETURN(const auto decoder, load_model(recipe.init, device, compute_dtype(recipe)));
  KITH_RETURN_IF_ERROR(check_vocabulary(prepared.texts, *decoder));
  KITH_RETURN_IF_ERROR(check_sequence(recipe, decoder->config()));
  decoder->parameters().set_requires_grad(false);
  KITH_ASSIGN_OR_RETURN(const auto lora, make_lora(recipe, *decoder));
  decoder->set_lora(lora.get());
  const bool is_dpo = recipe.preference.method == PreferenceMethod::kDpo;
  PreferenceLoop loop({recipe, options, prepared, *decoder, *lora,
                       adapter_run_config(*decoder, *lora) + (is_dpo ? " dpo" : " kto"), reporter});
  KITH_ASSIGN_OR_RETURN(TrainReport report, loop.run());
  if (!report.finished) return report;
  report.result = recipe.output / "adapter";
  KITH_RETURN_IF_ERROR(save_adapter(*lora, recipe.init.string(), report.result));
  return report;
}

Result<TrainReport> run_timeline(const Recipe& recipe, const TrainOptions& options) {
  KITH_ASSIGN_OR_RETURN(const torch::Device device, set_up(recipe));
  KITH_ASSIGN_OR_RETURN(auto reporter,
                        ProgressReporter::open(recipe.output / "log.jsonl", options.quiet));
  KITH_ASSIGN_OR_RETURN(const auto data, TimelineData::open(recipe.timeline.data));
  if (!has_windows(data, HeldOut::of(data))) {
    return Error{ErrorCode::kInvalidArgument,
                 "no user has enough events: three, or two where none is kept for validation"};
  }
  ModelConfig shape = recipe.model;
  shape.vocab_size = data.num_ids();
  KITH_RETURN_IF_ERROR(check_model_config(shape));
  TimelineModel model(shape, data.features(), device, compute_dtype(recipe));
  model.set_texts(data.texts());
  model.decoder().parameters().initialize(recipe.seed);
  reporter.say(std::to_string(model.decoder().parameters().num_parameters()) + " parameters, " +
               std::to_string(data.num_users()) + " users");
  TimelineLoop loop({recipe, options, data, model,
                     to_config_json(model.decoder().config(), -1, -1, "float32") + "timeline",
                     reporter});
  KITH_ASSIGN_OR_RETURN(TrainReport report, loop.run());
  if (!report.finished) return report;
  report.result = recipe.output / "encoder";
  KITH_RETURN_IF_ERROR(save_encoder(model.decoder(), recipe.timeline.window, report.result));
  KITH_ASSIGN_OR_RETURN(const std::string features,
                        base::read_file(recipe.timeline.data / "features.json"));
  KITH_RETURN_IF_ERROR(base::write_file_atomically(report.result / "features.json", features));
  KITH_RETURN_IF_ERROR(save_met_terms(loop.met_terms(), report.result / "met_terms.json"));
  if (recipe.timeline.perceiver.num_latents == 0) return report;
  model.set_dropout(0.0);
  Perceiver perceiver(recipe.timeline.perceiver, shape.hidden_size, recipe.timeline.window, device,
                      compute_dtype(recipe));
  perceiver.parameters().initialize(recipe.seed);
  PerceiverLoop perceiver_loop({recipe, options, data, model, perceiver, reporter});
  KITH_ASSIGN_OR_RETURN(const TrainReport read, perceiver_loop.run());
  report.finished = read.finished;
  if (read.finished) KITH_RETURN_IF_ERROR(save_perceiver(perceiver, report.result));
  return report;
}

Result<PreparedData> get_examples(const Recipe& recipe, const TrainOptions& options,
                                  ProgressReporter& reporter) {
  if (options.prepared_only) return load_prepared(recipe);
#ifdef KITH_ONLY_TRAIN
  return load_prepared(recipe);
#else
  return prepare_bridge(recipe, [&](const std::string& message) { reporter.say(message); });
#endif
}

// What a bridge's run has beside the language model; parts that the recipe does not ask for are
// empty.
struct BridgeParts {
  std::optional<TimelineData> timelines;
  std::unique_ptr<UserEncoder> encoder;
  std::optional<UserBridge> bridge;
  std::unique_ptr<LoraWeights> lora;
};

Status make_bridge(const Recipe& recipe, const Decoder& decoder, BridgeParts& parts) {
  KITH_ASSIGN_OR_RETURN(parts.timelines, TimelineData::open(recipe.bridge.timelines));
  KITH_ASSIGN_OR_RETURN(parts.encoder, UserEncoder::load(recipe.bridge.encoder, *parts.timelines,
                                                         decoder.device(), compute_dtype(recipe)));
  parts.encoder->set_requires_grad(recipe.bridge.strategy == BridgeStrategy::kEncoder);
  KITH_ASSIGN_OR_RETURN(auto shape,
                        bridge_shape(recipe.bridge, decoder.config(), parts.encoder->width(),
                                     parts.encoder->num_latents()));
  parts.bridge.emplace(std::move(shape), decoder.device(), compute_dtype(recipe));
  const double square = decoder.embedding().to(torch::kFloat).square().mean().item<double>();
  parts.bridge->initialize(recipe.seed, std::sqrt(square));
  return {};
}

Status save_bridge_parts(const Recipe& recipe, const BridgeParts& parts, TrainReport& report) {
  if (parts.lora) {
    report.result = recipe.output / "adapter";
    KITH_RETURN_IF_ERROR(save_adapter(*parts.lora, recipe.init.string(), report.result));
  }
  if (!parts.bridge) return {};
  if (recipe.bridge.strategy == BridgeStrategy::kEncoder) {
    const auto directory = recipe.output / "encoder";
    KITH_RETURN_IF_ERROR(parts.encoder->save(directory));
    // What was fitted beside the weights stays as it was.
    for (const char* name : {"features.json", "met_terms.json"}) {
      if (!std::filesystem::exists(recipe.bridge.encoder / name)) continue;
      KITH_ASSIGN_OR_RETURN(const std::string bytes, base::read_file(recipe.bridge.encoder / name));
      KITH_RETURN_IF_ERROR(base::write_file_atomically(directory / name, bytes));
    }
  }
  report.result = recipe.output / "bridge";
  return save_bridge(*parts.bridge, recipe.init.string(), report.result);
}

// Identifies the shape of a bridge's run in checkpoints.
std::string bridge_run_config(const Decoder& decoder, const BridgeParts& parts) {
  std::string config = parts.lora ? adapter_run_config(decoder, *parts.lora)
                                  : to_config_json(decoder.config(), -1, -1, "float32");
  if (parts.bridge) {
    config += parts.bridge->is_soft_prompt() ? "soft prompt " : "cross-attention ";
    config += std::to_string(parts.bridge->parameters().num_parameters());
  }
  return config;
}

Result<TrainReport> run_bridge(const Recipe& recipe, const TrainOptions& options) {
  KITH_ASSIGN_OR_RETURN(const torch::Device device, set_up(recipe));
  KITH_ASSIGN_OR_RETURN(auto reporter,
                        ProgressReporter::open(recipe.output / "log.jsonl", options.quiet));
  KITH_ASSIGN_OR_RETURN(const PreparedData data, get_examples(recipe, options, reporter));
  KITH_ASSIGN_OR_RETURN(const auto decoder, load_model(recipe.init, device, compute_dtype(recipe)));
  KITH_RETURN_IF_ERROR(check_vocabulary(data, *decoder));
  decoder->parameters().set_requires_grad(false);
  BridgeParts parts;
  if (recipe.bridge.type != BridgeType::kNone) {
    KITH_RETURN_IF_ERROR(make_bridge(recipe, *decoder, parts));
  }
  if (recipe.bridge.strategy == BridgeStrategy::kLora) {
    KITH_ASSIGN_OR_RETURN(parts.lora, make_lora(recipe, *decoder));
    decoder->set_lora(parts.lora.get());
  }
  BridgeLoop loop({recipe, options, data, *decoder, parts.bridge ? &*parts.bridge : nullptr,
                   parts.encoder.get(), parts.timelines ? &*parts.timelines : nullptr,
                   parts.lora.get(), bridge_run_config(*decoder, parts), reporter});
  KITH_ASSIGN_OR_RETURN(TrainReport report, loop.run());
  if (report.finished) KITH_RETURN_IF_ERROR(save_bridge_parts(recipe, parts, report));
  return report;
}

// Fills in the speeds of forward and backward passes over one micro-batch.
void time_steps(const Recipe& recipe, bool plain, double seconds, BenchFigure& figure) {
  ModelConfig config = recipe.model;
  config.vocab_size = std::max<std::int64_t>(recipe.tokenizer.vocab_size, 512);
  Decoder decoder(config, torch::kCPU, plain ? torch::kFloat : compute_dtype(recipe));
  decoder.parameters().initialize(recipe.seed);
  decoder.set_operations(plain ? Operations::kPlain : Operations::kCustom);
  const std::int64_t sequence = recipe.stages.front().sequence;
  const std::int64_t rows = std::max<std::int64_t>(1, recipe.run.micro_batch_tokens / sequence);
  const auto ids = torch::randint(config.vocab_size, {rows, sequence + 1}, torch::kLong);
  const auto inputs = ids.narrow(1, 0, sequence).contiguous();
  const auto targets = ids.narrow(1, 1, sequence).contiguous();
  const auto step = [&] {
    if (plain && recipe.bf16) set_cpu_autocast(true);
    const auto loss = decoder.loss(inputs, targets, 1.0 / static_cast<double>(rows * sequence));
    if (plain && recipe.bf16) set_cpu_autocast(false);
    loss.backward();
    decoder.parameters().collect_gradients();
  };
  step();
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t cpu_start = std::clock();
  double tokens = 0.0;
  double spent = 0.0;
  while (spent < seconds) {
    step();
    tokens += static_cast<double>(rows * sequence);
    spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  const auto ticks = static_cast<double>(std::clock() - cpu_start);
  figure.tokens_per_second = tokens / spent;
  figure.tokens_per_cpu_second = tokens * static_cast<double>(CLOCKS_PER_SEC) / ticks;
}

}  // namespace

Result<TrainReport> train_base(const Recipe& recipe, const TrainOptions& options) {
  return fenced<TrainReport>([&] { return run_base(recipe, options); });
}

Result<TrainReport> train_adapter(const Recipe& recipe, const TrainOptions& options) {
  return fenced<TrainReport>([&] { return run_adapter(recipe, options); });
}

Result<TrainReport> train_preference(const Recipe& recipe, const TrainOptions& options) {
  return fenced<TrainReport>([&] { return run_preference(recipe, options); });
}

Result<TrainReport> train_timeline(const Recipe& recipe, const TrainOptions& options) {
  return fenced<TrainReport>([&] { return run_timeline(recipe, options); });
}

Result<TrainReport> train_bridge(const Recipe& recipe, const TrainOptions& options) {
  return fenced<TrainReport>([&] { return run_bridge(recipe, options); });
}

Result<std::vector<BenchFigure>> bench_training(const Recipe& recipe, double seconds_each) {
  return fenced<std::vector<BenchFigure>>([&]() -> Result<std::vector<BenchFigure>> {
    std::vector<BenchFigure> figures;
    const int most = num_threads(recipe);
    for (int threads = 1; threads <= most; threads *= 2) {
      at::set_num_threads(threads);
      for (const bool plain : {true, false}) {
        figures.push_back({plain ? "plain" : "custom", threads, recipe.stages.front().sequence});
        time_steps(recipe, plain, seconds_each, figures.back());
      }
    }
    return figures;
  });
}

}  // namespace kith::train
