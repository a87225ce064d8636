#include "kith/persona/language_groups.h"

#include <cmath>
#include <map>

#include "kith/text/language.h"

namespace kith::persona {
namespace {

// As many bytes say what language somebody writes.
constexpr std::size_t kEnoughBytes = 2048;
// A dimension with a smaller deviation does not vary.
constexpr double kMinDeviation = 1e-6;

struct Moments {
  double mass = 0.0;
  std::vector<double> means;
  std::vector<double> deviations;
};

Moments measure(const UserVectors& vectors, const std::vector<std::size_t>& users) {
  const std::size_t width = vectors.dimensions;
  Moments moments{0.0, std::vector<double>(width), std::vector<double>(width)};
  std::vector<double> squares(width);
  for (const std::size_t user : users) {
    moments.mass += 1.0;
    for (std::size_t d = 0; d < width; ++d) {
      const double value = vectors.values[user * width + d];
      moments.means[d] += value;
      squares[d] += value * value;
    }
  }
  for (std::size_t d = 0; d < width && moments.mass > 0.0; ++d) {
    moments.means[d] /= moments.mass;
    const double variance = squares[d] / moments.mass - moments.means[d] * moments.means[d];
    moments.deviations[d] = std::sqrt(std::max(variance, 0.0));
  }
  return moments;
}

}  // namespace

std::string main_language(const std::vector<std::string>& messages) {
  std::string text;
  for (const std::string& message : messages) {
    if (text.size() >= kEnoughBytes) break;
    text += message;
    text += '\n';
  }
  return text::detect_language(text).code;
}

void center_by_language(const std::vector<std::string>& languages,
                        const std::vector<std::size_t>& teachers, std::size_t floor, bool scales,
                        UserVectors& vectors) {
  std::map<std::string, std::vector<std::size_t>> groups;
  for (const std::size_t user : teachers) {
    if (vectors.known[user]) groups[languages[user]].push_back(user);
  }
  std::vector<std::size_t> rare;
  std::map<std::string, Moments> moments;
  for (const auto& [language, users] : groups) {
    if (users.size() >= floor) {
      moments.emplace(language, measure(vectors, users));
    } else {
      rare.insert(rare.end(), users.begin(), users.end());
    }
  }
  const Moments of_rare = measure(vectors, rare);
  const std::size_t width = vectors.dimensions;
  for (std::size_t user = 0; user < languages.size(); ++user) {
    if (!vectors.known[user]) continue;
    const auto found = moments.find(languages[user]);
    const Moments& own = found == moments.end() ? of_rare : found->second;
    for (std::size_t d = 0; d < width; ++d) {
      float& value = vectors.values[user * width + d];
      const double centered = value - own.means[d];
      const double deviation = scales ? own.deviations[d] : 1.0;
      value = deviation > kMinDeviation ? static_cast<float>(centered / deviation) : 0.0F;
    }
  }
}

}  // namespace kith::persona
