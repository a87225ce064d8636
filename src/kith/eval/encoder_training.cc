#include "kith/eval/encoder_training.h"

#include <algorithm>
#include <sstream>
#include <system_error>
#include <thread>

#include "kith/base/file.h"
#include "kith/timeline/feature_map.h"
#include "kith/timeline/training_file.h"

namespace kith::eval {
namespace {

namespace fs = std::filesystem;

std::string quoted(const fs::path& path) {
  std::string text = "\"";
  for (const char c : path.string()) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"";
}

std::string recipe_text(const EncoderSettings& settings, std::int64_t events, std::uint64_t seed,
                        const fs::path& dir) {
  const std::int64_t batch = std::clamp<std::int64_t>(events / 50, settings.least_batch_events,
                                                      settings.most_batch_events);
  const std::int64_t steps_of_epoch = std::max<std::int64_t>(1, events / batch);
  const std::int64_t steps = steps_of_epoch * settings.epochs;
  std::ostringstream text;
  text << "seed = " << seed << "\noutput = " << quoted(dir / "run")
       << "\ntimelines = " << quoted(dir / "data") << "\nwindow = " << settings.window
       << "\ndropout = " << settings.dropout << "\n[model]\nhidden_size = " << settings.hidden_size
       << "\nnum_hidden_layers = " << settings.layers
       << "\nnum_attention_heads = " << settings.heads
       << "\nintermediate_size = " << settings.intermediate_size << "\n[optimizer]\nname = \""
       << settings.optimizer << "\"\nlearning_rate = " << settings.learning_rate
       << "\nschedule = \"cosine\"\nwarmup_steps = " << std::max<std::int64_t>(1, steps / 20)
       << "\nfloor = 0.01\nbeta2 = 0.98\nweight_decay = " << settings.weight_decay
       << "\n[run]\ntokens = " << events * settings.epochs << "\nminutes = " << settings.minutes
       << "\nbatch_tokens = " << batch << "\nmicro_batch_tokens = " << batch
       << "\nvalidate_every = " << std::max<std::int64_t>(1, steps / settings.validations)
       << "\ncheckpoint_minutes = 1000\n";
  return text.str();
}

// Of the training targets: every event but a timeline's first.
std::int64_t targets_of(const Timelines& timelines) {
  std::int64_t sum = 0;
  for (const auto& timeline : timelines) {
    sum += std::max<std::int64_t>(0, static_cast<std::int64_t>(timeline.size()) - 1);
  }
  return sum;
}

}  // namespace

Result<std::unique_ptr<timeline::EventEncoder>> train_encoder(
    const timeline::TimelineSchema& schema, const Timelines& timelines,
    const EncoderSettings& settings, std::uint64_t seed, const fs::path& dir,
    const EncoderTrainer& trainer) {
  timeline::FeatureMapBuilder builder(schema);
  for (const auto& timeline : timelines) builder.add(timeline);
  const timeline::FeatureMap map = builder.build();
  timeline::TrainingFileWriter writer(map);
  for (const auto& timeline : timelines) writer.add(timeline);
  KITH_RETURN_IF_ERROR(writer.save(dir / "data"));
  const fs::path recipe = dir / "recipe.toml";
  KITH_RETURN_IF_ERROR(
      base::write_file_atomically(recipe, recipe_text(settings, targets_of(timelines), seed, dir)));
  KITH_ASSIGN_OR_RETURN(const fs::path encoder, trainer(recipe));
  const int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  return timeline::EventEncoder::load(encoder, {.threads = threads, .max_states = 4});
}

}  // namespace kith::eval
