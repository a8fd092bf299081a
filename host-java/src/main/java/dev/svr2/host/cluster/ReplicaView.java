// SPDX-License-Identifier: Apache-2.0
//
// What is known of one replica of a group on one machine, at one moment.
package dev.svr2.host.cluster;

import dev.svr2.host.config.HostPort;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.JoinStatus;
import dev.svr2.proto.RaftRole;
import dev.svr2.proto.StatusReply;
import java.util.HexFormat;
import java.util.Locale;

/**
 * Immutable.
 *
 * @param number from 1
 * @param pid of its present host, or of the last one
 * @param alive that process runs, which a stopped one does, too
 * @param starts hosts started for this replica so far
 * @param ended how the last host ended; empty when none did
 * @param answering its host answered a moment ago
 * @param status the last answer of the present host; null when there is none yet
 */
public record ReplicaView(
    int number,
    HostPort client,
    long pid,
    boolean alive,
    int starts,
    String ended,
    boolean answering,
    GetStatusResponse status) {

  private static final int SHORT_ID_BYTES = 4;

  /** What its enclave says of itself; the default instance when it has not said anything. */
  public StatusReply enclave() {
    return status == null ? StatusReply.getDefaultInstance() : status.getEnclave();
  }

  /** The first digits of its enclave's id; a dash when that is not known. */
  public String shortId() {
    byte[] id = enclave().getPeerId().toByteArray();
    return id.length < SHORT_ID_BYTES ? "-" : HexFormat.of().formatHex(id, 0, SHORT_ID_BYTES);
  }

  /** A voter whose membership is committed. */
  public boolean votes() {
    return alive && answering && enclave().getMember() && enclave().getVoting();
  }

  /** A client request would be answered. */
  public boolean ready() {
    return alive && answering && status != null && status.getReady();
  }

  public boolean leads() {
    return alive && answering && enclave().getRole() == RaftRole.RAFT_ROLE_LEADER;
  }

  /** In Raft's words; a dash outside of a group. */
  public String role() {
    RaftRole role = enclave().getRole();
    return role == RaftRole.RAFT_ROLE_NONE || role == RaftRole.UNRECOGNIZED
        ? "-"
        : role.name().replace("RAFT_ROLE_", "").replace('_', '-').toLowerCase(Locale.ROOT);
  }

  /** What it is doing, in a few words; changes only when something happens. */
  public String state() {
    if (!alive) {
      return starts == 0 ? "not started" : "ended (" + ended + ")";
    }
    if (status == null) {
      return starts == 1 ? "starting" : "starting again";
    }
    if (!answering) {
      return "no answer";
    }
    String joining = joining();
    if (!joining.isEmpty()) {
      return joining;
    }
    if (!enclave().hasGroup()) {
      return "no group yet";
    }
    if (!enclave().getMember()) {
      return "not a member yet";
    }
    String what = enclave().getVoting() ? "voting" : "member";
    return status.getReady() ? what : what + ", not ready: " + status.getNotReadyReason();
  }

  private String joining() {
    return switch (enclave().getJoin().getPhase()) {
      case JOIN_PHASE_CONNECTING -> "joining: looks for a source";
      case JOIN_PHASE_LOADING -> "joining: loads rows";
      case JOIN_PHASE_COMPARING -> "joining: compares rows with voters";
      case JOIN_PHASE_ASKING -> "joining: asks for membership";
      case JOIN_PHASE_NONE, UNRECOGNIZED -> "";
    };
  }

  /** Rows held; those loaded so far while it joins. */
  public long rows() {
    JoinStatus join = enclave().getJoin();
    return Math.max(enclave().getRows(), join.getRowsLoaded());
  }

  /** Where its status page is; empty while that is not known. */
  public String httpAddress() {
    return status == null ? "" : status.getHttpAddress();
  }
}
