// SPDX-License-Identifier: Apache-2.0
//
// What `svr2 admin` prints, as maps that become lines or JSON.
package dev.svr2.host.cli;

import com.google.protobuf.ByteString;
import dev.svr2.enclave.ErrorText;
import dev.svr2.proto.Error;
import dev.svr2.proto.GetPeersResult;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.JoinPhase;
import dev.svr2.proto.JoinStatus;
import dev.svr2.proto.MemberStatus;
import dev.svr2.proto.MinimumLimits;
import dev.svr2.proto.RaftGroupConfig;
import dev.svr2.proto.StatusReply;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** Field names are part of the interface (--json): they are added to, never renamed. Stateless. */
final class AdminText {
  private AdminText() {}

  static Map<String, Object> describe(GetStatusResponse status) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("ready", status.getReady());
    fields.put("not_ready_reason", status.getNotReadyReason());
    fields.put("live", status.getLive());
    fields.put("protection", status.getNotProtected() ? "NOT PROTECTED" : "protected");
    fields.put("platform", status.getPlatform());
    fields.put("measurement", hex(status.getMeasurement()));
    fields.put("client_address", status.getClientAddress());
    fields.put("control_address", status.getControlAddress());
    fields.put("peer_address", status.getPeerAddress());
    fields.put("http_address", status.getHttpAddress());
    fields.put("websocket_address", status.getWebsocketAddress());
    fields.put("enclaves_started", Integer.toUnsignedLong(status.getEnclavesStarted()));
    fields.put("version", status.getVersion());
    fields.put("uptime_seconds", status.getUptimeSeconds());
    if (status.hasEnclave()) {
      fields.put("replica", describe(status.getEnclave()));
    }
    return fields;
  }

  static Map<String, Object> describe(StatusReply replica) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("id", hex(replica.getPeerId()));
    fields.put("role", word(replica.getRole().name(), "RAFT_ROLE_"));
    fields.put("member", replica.getMember());
    fields.put("voting", replica.getVoting());
    fields.put("leader", hex(replica.getLeaderId()));
    fields.put("term", replica.getTerm());
    fields.put("last_index", replica.getLastIndex());
    fields.put("promise_index", replica.getPromiseIndex());
    fields.put("commit_index", replica.getCommitIndex());
    fields.put("applied_index", replica.getAppliedIndex());
    fields.put("rows", replica.getRows());
    fields.put("log_bytes", replica.getLogBytes());
    fields.put("client_sessions", replica.getClientSessions());
    fields.put("group_time_seconds", replica.getGroupTimeSeconds());
    if (replica.getJoin().getPhase() != JoinPhase.JOIN_PHASE_NONE) {
      fields.put("join", describe(replica.getJoin()));
    }
    if (replica.hasGroup()) {
      fields.put("group", describe(replica.getGroup()));
    }
    fields.put("members", replica.getMembersList().stream().map(AdminText::describe).toList());
    fields.put("minimums", describe(replica.getMinimums()));
    return fields;
  }

  static Map<String, Object> describe(MemberStatus member) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("id", hex(member.getPeerId()));
    fields.put("voting", member.getVoting());
    fields.put("connected", member.getConnected());
    fields.put("stored_index", member.getStoredIndex());
    fields.put("silent_ticks", Integer.toUnsignedLong(member.getSilentTicks()));
    return fields;
  }

  static Map<String, Object> describe(RaftGroupConfig group) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("group_id", HexFormat.of().toHexDigits(group.getGroupId()));
    fields.put("min_voting_replicas", Integer.toUnsignedLong(group.getMinVotingReplicas()));
    fields.put("max_voting_replicas", Integer.toUnsignedLong(group.getMaxVotingReplicas()));
    fields.put("super_majority", Integer.toUnsignedLong(group.getSuperMajority()));
    fields.put("db_version", Integer.toUnsignedLong(group.getDbVersion()));
    fields.put("attestation_timeout", Integer.toUnsignedLong(group.getAttestationTimeout()));
    fields.put("simulated", group.getSimulated());
    return fields;
  }

  static Map<String, Object> describe(MinimumLimits minimums) {
    Map<String, Object> fields = new LinkedHashMap<>();
    new TreeMap<>(minimums.getLimMap()).forEach((name, value) -> fields.put(name, hex(value)));
    return fields;
  }

  static Map<String, Object> describe(GetPeersResult.Peer peer) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("id", hex(peer.getPeerId()));
    fields.put("address", peer.getAddress());
    fields.put("connected", peer.getConnected());
    fields.put("unacknowledged_bytes", peer.getUnacknowledgedBytes());
    fields.put("resets", peer.getResets());
    return fields;
  }

  private static Map<String, Object> describe(JoinStatus join) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("phase", word(join.getPhase().name(), "JOIN_PHASE_"));
    fields.put("source", hex(join.getSourceId()));
    fields.put("rows_loaded", join.getRowsLoaded());
    fields.put("attempts_failed", Integer.toUnsignedLong(join.getAttemptsFailed()));
    fields.put(
        "last_error", join.getLastError() == Error.OK ? "" : ErrorText.of(join.getLastError()));
    return fields;
  }

  private static String word(String constant, String prefix) {
    return constant.replace(prefix, "").toLowerCase(Locale.ROOT).replace('_', '-');
  }

  static String hex(ByteString bytes) {
    return HexFormat.of().formatHex(bytes.toByteArray());
  }
}
