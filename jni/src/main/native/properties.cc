// SPDX-License-Identifier: Apache-2.0

#include "properties.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <vector>

namespace svr2::bridge {

namespace {

struct Property {
  std::string_view key;
  uint64_t Properties::*field;
  uint64_t min;
  uint64_t max;
};

// NumHeapPages: the object's libraries need some before the first call; 2^24 pages are 64 GiB.
// NumTCS, NumStackPages: what Open Enclave takes. The last two are 16 bits wide in SGX.
constexpr std::array<Property, 6> kProperties = {{
    {"Debug", &Properties::debug, 0, 1},
    {"NumHeapPages", &Properties::heap_pages, 256, uint64_t{1} << 24},
    {"NumStackPages", &Properties::stack_pages, 1, 65536},
    {"NumTCS", &Properties::num_tcs, 1, 32},
    {"ProductID", &Properties::product_id, 0, 65535},
    {"SecurityVersion", &Properties::security_version, 0, 65535},
}};

// Keys that oesign knows beside these, and that would silently do nothing here.
constexpr std::string_view kOesignOnly[] = {
    "FamilyID",     "ExtendedProductID",     "RequireKSS",
    "StartAddress", "CreateZeroBaseEnclave", "CapturePFGPExceptions"};

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// How many letters must be changed, added or dropped (Levenshtein), capitals or not.
size_t Distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; };
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string UnknownKey(std::string_view key) {
  std::string text = "unknown property \"" + std::string(key.substr(0, 64)) + "\"";
  if (std::find(std::begin(kOesignOnly), std::end(kOesignOnly), key) != std::end(kOesignOnly)) {
    return text + ": oesign knows it, but it has no meaning here";
  }
  const Property* nearest = std::min_element(
      kProperties.begin(), kProperties.end(),
      [&](const auto& x, const auto& y) { return Distance(key, x.key) < Distance(key, y.key); });
  if (Distance(key, nearest->key) <= nearest->key.size() / 2) {
    text += "; did you mean " + std::string(nearest->key) + "?";
  }
  return text;
}

Outcome Refuse(size_t line, const std::string& text) {
  const std::string where = line == 0 ? "" : "line " + std::to_string(line) + ": ";
  return Outcome::Fail(SVR2_BRIDGE_IMAGE_PROPERTIES, where + text);
}

Outcome ParseLine(std::string_view text, size_t line, std::array<size_t, 6>* seen_at,
                  Properties* out) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return Refuse(line, "not of the form Key=Value: \"" + std::string(text.substr(0, 64)) + "\"");
  }
  const std::string_view key = Trim(text.substr(0, equals));
  const std::string_view value = Trim(text.substr(equals + 1));
  const Property* property = std::find_if(kProperties.begin(), kProperties.end(),
                                          [&](const Property& p) { return p.key == key; });
  if (property == kProperties.end()) return Refuse(line, UnknownKey(key));
  const std::string name(key);
  size_t& seen = (*seen_at)[static_cast<size_t>(property - kProperties.begin())];
  if (seen != 0) return Refuse(line, name + " was given in line " + std::to_string(seen) + " too");
  seen = line;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = error == std::errc() && end == value.data() + value.size();
  if (!whole || number < property->min || number > property->max) {
    return Refuse(line, name + "=" + std::string(value.substr(0, 64)) +
                            ": must be a decimal number from " + std::to_string(property->min) +
                            " to " + std::to_string(property->max));
  }
  out->*property->field = number;
  return Outcome::Ok();
}

}  // namespace

Outcome ParseProperties(std::string_view conf, Properties* out) {
  std::array<size_t, 6> seen_at{};
  Properties parsed;
  for (size_t line = 1; !conf.empty(); ++line) {
    const size_t end = std::min(conf.find('\n'), conf.size());
    std::string_view text = conf.substr(0, end);
    conf.remove_prefix(std::min(end + 1, conf.size()));
    text = Trim(text.substr(0, text.find('#')));
    if (text.empty()) continue;
    if (Outcome outcome = ParseLine(text, line, &seen_at, &parsed); !outcome.ok()) return outcome;
  }
  for (size_t i = 0; i < kProperties.size(); ++i) {
    if (seen_at[i] == 0) return Refuse(0, std::string(kProperties[i].key) + " is missing");
  }
  *out = parsed;
  return Outcome::Ok();
}

std::string CanonicalProperties(const Properties& properties) {
  std::string out;
  for (const Property& property : kProperties) {
    out += std::string(property.key) + "=" + std::to_string(properties.*property.field) + "\n";
  }
  return out;
}

}  // namespace svr2::bridge
