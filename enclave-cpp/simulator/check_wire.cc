// SPDX-License-Identifier: Apache-2.0

#include "simulator/check_wire.h"

#include <cstring>
#include <functional>

#include "peers/link.h"
#include "peers/wire.h"

namespace svr2::simulator {
namespace {

constexpr size_t kCounterBytes = 8;
constexpr size_t kRandomBytes = 32;

}  // namespace

void WireChecker::Fresh(const char* random, const std::string& message, Verdict* verdict) {
  const uint64_t hash = std::hash<std::string>()(message);
  const auto [place, first] = seen_.emplace(std::string(random, 16), hash);
  if (!first && place->second != hash) {
    verdict->Violation("key and nonce once", "an enclave used random bytes twice");
  }
}

void WireChecker::PeerMessage(const std::string& data, Verdict* verdict) {
  const Result<peers::MessageView> message = peers::ParseMessage(data);
  if (!message.ok()) {
    verdict->Violation("peer messages", "an enclave sent what is none");
    return;
  }
  const size_t least = kCounterBytes + kRandomBytes;
  if (message->kind == peers::MessageKind::kReset || message->body.size() < least) return;
  const char* const body = reinterpret_cast<const char*>(message->body.data());
  const bool is_data = message->kind == peers::MessageKind::kData;
  Fresh(is_data ? body + kCounterBytes : body, data, verdict);
}

void WireChecker::Output(const std::string& message, Verdict* verdict) const {
  if (memmem(message.data(), message.size(), needle_.data(), needle_.size()) != nullptr) {
    verdict->Violation("nothing in clear", "a secret stands in an enclave's output");
  }
}

}  // namespace svr2::simulator
