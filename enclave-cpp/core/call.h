// SPDX-License-Identifier: Apache-2.0
//
// What one call into the enclave carries along: requests and consensus messages that it gathered
// and output that it owes.

#ifndef SVR2_CORE_CALL_H_
#define SVR2_CORE_CALL_H_

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/core.h"
#include "core/output_batch.h"
#include "core/request_batch.h"

namespace svr2::core {

struct Core::Call {
  Call(Core* core, uint64_t tag)
      : output(core->env_, core->tree_.get(), &core->metrics_), requests(tag, core->env_) {}

  // Something was left for this peer: it goes out at the end of the call, with all else.
  void Touch(std::shared_ptr<peers::Peer> peer) {
    if (std::find(touched.begin(), touched.end(), peer) != touched.end()) return;
    if (touched.empty()) touched.reserve(kUsualPeers);
    touched.push_back(std::move(peer));
  }

  // Room for so many is made at once.
  static constexpr size_t kUsualPeers = 6;
  static constexpr size_t kUsualMessages = 4;
  // More than this is not gathered, and not decided on in one go.
  static constexpr size_t kMaxMessages = 256;
  static constexpr size_t kMaxMessageBytes = size_t{1} << 20;

  OutputBatch output;
  RequestBatch requests;
  // Consensus messages that came one right after the other, and what they take.
  std::vector<PeerMessage> messages;
  size_t message_bytes = 0;
  std::vector<std::shared_ptr<peers::Peer>> touched;
  // Joiners wait for entries that this call applied.
  bool pump_streams = false;
  // Clients must be shown new evidence.
  bool renew_server_key = false;
};

}  // namespace svr2::core

#endif  // SVR2_CORE_CALL_H_
