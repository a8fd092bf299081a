// SPDX-License-Identifier: Apache-2.0
//
// Words for what the enclave counts (metrics.proto). A value without words does not compile: both
// switches are over all values, and have no default.
package dev.svr2.host.metrics;

import dev.svr2.proto.Counter;
import dev.svr2.proto.Gauge;

/** Stateless. */
final class EnclaveDescriptions {
  private EnclaveDescriptions() {}

  /** One sentence without its full stop. Not for COUNTER_UNSET. */
  static String of(Counter counter) {
    return switch (counter) {
      case COUNTER_HOST_MESSAGES -> "Messages that the host handed in";
      case COUNTER_HOST_ITEMS -> "Items in those messages";
      case COUNTER_HOST_OUTPUTS -> "Messages that the enclave handed out";
      case COUNTER_TICKS -> "Ticks of the clock that the host gives";
      case COUNTER_UNKNOWN_REPLIES -> "Replies of the host to nothing asked, ignored";
      case COUNTER_CLIENT_SESSIONS_OPENED -> "Client sessions opened";
      case COUNTER_CLIENT_SESSIONS_CLOSED -> "Client sessions closed";
      case COUNTER_CLIENT_HANDSHAKES -> "Handshakes completed";
      case COUNTER_CLIENT_HANDSHAKES_FAILED -> "Handshakes failed";
      case COUNTER_CLIENT_REQUESTS -> "Requests that were decrypted and well-formed";
      case COUNTER_CLIENT_REQUESTS_REFUSED -> "Requests answered as not applied";
      case COUNTER_CLIENT_REQUESTS_UNKNOWN -> "Requests answered as unknown whether applied";
      case COUNTER_BACKUPS -> "Backups applied";
      case COUNTER_EXPOSES_OK -> "Exposes applied";
      case COUNTER_EXPOSES_ERROR -> "Exposes refused: another secret stood there, or none";
      case COUNTER_RESTORES_OK -> "Restores with the right PIN";
      case COUNTER_RESTORES_MISSING -> "Restores that found nothing";
      case COUNTER_RESTORES_PIN_MISMATCH -> "Restores with a wrong PIN";
      case COUNTER_GUESSES_EXHAUSTED -> "Rows erased by a last wrong guess";
      case COUNTER_DELETES -> "Deletes applied";
      case COUNTER_TRIES -> "Questions for the tries left";
      case COUNTER_ENTRIES_APPENDED -> "Log entries appended";
      case COUNTER_ENTRIES_COMMITTED -> "Log entries committed";
      case COUNTER_ENTRIES_DROPPED -> "Log entries dropped before they were committed";
      case COUNTER_EVIDENCE_REFRESHES -> "Evidence made anew";
      case COUNTER_EVIDENCE_FAILURES -> "Attempts to make evidence that failed";
      case COUNTER_PEER_MESSAGES_SENT -> "Encrypted messages to other enclaves";
      case COUNTER_PEER_MESSAGES_RECEIVED -> "Encrypted messages from other enclaves";
      case COUNTER_PEER_BYTES_SENT -> "Bytes of the messages to other enclaves";
      case COUNTER_PEER_BYTES_RECEIVED -> "Bytes of the messages from other enclaves";
      case COUNTER_PEER_HANDSHAKES -> "Sessions with other enclaves established";
      case COUNTER_PEER_HANDSHAKES_FAILED -> "Handshakes with other enclaves that failed";
      case COUNTER_PEER_RESETS -> "Sessions with other enclaves that ended, for whatever reason";
      case COUNTER_PEER_REQUESTS -> "Transactions asked of other enclaves";
      case COUNTER_PEER_REQUEST_TIMEOUTS -> "Transactions that another enclave did not answer";
      case COUNTER_FORWARDS -> "Log entries forwarded to the leader";
      case COUNTER_ELECTIONS -> "Elections that this replica began";
      case COUNTER_TERMS_LED -> "Elections that this replica won";
      case COUNTER_MEMBERSHIP_CHANGES -> "Changes of the membership committed";
      case COUNTER_STATE_ROWS_SENT -> "Rows sent to replicas that join";
      case COUNTER_STATE_ROWS_LOADED -> "Rows loaded while joining";
      case COUNTER_JOIN_ATTEMPTS_FAILED -> "Attempts to join that ended without success";
      case COUNTER_UNSET, UNRECOGNIZED -> throw new IllegalArgumentException("counter");
    };
  }

  /** One sentence without its full stop. Not for GAUGE_UNSET. */
  static String of(Gauge gauge) {
    return switch (gauge) {
      case GAUGE_ROWS -> "Backups held";
      case GAUGE_CLIENT_SESSIONS -> "Client sessions now";
      case GAUGE_PENDING_HANDSHAKES -> "Clients now that have not finished the handshake";
      case GAUGE_LOG_BYTES -> "Bytes of the log";
      case GAUGE_LOG_ENTRIES -> "Entries of the log";
      case GAUGE_TERM -> "Term of Raft";
      case GAUGE_PROMISE_INDEX -> "Last log index that this replica promised to keep";
      case GAUGE_COMMIT_INDEX -> "Last log index committed";
      case GAUGE_APPLIED_INDEX -> "Last log index applied";
      case GAUGE_IS_LEADER -> "1 when this replica leads its group";
      case GAUGE_IS_VOTER -> "1 when this replica votes";
      case GAUGE_VOTERS -> "Voters of the group";
      case GAUGE_MEMBERS -> "Members of the group";
      case GAUGE_HEAP_BYTES_USED -> "Bytes of the heap in use";
      case GAUGE_HEAP_BYTES_LIMIT -> "Bytes that the heap may have";
      case GAUGE_UNPROTECTED -> "1 on a platform that protects nothing: NOT PROTECTED";
      case GAUGE_STOPPED -> "1 when this replica stopped for good";
      case GAUGE_GROUP_TIME_SECONDS -> "Time that the group agreed on, seconds since 1970";
      case GAUGE_EVIDENCE_AGE_SECONDS -> "Age of the evidence that clients are shown";
      case GAUGE_PEERS_CONNECTED -> "Other enclaves with which a session stands";
      case GAUGE_JOIN_PHASE ->
          "How far joining is: 0 not joining, 1 connecting, 2 loading, 3 comparing, 4 asking for"
              + " membership";
      case GAUGE_STATE_STREAMS -> "Replicas that load from this one";
      case GAUGE_IS_MEMBER -> "1 when this replica's membership is committed";
      case GAUGE_LEADER_KNOWN -> "1 when a leader of the current term is known";
      case GAUGE_UNSET, UNRECOGNIZED -> throw new IllegalArgumentException("gauge");
    };
  }
}
