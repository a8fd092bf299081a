// SPDX-License-Identifier: Apache-2.0
//
// The script interpreter: words to calls, results to lines.

#include "raft/script_testing.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "raft/group_testing.h"
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

std::string Text(const Position& position) {
  return std::to_string(position.index) + "/" + std::to_string(position.term);
}

// A message as one line. Positions are index/term.
struct Describe {
  std::string operator()(const AppendRequest& m) const {
    std::string out = "append, term " + std::to_string(m.term) + ", after " + Text(m.previous);
    for (const Entry& entry : m.entries) {
      out += ", " + Text(Position{entry.index, entry.term, {}}) + " " + KindName(entry.kind);
    }
    out += ", promise " + std::to_string(m.promise_index) + ", commit " +
           std::to_string(m.commit_index);
    if (m.entries_dropped) out += ", entries dropped";
    return out + (m.wants_answer ? "" : ", no answer");
  }
  std::string operator()(const AppendAnswer& m) const {
    return (m.accepted ? "accepted, term " : "refused, term ") + std::to_string(m.term) +
           (m.accepted ? ", equal to " : ", holds ") + Text(m.position) + ", promise " +
           std::to_string(m.promise_index);
  }
  std::string operator()(const VoteRequest& m) const {
    return std::string(m.pre_vote ? "pre-vote" : "vote") + "?, term " + std::to_string(m.term) +
           ", last " + Text(m.last) + ", promise " + Text(m.promise) + ", proof " + Text(m.proof) +
           (m.ordered_by_leader ? ", ordered" : "");
  }
  std::string operator()(const VoteAnswer& m) const {
    return std::string(m.pre_vote ? "pre-vote " : "vote ") + (m.granted ? "granted" : "refused") +
           ", term " + std::to_string(m.term) + ", promise " + std::to_string(m.promise_index);
  }
  std::string operator()(const TimeoutNow& m) const {
    return "campaign now, term " + std::to_string(m.term);
  }
  std::string operator()(const Removed& m) const {
    return "you were removed, term " + std::to_string(m.term);
  }
};

std::string Name(uint8_t number) { return "r" + std::to_string(number); }

Message MessageOf(const std::string& kind) {
  if (kind == "append") return AppendRequest{};
  if (kind == "append-answer") return AppendAnswer{};
  if (kind == "vote") return VoteRequest{};
  if (kind == "vote-answer") return VoteAnswer{};
  if (kind == "timeout-now") return TimeoutNow{};
  if (kind == "removed") return Removed{};
  throw std::invalid_argument("no such message: " + kind);
}

uint8_t NumberIn(const std::string& name) {
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
        {"found", &Interpreter::Found},
        {"propose", &Interpreter::Propose},
        {"tick", &Interpreter::Tick},
        {"output", &Interpreter::TakeOutput},
        {"apply", &Interpreter::Apply},
        {"status", &Interpreter::Status},
        {"log", &Interpreter::ShowLog},
        {"fate", &Interpreter::ShowFate},
        {"step", &Interpreter::Step},
        {"step-down", &Interpreter::StepDown},
        {"campaign", &Interpreter::Campaign},
        {"stop", &Interpreter::Stop},
        {"copy", &Interpreter::Copy},
        {"same", &Interpreter::Same},
        {"save", &Interpreter::Save},
        {"restore", &Interpreter::Restore},
        {"change", &Interpreter::Change},
        {"transfer", &Interpreter::Transfer},
        {"members", &Interpreter::Members},
        {"forget", &Interpreter::Forget},
        {"progress", &Interpreter::ShowProgress}};
    if (words[0] == "net") return Net(words);
    const auto command = kCommands.find(words.at(1));
    if (command == kCommands.end()) throw std::invalid_argument("no such command: " + words[1]);
    name_ = words[0];
    (this->*command->second)(words);
  }

  Raft& raft() {
    if (group_ != nullptr && group_->Has(NumberIn(name_))) return (*group_)[NumberIn(name_)];
    return replicas_.at(name_);
  }
  void Ok() { out_ << "ok\n"; }
  void Say(svr2::Status status) { out_ << proto::Error_Name(status.error()) << "\n"; }

  Options OptionsIn(const Words& words) {
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
    return options;
  }

  void Found(const Words& words) {
    const Options options = OptionsIn(words);
    // The second draw is 4, the third 5 and so on: election timeouts that a reader can follow.
    Result<Raft> made = Has(words, "wait") ? RaftTesting::NewFounder(options, CountingRandom(3))
                                           : Raft::Found(options, TestPeer(NumberIn(name_)),
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
    const Result<Position> position = raft().Propose(KindOf(words.at(2)), util::ByteView(payload));
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
    Say(raft().Step(TestPeer(NumberIn(words.at(2))), MessageOf(words.at(3))));
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

  // ---- Several replicas ----

  void Net(const Words& words) {
    static const std::map<std::string, void (Interpreter::*)(const Words&)> kCommands = {
        {"group", &Interpreter::Group},         {"run", &Interpreter::RunNet},
        {"tick", &Interpreter::TickNet},        {"deliver", &Interpreter::Deliver},
        {"elect", &Interpreter::Elect},         {"crash", &Interpreter::Crash},
        {"joiner", &Interpreter::Joiner},       {"replay", &Interpreter::Replay},
        {"hold", &Interpreter::ChangeLinks},    {"release", &Interpreter::ChangeLinks},
        {"drop", &Interpreter::ChangeLinks},    {"cut", &Interpreter::ChangeLinks},
        {"isolate", &Interpreter::ChangeLinks}, {"heal", &Interpreter::ChangeLinks},
        {"connect", &Interpreter::ChangeLinks}, {"among", &Interpreter::ChangeLinks}};
    const auto command = kCommands.find(words.at(1));
    if (command == kCommands.end()) throw std::invalid_argument("no such command: " + words[1]);
    if (group_ == nullptr && words[1] != "group") throw std::invalid_argument("no group");
    (this->*command->second)(words);
  }

  void Group(const Words& words) {
    const auto voters = static_cast<uint8_t>(Option(words, "voters", 3));
    const auto members = static_cast<uint8_t>(Option(words, "members", voters));
    Options options = OptionsIn(words);
    if (options.group.min_voting_replicas == 0) options.group.min_voting_replicas = voters;
    if (options.group.max_voting_replicas == 0) options.group.max_voting_replicas = voters;
    group_ = std::make_unique<TestGroup>(options, members, voters);
    group_->on_delivery = [this](const TestGroup::Delivered& one) {
      last_[{one.sent.from, one.sent.to}] = one.sent.message;
      if (!quiet_) {
        out_ << Name(one.sent.from) << ">" << Name(one.sent.to) << " "
             << std::visit(Describe(), one.sent.message) << "\n";
      }
      if (!one.status.ok()) {
        out_ << "  " << Name(one.sent.to) << ": " << proto::Error_Name(one.status.error()) << "\n";
      }
    };
    group_->on_output = [this](uint8_t number, const Output& output) {
      ShowOutput(number, output);
    };
    Ok();
  }

  void ShowOutput(uint8_t number, const Output& output) {
    const std::string name = "  " + Name(number) + ": ";
    for (const RoleChange& change : output.role_changes) {
      out_ << name << RoleName(change.role) << " of term " << change.term << "\n";
    }
    if (output.dropped_entries > 0) out_ << name << "dropped " << output.dropped_entries << "\n";
    if (output.stopped.has_value()) {
      out_ << name << "stopped: " << proto::Error_Name(*output.stopped) << "\n";
    }
    if (output.first_committed > output.last_committed) return;
    out_ << name << "committed " << output.first_committed;
    if (output.first_committed < output.last_committed) out_ << " to " << output.last_committed;
    out_ << "\n";
  }

  // A number among the words, or so many that it is no limit.
  static size_t Limit(const Words& words, size_t from) {
    for (size_t i = from; i < words.size(); ++i) {
      if (words[i][0] >= '0' && words[i][0] <= '9') return std::stoul(words[i]);
    }
    return 10000;
  }
  void RunNet(const Words& words) {
    quiet_ = Has(words, "quiet");
    group_->Run(Limit(words, 2));
    quiet_ = false;
    if (out_.str().empty()) out_ << "nothing\n";
  }
  void TickNet(const Words& words) {
    quiet_ = !Has(words, "aloud");
    group_->Tick(words.size() > 2 ? static_cast<uint32_t>(std::stoul(words[2])) : 1);
    quiet_ = false;
    if (out_.str().empty()) out_ << "nothing\n";
  }
  // The first message of one link.
  void Deliver(const Words& words) {
    const uint8_t from = NumberIn(words.at(2));
    const uint8_t to = NumberIn(words.at(3));
    group_->TakeAll();
    std::deque<Sent>& queue = group_->net().queue();
    for (auto sent = queue.begin(); sent != queue.end(); ++sent) {
      if (sent->from != from || sent->to != to) continue;
      Sent first = std::move(*sent);
      queue.erase(sent);
      queue.push_front(std::move(first));
      const bool held = group_->net().IsHeld(from, to);
      group_->net().Release(from, to);
      group_->DeliverOne();
      if (held) group_->net().Hold(from, to);
      return;
    }
    out_ << "nothing\n";
  }
  // What was delivered last on a link comes again, as after a rollback of the receiver's session.
  void Replay(const Words& words) {
    const uint8_t from = NumberIn(words.at(2));
    const uint8_t to = NumberIn(words.at(3));
    group_->net().queue().push_front(Sent{from, to, last_.at({from, to})});
    group_->DeliverOne();
  }
  void Elect(const Words& words) {
    quiet_ = Has(words, "quiet");
    group_->Elect(NumberIn(words.at(2)), Limit(words, 3));
    quiet_ = false;
  }
  void Crash(const Words& words) {
    group_->Crash(NumberIn(words.at(2)));
    Ok();
  }
  void Joiner(const Words& words) {
    group_->AddJoinerFrom(NumberIn(words.at(2)), NumberIn(words.at(3)));
    Ok();
  }
  void ChangeLinks(const Words& words) {
    TestNetwork& net = group_->net();
    group_->TakeAll();
    if (words[1] == "heal") {
      group_->Heal();
      return Ok();
    }
    if (words[1] == "among") {
      std::set<uint8_t> members;
      for (size_t i = 2; i < words.size(); ++i) members.insert(NumberIn(words[i]));
      group_->ConnectOnly(members);
      return Ok();
    }
    const uint8_t a = NumberIn(words.at(2));
    if (words[1] == "isolate") {
      group_->Isolate(a);
      return Ok();
    }
    const uint8_t b = NumberIn(words.at(3));
    if (words[1] == "hold") net.Hold(a, b);
    if (words[1] == "release") net.Release(a, b);
    if (words[1] == "connect") group_->Connect(a, b);
    if (words[1] == "cut") {
      net.Cut(a, b);
      net.Cut(b, a);
    }
    if (words[1] == "drop") {
      out_ << net.Drop(a, b) << " lost\n";
      return;
    }
    Ok();
  }

  void Save(const Words& words) {
    saved_.erase(words.at(2));
    saved_.emplace(words[2], raft());
    Ok();
  }
  void Restore(const Words& words) {
    group_->RollBack(NumberIn(name_), saved_.at(words.at(2)));
    Ok();
  }
  void Change(const Words& words) {
    static const std::map<std::string, ChangeKind> kKinds = {{"add", ChangeKind::kAdd},
                                                             {"promote", ChangeKind::kPromote},
                                                             {"demote", ChangeKind::kDemote},
                                                             {"remove", ChangeKind::kRemove}};
    const Result<Position> position = raft().ChangeMembership(
        kKinds.at(words.at(2)), TestPeer(NumberIn(words.at(3))), Has(words, "force"));
    if (!position.ok()) return Say(position.status());
    Show(*position);
  }
  void Transfer(const Words& words) {
    Say(raft().TransferLeadership(
        words.size() > 2 ? std::optional<PeerId>(TestPeer(NumberIn(words[2]))) : std::nullopt));
  }
  void Members(const Words&) {
    for (const Member& member : raft().membership().members()) {
      out_ << Name(NumberOf(member.id)) << (member.voting ? " votes\n" : "\n");
    }
    for (const PeerId& id : raft().membership().removed()) {
      out_ << Name(NumberOf(id)) << " was removed\n";
    }
    if (raft().membership_index() > raft().commit_index()) out_ << "not committed\n";
  }
  void Forget(const Words&) {
    RaftTesting::ForgetLeader(&raft());
    Ok();
  }
  void ShowProgress(const Words&) {
    for (const Raft::MemberProgress& member : raft().OtherMembers()) {
      out_ << Name(NumberOf(member.id)) << (member.voting ? " votes, stored " : " stored ")
           << member.stored << " promised " << member.promised
           << (member.rolled_back ? ", rolled back\n" : "\n");
    }
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
  std::unique_ptr<TestGroup> group_;
  std::map<std::string, Raft> saved_;
  std::map<std::pair<uint8_t, uint8_t>, Message> last_;
  bool quiet_ = false;
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
