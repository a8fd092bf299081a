// SPDX-License-Identifier: Apache-2.0

#include "simulator/raft_text.h"

#include <cstdio>

namespace svr2::simulator {
namespace {

// index.term:first byte of the hash
std::string At(const raft::Position& position) {
  char hash[4];
  std::snprintf(hash, sizeof(hash), "%02x", position.hash[0]);
  return std::to_string(position.index) + "." + std::to_string(position.term) + ":" + hash;
}

std::string Text(const raft::AppendRequest& m) {
  std::string text = "append t" + std::to_string(m.term) + " #" + std::to_string(m.round) +
                     " after " + At(m.previous);
  for (const raft::Entry& entry : m.entries) {
    text += " +" + At({entry.index, entry.term, entry.hash});
    if (entry.kind == raft::EntryKind::kMembership) text += "M";
  }
  text +=
      " promise " + std::to_string(m.promise_index) + " commit " + std::to_string(m.commit_index);
  if (m.entries_dropped) text += " dropped";
  if (!m.wants_answer) text += " news";
  return text;
}
std::string Text(const raft::AppendAnswer& m) {
  return "answer t" + std::to_string(m.term) + " #" + std::to_string(m.round) +
         (m.accepted ? " yes " : " no ") + At(m.position) + " promise " +
         std::to_string(m.promise_index);
}
std::string Text(const raft::VoteRequest& m) {
  return std::string(m.pre_vote ? "pre-vote?" : "vote?") + " t" + std::to_string(m.term) +
         " last " + At(m.last) + " proof " + At(m.proof) + " promise " + At(m.promise) +
         (m.ordered_by_leader ? " ordered" : "");
}
std::string Text(const raft::VoteAnswer& m) {
  return std::string(m.pre_vote ? "pre-vote" : "vote") + (m.granted ? " yes" : " no") + " t" +
         std::to_string(m.term) + " promise " + std::to_string(m.promise_index);
}
std::string Text(const raft::TimeoutNow& m) { return "timeout-now t" + std::to_string(m.term); }
std::string Text(const raft::Removed& m) { return "removed t" + std::to_string(m.term); }

}  // namespace

std::string TextOf(const raft::Message& message) {
  return std::visit([](const auto& m) { return Text(m); }, message);
}

}  // namespace svr2::simulator
