// SPDX-License-Identifier: Apache-2.0
//
// What tests of raft share.

#include "raft/raft_testing.h"

namespace svr2::raft {

RandomSource CountingRandom(uint64_t seed) {
  return [next = seed]() mutable -> Result<uint64_t> { return next++; };
}

RandomSource FailingRandom() {
  return []() -> Result<uint64_t> { return proto::ERROR_RANDOM_FAILED; };
}

PeerId TestPeer(uint8_t number) {
  PeerId id;
  id.fill(number);
  return id;
}

Hash TestGroupKey() {
  Hash key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(i);
  return key;
}

Options GroupOfOne() {
  Options options;
  options.group = GroupConfig{1, 1, 0};
  return options;
}

Raft FoundedAlone(const Options& options) {
  Result<Raft> raft = Raft::Found(options, TestPeer(1), TestGroupKey(), CountingRandom(0));
  TakeAndApply(&*raft);
  return *raft;
}

Output TakeAndApply(Raft* raft) {
  Output output = raft->TakeOutput();
  if (output.first_committed <= output.last_committed) raft->AppliedTo(output.last_committed);
  return output;
}

std::vector<uint8_t> IntegrityState(const Raft& raft) {
  std::vector<uint8_t> state(Raft::kMaxIntegrityStateBytes);
  state.resize(raft.WriteIntegrityState(state.data()));
  return state;
}

Membership TestMembership(uint8_t members, uint8_t voters) {
  util::Bytes payload = {1, members};
  for (uint8_t i = 1; i <= members; ++i) {
    util::Append(&payload, TestPeer(i));
    payload.push_back(i <= voters ? 1 : 0);
  }
  return *Membership::Decode(payload);
}

}  // namespace svr2::raft
