// SPDX-License-Identifier: Apache-2.0
//
// What the replicas' own words say of the group as a whole.
package dev.svr2.host.cluster;

import com.google.protobuf.ByteString;
import dev.svr2.proto.MemberStatus;
import dev.svr2.proto.StatusReply;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Immutable.
 *
 * @param voters in the newest membership that a living replica knows of, dead ones among them; 0
 *     without a group
 * @param livingVoters those of them whose host runs, answering or not
 * @param quorum of the voters
 * @param voting voters that answer
 */
public record GroupHealth(int voters, int livingVoters, int quorum, int voting) {

  /** Of the group whose replicas these are. */
  public static GroupHealth of(List<ReplicaView> replicas) {
    int voting = (int) replicas.stream().filter(ReplicaView::votes).count();
    Optional<StatusReply> newest =
        replicas.stream()
            .filter(ReplicaView::alive)
            .map(ReplicaView::enclave)
            .filter(status -> status.hasGroup() && status.getMembersCount() > 0)
            .max(Comparator.comparingLong(StatusReply::getCommitIndex));
    if (newest.isEmpty()) {
      return new GroupHealth(0, 0, 0, voting);
    }
    Set<ByteString> living =
        replicas.stream()
            .filter(replica -> replica.alive() && replica.status() != null)
            .map(replica -> replica.enclave().getPeerId())
            .collect(Collectors.toSet());
    Set<ByteString> voters =
        newest.get().getMembersList().stream()
            .filter(MemberStatus::getVoting)
            .map(MemberStatus::getPeerId)
            .collect(Collectors.toSet());
    int livingVoters = (int) voters.stream().filter(living::contains).count();
    int superMajority = newest.get().getGroup().getSuperMajority();
    return new GroupHealth(
        voters.size(), livingVoters, quorum(voters.size(), superMajority), voting);
  }

  /** protocol.md §4. */
  static int quorum(int voters, int superMajority) {
    return Math.min(voters, (voters - superMajority) / 2 + 1 + superMajority);
  }

  /**
   * Fewer than a quorum of the voters live; since none comes back, the group's secrets are gone.
   */
  public boolean lost() {
    return voters > 0 && livingVoters < quorum;
  }

  /** One more voter may die: the group goes on, and heals by itself. */
  public boolean canLoseOne() {
    return voters > 0 && voting == livingVoters && livingVoters - 1 >= quorum;
  }
}
