// SPDX-License-Identifier: Apache-2.0
//
// The script interpreter: words to calls, results to lines.

#include "raft/script_testing.h"

#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "raft/raft_testing.h"
#include "util/hex_testing.h"

namespace svr2::raft {
namespace {

using Words = std::vector<std::string>;

std::string KindName(EntryKind kind) {
  static const char* const kNames[] = {"nothing", "data", "membership", "minimums"};
  return kNames[static_cast<size_t>(kind)];
}

EntryKind KindOf(const std::string& name) {
  for (uint8_t kind = 0; kind < 4; ++kind) {
    if (KindName(static_cast<EntryKind>(kind)) == name) return static_cast<EntryKind>(kind);
  }
  throw std::invalid_argument("no such kind: " + name);
}

std::string RoleName(Role role) {
  static const char* const kNames[] = {"", "follower", "pre-candidate", "candidate", "leader"};
  return kNames[static_cast<size_t>(role)];
}

std::string FateName(Fate fate) {
  static const char* const kNames[] = {"pending", "committed", "replaced", "unknown", "dropped"};
  return kNames[static_cast<size_t>(fate)];
}

std::string ShortHash(const Hash& hash) { return util::ToHex(hash).substr(0, 8); }

Message MessageOf(const std::string& kind) {
  if (kind == "append") return AppendRequest{};
  if (kind == "append-answer") return AppendAnswer{};
  if (kind == "vote") return VoteRequest{};
  if (kind == "vote-answer") return VoteAnswer{};
  if (kind == "timeout-now") return TimeoutNow{};
  throw std::invalid_argument("no such message: " + kind);
}

uint8_t NumberOf(const std::string& name) {
  if (name.size() < 2 || name[0] != 'r') throw std::invalid_argument("not a replica: " + name);
  return static_cast<uint8_t>(std::stoul(name.substr(1)));
}

// name=value among the words, or a default.
uint64_t Option(const Words& words, const std::string& name, uint64_t otherwise) {
  for (const std::string& word : words) {
    if (word.rfind(name + "=", 0) == 0) return std::stoull(word.substr(name.size() + 1));
  }
  return otherwise;
}

bool Has(const Words& words, const std::string& wanted) {
  for (const std::string& word : words) {
    if (word == wanted) return true;
  }
  return false;
}

class Interpreter {
 public:
  std::string Run(const std::string& line) {
    out_.str("");
    Words words;
    std::istringstream in(line);
    for (std::string word; in >> word;) words.push_back(word);
    try {
      Dispatch(words);
    } catch (const std::exception& e) {
      out_ << "BAD COMMAND: " << e.what() << "\n";
    }
    return out_.str();
  }

 private:
  void Dispatch(const Words& words) {
    static const std::map<std::string, void (Interpreter::*)(const Words&)> kCommands = {
        {"found", &Interpreter::Found},       {"propose", &Interpreter::Propose},
        {"tick", &Interpreter::Tick},         {"output", &Interpreter::TakeOutput},
        {"apply", &Interpreter::Apply},       {"status", &Interpreter::Status},
        {"log", &Interpreter::ShowLog},       {"fate", &Interpreter::ShowFate},
        {"step", &Interpreter::Step},         {"step-down", &Interpreter::StepDown},
        {"campaign", &Interpreter::Campaign}, {"stop", &Interpreter::Stop},
        {"copy", &Interpreter::Copy},         {"same", &Interpreter::Same}};
    const auto command = kCommands.find(words.at(1));
    if (command == kCommands.end()) throw std::invalid_argument("no such command: " + words[1]);
    name_ = words[0];
    (this->*command->second)(words);
  }

  Raft& raft() { return replicas_.at(name_); }
  void Ok() { out_ << "ok\n"; }
  void Say(svr2::Status status) { out_ << proto::Error_Name(status.error()) << "\n"; }

  void Found(const Words& words) {
    Options options;
    options.group.min_voting_replicas = static_cast<uint32_t>(Option(words, "min", 0));
    options.group.max_voting_replicas = static_cast<uint32_t>(Option(words, "max", 0));
    options.group.super_majority = static_cast<uint32_t>(Option(words, "s", 0));
    options.election_ticks = static_cast<uint32_t>(Option(words, "election", 10));
    options.heartbeat_ticks = static_cast<uint32_t>(Option(words, "heartbeat", 2));
    options.log.max_bytes = Option(words, "max_bytes", options.log.max_bytes);
    options.log.min_entries = Option(words, "min_entries", options.log.min_entries);
    options.log.max_age_ticks =
        static_cast<uint32_t>(Option(words, "max_age", options.log.max_age_ticks));
    // The second draw is 4, the third 5 and so on: election timeouts that a reader can follow.
    Result<Raft> made = Has(words, "wait") ? RaftTesting::NewFounder(options, CountingRandom(3))
                                           : Raft::Found(options, TestPeer(NumberOf(name_)),
                                                         TestGroupKey(), CountingRandom(3));
    if (!made.ok()) return Say(made.status());
    replicas_.erase(name_);
    replicas_.emplace(name_, std::move(made).value());
    Ok();
  }

  void Propose(const Words& words) {
    const std::string& text = words.at(3);
    const std::string payload =
        text[0] == '*' ? std::string(std::stoul(text.substr(1)), 'x') : text;
    const Result<Position> position = raft().Propose(KindOf(words.at(2)), Text(payload));
    if (!position.ok()) return Say(position.status());
    Show(*position);
    if (words.size() > 5 && words[4] == "as") names_[words[5]] = *position;
  }

  void Tick(const Words& words) {
    const uint64_t ticks = words.size() > 2 ? std::stoull(words[2]) : 1;
    for (uint64_t i = 0; i < ticks; ++i) raft().Tick();
    Ok();
  }

  void TakeOutput(const Words&) {
    const Output output = raft().TakeOutput();
    for (const RoleChange& change : output.role_changes) {
      out_ << RoleName(change.role) << " of term " << change.term << "\n";
    }
    out_ << output.messages.size() << " messages\n";
    if (output.dropped_entries > 0) out_ << "dropped " << output.dropped_entries << "\n";
    if (output.stopped.has_value())
      out_ << "stopped: " << proto::Error_Name(*output.stopped) << "\n";
    for (uint64_t i = output.first_committed; i <= output.last_committed; ++i) {
      out_ << "committed ";
      ShowEntry(raft().log().At(i));
    }
    handed_over_[name_] = std::max(handed_over_[name_], output.last_committed);
  }

  void Apply(const Words& words) {
    raft().AppliedTo(words.size() > 2 ? std::stoull(words[2]) : handed_over_[name_]);
    Ok();
  }

  void Status(const Words&) {
    const Raft& r = raft();
    out_ << RoleName(r.role()) << ", term " << r.term() << ", "
         << (r.leader().has_value() ? "leader known" : "no leader") << ", " << r.voters()
         << " voters, quorum " << r.quorum() << "\n";
    out_ << "last " << r.last_index() << " promise " << r.promise_index() << " commit "
         << r.commit_index() << " applied " << r.applied_index() << "\n";
    out_ << "log from " << r.log().first_index() << ": " << r.log().entries() << " entries, "
         << r.log().bytes() << " bytes\n";
  }

  void ShowLog(const Words&) {
    const Log& log = raft().log();
    if (log.entries() == 0) out_ << "empty\n";
    for (uint64_t i = log.first_index(); i <= log.last_index(); ++i) ShowEntry(log.At(i));
  }

  void ShowFate(const Words& words) {
    Position position = names_.at(words.at(2));
    position.term = Option(words, "term", position.term);
    if (Has(words, "forged")) position.hash[0] ^= 1;
    out_ << FateName(raft().FateOf(position)) << "\n";
  }

  void Step(const Words& words) {
    Say(raft().Step(TestPeer(NumberOf(words.at(2))), MessageOf(words.at(3))));
  }
  void StepDown(const Words&) {
    RaftTesting::StepDown(&raft());
    Ok();
  }
  void Campaign(const Words&) {
    RaftTesting::Campaign(&raft());
    Ok();
  }
  void Stop(const Words& words) {
    proto::Error error = proto::OK;
    if (!proto::Error_Parse(words.at(2), &error)) throw std::invalid_argument("no such error");
    raft().Stop(error);
    Ok();
  }
  void Copy(const Words& words) {
    const Raft copy = raft();
    replicas_.erase(words.at(2));
    replicas_.emplace(words[2], copy);
    handed_over_[words[2]] = handed_over_[name_];
    Ok();
  }
  void Same(const Words& words) {
    out_ << (IntegrityState(raft()) == IntegrityState(replicas_.at(words.at(2))) ? "yes" : "no")
         << "\n";
  }

  void Show(const Position& position) {
    out_ << "index " << position.index << " term " << position.term << " hash "
         << ShortHash(position.hash) << "\n";
  }
  void ShowEntry(const EntryView& entry) {
    out_ << entry.index << ": term " << entry.term << " " << KindName(entry.kind) << " "
         << entry.payload.size() << " bytes, hash " << ShortHash(entry.hash) << "\n";
  }

  std::map<std::string, Raft> replicas_;
  std::map<std::string, uint64_t> handed_over_;
  std::map<std::string, Position> names_;
  std::string name_;
  std::ostringstream out_;
};

}  // namespace

std::string RunScript(const std::string& script) {
  Interpreter interpreter;
  std::istringstream in(script);
  std::string out;
  std::string line;
  bool in_transcript = false;
  while (std::getline(in, line)) {
    if (line.empty()) in_transcript = false;
    if (in_transcript) continue;  // The old one; the new one is already there.
    if (line == "----") {
      in_transcript = true;
      continue;
    }
    out += line + "\n";
    if (line.empty() || line[0] == '#') continue;
    out += "----\n" + interpreter.Run(line);
    in_transcript = true;
  }
  return out;
}

}  // namespace svr2::raft
