// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import static java.util.Map.entry;

import dev.svr2.proto.Error;
import java.util.List;
import java.util.Map;

/**
 * Words for every error of the system: what it means, and what to do next. The enclave itself
 * answers with a code only, so that no secret can travel in a text.
 */
public final class ErrorText {
  private static final String BUG = "This is a bug; please report it with the host's log";
  private static final String HARMLESS = "Nothing to do; the counter of this error tells how often";
  private static final String RETRY = "Nothing was applied: try again";
  private static final String MAYBE =
      "It may or may not have been applied: read the state before trying again";
  private static final String REPLACE =
      "The host replaces this enclave by a new replica; look for its reason in the log";
  private static final String HOSTILE =
      "The sender runs other software or is hostile; its message was dropped";
  private static final String NEW_HANDSHAKE = "Connect again; sessions are never resumed";

  private static final String ROLLED_BACK =
      "Somebody put back old memory of a replica, or it is broken: take that machine out of service";
  private static final String PEER_SESSION =
      "Nothing to do: the session is made anew by itself; often, it shows a bad network";

  private record Words(String text, String hint) {}

  private static final Map<Error, Words> GENERAL =
      Map.ofEntries(
          words(Error.OK, "no error", "Nothing to do"),
          words(Error.ERROR_INTERNAL, "the enclave is in a state that should not exist", BUG),
          words(
              Error.ERROR_OUT_OF_MEMORY,
              "the enclave's heap is exhausted",
              "Raise NumHeapPages (another measurement) or lower max_rows and log_max_bytes"),
          words(
              Error.ERROR_INVALID_ARGUMENT,
              "a value is outside its documented limits",
              "Compare the value with its description"),
          words(
              Error.ERROR_RANDOM_FAILED,
              "the CPU's random generator failed",
              "Replace the machine: a CPU without RDRAND, or a broken one, cannot run an enclave"),
          words(
              Error.UNRECOGNIZED,
              "an error that this version of the host does not know",
              "Use the host that belongs to the enclave's version"));

  private static final Map<Error, Words> CORE =
      Map.ofEntries(
          words(
              Error.ERROR_CORE_MALFORMED_MESSAGE,
              "the enclave cannot read the message",
              "Use the host that belongs to the enclave's version"),
          words(
              Error.ERROR_CORE_MESSAGE_TOO_LARGE,
              "the message is larger than the enclave takes",
              "Send it in smaller parts"),
          words(Error.ERROR_CORE_EMPTY_ITEM, "an item of the message has no content", BUG),
          words(
              Error.ERROR_CORE_NOT_INITIALIZED,
              "the enclave was not initialized",
              "Call init before input"),
          words(
              Error.ERROR_CORE_ALREADY_INITIALIZED,
              "the enclave was initialized before",
              "Load a new enclave; each starts one replica only"),
          words(
              Error.ERROR_CORE_BAD_CONFIG,
              "the enclave refuses its configuration",
              "Compare the group and enclave settings with docs; the group values have no default"),
          words(Error.ERROR_CORE_STOPPED, "this replica stopped for good", REPLACE),
          words(
              Error.ERROR_CORE_UNKNOWN_TRANSACTION,
              "a reply to a question that nobody asked",
              HARMLESS),
          words(
              Error.ERROR_CORE_MALFORMED_ID,
              "a backup id, peer id or client id has the wrong form",
              "Compare the id's length with its description"),
          words(
              Error.ERROR_CORE_NO_GROUP,
              "this replica belongs to no group yet",
              "Wait until it has joined, or order create-group once for the whole deployment"),
          words(
              Error.ERROR_CORE_GROUP_EXISTS,
              "this replica belongs to a group already",
              "Nothing to do; a second group would split the database"),
          words(Error.ERROR_CORE_TOO_MANY_ITEMS, "the message holds too many items", BUG),
          words(
              Error.ERROR_CORE_NO_QUORUM_TIME,
              "no time that a quorum of voters backs is known",
              "Check that a majority of replicas is up and that their clocks are set"),
          words(
              Error.ERROR_CORE_OUTPUT_FAILED,
              "the host did not take an output message",
              "Look in the log for what the output handler threw"),
          words(Error.ERROR_CORE_REQUEST_TIMEOUT, "the request was not answered in time", MAYBE),
          words(
              Error.ERROR_CORE_DUPLICATE_TRANSACTION, "a transaction id that is still in use", BUG),
          words(
              Error.ERROR_CORE_JOINING,
              "this replica is not yet a member of its group",
              "Wait: it joins by itself; its status says how far it is"),
          words(
              Error.ERROR_CORE_DIGEST_MISMATCH,
              "what was loaded differs from what another voter holds; the replica stopped for good",
              "The host starts a new replica; if it happens again, the replica that served as source"
                  + " must be taken out of service"),
          words(
              Error.ERROR_CORE_TOO_MANY_STREAMS,
              "this replica already serves as many joiners as it may",
              "The joining replica tries another source by itself"),
          words(
              Error.ERROR_CORE_STREAM_LOST,
              "the stream of rows from the source ended",
              "The joining replica starts over with the next source by itself"));

  private static final Map<Error, Words> CRYPTO_AND_NOISE =
      Map.ofEntries(
          words(Error.ERROR_CRYPTO_DECRYPT_FAILED, "a ciphertext does not verify", NEW_HANDSHAKE),
          words(Error.ERROR_CRYPTO_BAD_KEY, "a public key is not acceptable", HOSTILE),
          words(
              Error.ERROR_CRYPTO_UNAVAILABLE,
              "the CPU lacks an instruction that the enclave needs",
              "Use a machine with AES-NI, PCLMULQDQ, SSSE3 and RDRAND; on virtual machines pass the"
                  + " host's CPU model through"),
          words(
              Error.ERROR_CRYPTO_NONCE_EXHAUSTED,
              "a session has used up its nonces",
              NEW_HANDSHAKE),
          words(Error.ERROR_NOISE_BAD_STATE, "a handshake step came out of order", NEW_HANDSHAKE),
          words(
              Error.ERROR_NOISE_MALFORMED_MESSAGE,
              "a handshake message has the wrong size",
              HOSTILE),
          words(
              Error.ERROR_NOISE_DECRYPT_FAILED,
              "a handshake or transport message does not verify",
              NEW_HANDSHAKE),
          words(
              Error.ERROR_NOISE_MESSAGE_TOO_LONG,
              "a message is longer than 65,535 bytes",
              "Send it in smaller parts"));

  private static final Map<Error, Words> ATTESTATION =
      Map.ofEntries(
          words(Error.ERROR_ATTESTATION_MALFORMED_EVIDENCE, "evidence cannot be read", HOSTILE),
          words(
              Error.ERROR_ATTESTATION_MALFORMED_CLAIMS,
              "the claims in the evidence cannot be read",
              HOSTILE),
          words(
              Error.ERROR_ATTESTATION_WRONG_FORMAT,
              "simulated evidence where real is asked for, or the reverse",
              "Give all replicas of a group the same platform and the same value of simulated"),
          words(
              Error.ERROR_ATTESTATION_DEBUG,
              "the other enclave runs with the DEBUG attribute",
              "Start that enclave without the debug flag"),
          words(
              Error.ERROR_ATTESTATION_TCB_STATUS,
              "the other machine's trusted computing base is not up to date",
              "Update microcode and firmware of that machine"),
          words(
              Error.ERROR_ATTESTATION_ADVISORY,
              "the other machine is open to a security advisory that nobody accepted",
              "Update that machine; accept an advisory only after judging it"),
          words(
              Error.ERROR_ATTESTATION_MEASUREMENT,
              "the other enclave has another measurement",
              "Run the same signed image on all replicas of a group"),
          words(
              Error.ERROR_ATTESTATION_GROUP_CONFIG,
              "the other enclave has another group configuration",
              "Give all replicas of a group the same group values"),
          words(
              Error.ERROR_ATTESTATION_MINIMUMS,
              "the other enclave is below a minimum of the group",
              "Update that machine to what the group's minimums ask for"),
          words(
              Error.ERROR_ATTESTATION_UNAVAILABLE,
              "the platform cannot make or verify evidence",
              "Check the quote provider, its configuration and its network; see the host's log"),
          words(
              Error.ERROR_ATTESTATION_TOO_OLD,
              "evidence is older than attestation_timeout",
              "Check that the other replica is up and that the voters' clocks are set"),
          words(
              Error.ERROR_ATTESTATION_QUOTE_PROVIDER,
              "there is no quote provider, or it failed",
              "Run 'svr2 doctor --platform sgx'; see the provider's own log"),
          words(
              Error.ERROR_ATTESTATION_PLATFORM,
              "the platform could not make or check a quote",
              "Check aesmd, the certificate cache in /etc/sgx_default_qcnl.conf, and that it knows this"
                  + " machine"),
          words(
              Error.ERROR_ATTESTATION_SIGNATURE,
              "a signature, certificate chain or quoting enclave in evidence is not right",
              "Update the DCAP packages of that machine; if it persists, distrust it"),
          words(
              Error.ERROR_ATTESTATION_COLLATERAL,
              "the endorsements of evidence are malformed, missing or out of date",
              "Refresh that machine's certificate cache; check that the voters' clocks are set"),
          words(
              Error.ERROR_ATTESTATION_REVOKED,
              "a certificate of that machine was revoked",
              "Take the machine out of the group: Intel does not trust it any more"));

  private static final Map<Error, Words> MINIMUMS_AND_CLOCK =
      Map.ofEntries(
          words(
              Error.ERROR_MINIMUMS_KEY_REMOVED,
              "new minimums lack a key that the group has",
              "Minimums only grow: keep every key"),
          words(
              Error.ERROR_MINIMUMS_VALUE_LOWERED,
              "a new minimum is lower than the group's",
              "Minimums only grow: give a value that is not lower"),
          words(
              Error.ERROR_MINIMUMS_LENGTH_CHANGED,
              "a new minimum has another length than the group's",
              "Give the value in the length that it had"),
          words(Error.ERROR_MINIMUMS_TOO_MANY, "too many minimums", "Give fewer"),
          words(
              Error.ERROR_MINIMUMS_MALFORMED,
              "the minimums cannot be read",
              "Compare them with their description"),
          words(
              Error.ERROR_MINIMUMS_KEY_MISSING,
              "the other enclave's evidence shows nothing for a minimum of this group",
              "Update that machine; if none can show it, the minimum's key is wrong"),
          words(
              Error.ERROR_MINIMUMS_NOT_MET,
              "the other enclave's evidence shows less than a minimum of this group",
              "Update that machine to the value in the minimums"),
          words(
              Error.ERROR_GROUPCLOCK_NO_QUORUM,
              "the clocks of too few voters are known",
              "Check that a majority of replicas is up"));

  private static final Map<Error, Words> DATABASE =
      Map.ofEntries(
          words(
              Error.ERROR_INTEGRITY_MISMATCH,
              "memory differs from what the enclave wrote; the replica stopped for good",
              "Treat the machine as attacked or broken: take it out of service"),
          words(
              Error.ERROR_INTEGRITY_FULL, "the integrity tree has no free slot", "Lower max_rows"),
          words(
              Error.ERROR_DB_BAD_SIZE,
              "data, PIN value or max_tries is outside its limits",
              "Send 16 to 48 bytes of data, a 32-byte PIN value and 1 to 255 tries"),
          words(
              Error.ERROR_DB_ROWS_FULL,
              "the database holds max_rows rows; nothing was applied",
              "Raise max_rows, and NumHeapPages with it"),
          words(
              Error.ERROR_DB_HEAP_FULL,
              "the enclave has no heap for another row; nothing was applied",
              "Raise NumHeapPages (another measurement: move to a new group)"),
          words(Error.ERROR_DB_MALFORMED_COMMAND, "a log entry cannot be read", BUG),
          words(
              Error.ERROR_DB_OUT_OF_ORDER,
              "a streamed row came out of key order",
              "The joining replica starts over by itself"),
          words(
              Error.ERROR_DB_IMPOSSIBLE_ROW,
              "a streamed row that no database can hold",
              "The joining replica starts over by itself"));

  private static final Map<Error, Words> RAFT =
      Map.ofEntries(
          words(
              Error.ERROR_RAFT_NOT_LEADER,
              "this replica is not the leader; nothing was appended",
              RETRY),
          words(
              Error.ERROR_RAFT_LOG_FULL,
              "the log is full of entries that cannot go yet; nothing was appended",
              "Try again later; check that a majority of replicas is up"),
          words(
              Error.ERROR_RAFT_ENTRY_TOO_LARGE,
              "a log entry is larger than allowed",
              "Send it in smaller parts"),
          words(
              Error.ERROR_RAFT_UNKNOWN_PEER,
              "a message came from a peer outside the group",
              HARMLESS),
          words(Error.ERROR_RAFT_MALFORMED_MESSAGE, "a peer's message cannot be read", HOSTILE),
          words(
              Error.ERROR_RAFT_TOO_FEW_VOTERS,
              "the group has fewer voters than min_voting_replicas",
              "Start more replicas; voting begins by itself"),
          words(Error.ERROR_RAFT_CHANGE_IN_FLIGHT, "another membership change is under way", RETRY),
          words(
              Error.ERROR_RAFT_BAD_GROUP_CONFIG,
              "the group's numbers contradict each other",
              "Choose super_majority below min_voting_replicas, and that not above"
                  + " max_voting_replicas"),
          words(
              Error.ERROR_RAFT_ENTRY_REPLACED,
              "another entry was committed in its place; it was not applied",
              RETRY),
          words(Error.ERROR_RAFT_INDEX_DROPPED, "the log no longer holds the entry", MAYBE),
          words(
              Error.ERROR_RAFT_TRANSFER_IN_PROGRESS,
              "leadership is being handed over; nothing was appended",
              RETRY),
          words(
              Error.ERROR_RAFT_NO_LEADER,
              "no leader is known; nothing was appended",
              "Try again in a few seconds; check that a majority of replicas is up"),
          words(
              Error.ERROR_RAFT_UNEXPECTED_ANSWER,
              "a peer answered what it was not asked",
              HARMLESS),
          words(
              Error.ERROR_RAFT_WRONG_GROUP,
              "a message came from another group",
              "Check that the address list names no host of another group"));

  private static final Map<Error, Words> RAFT_BROKEN =
      Map.ofEntries(
          words(
              Error.ERROR_RAFT_CONFLICT_BELOW_PROMISE,
              "a leader wants to replace an entry that this replica promised to keep",
              ROLLED_BACK),
          words(
              Error.ERROR_RAFT_COMMIT_ABOVE_PROMISE,
              "a leader names a commit index beyond its promise",
              HOSTILE),
          words(
              Error.ERROR_RAFT_PROMISE_BEYOND_ENTRIES,
              "a leader names a promise beyond what it sent",
              HOSTILE),
          words(
              Error.ERROR_RAFT_SAME_TERM_CONFLICT,
              "two entries have the same index and term",
              ROLLED_BACK),
          words(
              Error.ERROR_RAFT_ROLLED_BACK,
              "this replica's memory was rolled back; it stopped for good",
              ROLLED_BACK),
          words(
              Error.ERROR_RAFT_PROMISE_CONFLICT,
              "a later leader committed another entry than this replica promised; it stopped for good",
              REPLACE),
          words(
              Error.ERROR_RAFT_REMOVED,
              "this replica was removed from its group; it stopped for good",
              REPLACE),
          words(
              Error.ERROR_RAFT_ENTRIES_DROPPED,
              "the leader no longer holds the entries that this replica needs; it stopped for good",
              "The host starts a new replica; if it happens often, raise log_max_bytes"),
          words(
              Error.ERROR_RAFT_APPLY_FAILED,
              "a committed entry could not be applied; the replica stopped for good",
              "Give all replicas the same max_rows and images with the same NumHeapPages"));

  private static final Map<Error, Words> MEMBERSHIP =
      Map.ofEntries(
          words(
              Error.ERROR_RAFT_BELOW_MIN_VOTERS,
              "the change would leave fewer voters than min_voting_replicas",
              "Start a replacement and let it vote first; force only when what is to go is lost for good,"
                  + " since the group answers no client until enough vote again"),
          words(
              Error.ERROR_RAFT_MAX_VOTERS,
              "max_voting_replicas vote already",
              "Demote another first, or leave it as a spare"),
          words(
              Error.ERROR_RAFT_NOT_A_MEMBER,
              "the group has no such member",
              "Compare the id with the members in 'svr2 admin status'"),
          words(Error.ERROR_RAFT_NO_CHANGE, "it already is as asked", "Nothing to do"),
          words(
              Error.ERROR_RAFT_IS_LEADER,
              "the leader cannot demote or remove itself",
              "Run 'svr2 admin relinquish' on it first, then try again"),
          words(
              Error.ERROR_RAFT_TERM_NOT_COMMITTED,
              "the leader has just been elected and may not change the membership yet",
              RETRY),
          words(
              Error.ERROR_RAFT_TOO_MANY_MEMBERS,
              "the group has as many members as it may",
              "Remove members that are gone for good"),
          words(
              Error.ERROR_RAFT_NO_TRANSFER_TARGET,
              "there is no other voter to hand leadership to",
              "Start another replica and wait until it votes"),
          words(
              Error.ERROR_RAFT_TRANSFER_FAILED,
              "nobody took leadership over in time; the old leader goes on",
              "Check that the other voters are up and follow, then try again"));

  private static final Map<Error, Words> SESSIONS =
      Map.ofEntries(
          words(Error.ERROR_PEERS_UNKNOWN, "no such peer", HARMLESS),
          words(
              Error.ERROR_PEERS_NOT_CONNECTED,
              "no session with that peer yet",
              "Check that the peer is reachable; sessions are set up by themselves"),
          words(
              Error.ERROR_PEERS_MALFORMED_MESSAGE,
              "what came from another enclave cannot be read",
              HOSTILE),
          words(
              Error.ERROR_PEERS_WRONG_KEY,
              "the other enclave's evidence binds another key than its id",
              HOSTILE),
          words(
              Error.ERROR_PEERS_UNEXPECTED,
              "a peer's message does not fit the state of the session",
              PEER_SESSION),
          words(
              Error.ERROR_PEERS_OUT_OF_ORDER,
              "a peer's message was repeated, lost or exchanged on the way",
              PEER_SESSION),
          words(
              Error.ERROR_PEERS_RESET,
              "the session with a peer was ended by the other side or by a host",
              PEER_SESSION),
          words(
              Error.ERROR_PEERS_TOO_MANY,
              "the enclave knows as many peers as it may",
              "Remove members that are gone for good"),
          words(
              Error.ERROR_PEERS_REQUEST_TIMEOUT,
              "a peer did not answer in time",
              "Check that the peer is up and reachable; what it was asked for may have been done"),
          words(
              Error.ERROR_PEERS_MESSAGE_TOO_LARGE,
              "a message between enclaves is larger than allowed",
              BUG),
          words(
              Error.ERROR_PEERS_NOT_ALLOWED,
              "a replica that is no member asked for what only members may have",
              HOSTILE),
          words(
              Error.ERROR_PEERS_UNREACHABLE,
              "the host knows no way to that peer",
              "Check the address list (peer.static), and that the peer's host is up"),
          words(
              Error.ERROR_PEERS_OUTBOX_FULL,
              "more waits to be sent to a peer than may; its session is made anew",
              "Look whether that peer's host is slow or the network between them"),
          words(Error.ERROR_CLIENT_UNKNOWN, "no client session of that id", NEW_HANDSHAKE),
          words(
              Error.ERROR_CLIENT_TOO_MANY,
              "max_client_sessions or max_pending_handshakes is reached",
              "Try again later; add replicas or raise the limit"),
          words(Error.ERROR_CLIENT_MALFORMED_REQUEST, "a client's request cannot be read", HOSTILE),
          words(
              Error.ERROR_CLIENT_BUSY,
              "a second request came before the first was answered",
              "Wait for the answer"),
          words(Error.ERROR_CLIENT_IDLE, "the session was closed for idleness", NEW_HANDSHAKE),
          words(
              Error.ERROR_CLIENT_ITEM_TOO_LARGE,
              "a client's message is larger than 128 KiB",
              HOSTILE),
          words(
              Error.ERROR_CLIENT_WRONG_HANDSHAKE,
              "a client speaks NK where this replica offers NKhfs (client_pq), or the reverse",
              "Give clients the pins of this group, which name its handshake; keep client_pq alike"
                  + " on all replicas"));

  private static final Map<Error, Words> PLATFORM_AND_BRIDGE =
      Map.ofEntries(
          words(
              Error.ERROR_PLATFORM_NOT_SIMULATED,
              "this platform protects nothing, and the configuration does not say simulated: true",
              "Use platform sgx, or say simulated: true and accept that nothing is protected"),
          words(
              Error.ERROR_PLATFORM_DEBUG,
              "a debug enclave, and the configuration does not say simulated: true",
              "Load the enclave without the debug flag"),
          words(
              Error.ERROR_PLATFORM_SIMULATED,
              "simulated: true on hardware that protects",
              "Say simulated: false"),
          words(Error.ERROR_BRIDGE_BAD_ARGUMENT, "the native bridge got a bad argument", BUG),
          words(
              Error.ERROR_BRIDGE_UNKNOWN_PLATFORM,
              "the native library was built without that platform",
              "Choose another platform, or build with the Open Enclave SDK installed"),
          words(
              Error.ERROR_BRIDGE_IMAGE_UNREADABLE,
              "the image cannot be read",
              "Check path and permissions; `make enclave` builds the image"),
          words(
              Error.ERROR_BRIDGE_IMAGE_MALFORMED,
              "the file is not a signed image of this platform",
              "Give the file that signing wrote; `make enclave` builds and signs it"),
          words(
              Error.ERROR_BRIDGE_IMAGE_SIGNATURE,
              "the image was altered, or is not signed with the key it names",
              "Do not use this file: get the image again from its source"),
          words(
              Error.ERROR_BRIDGE_IMAGE_PROPERTIES,
              "a property of the image is missing, unknown or out of range",
              "Correct the .conf file and sign again"),
          words(
              Error.ERROR_BRIDGE_IMAGE_LOAD,
              "the operating system cannot load the image",
              "Build the image on a system with the same or an older C library"),
          words(
              Error.ERROR_BRIDGE_OUT_OF_THREADS,
              "more calls at once than NumTCS allows",
              "Call through the Enclave class, which pools"),
          words(
              Error.ERROR_BRIDGE_REENTERED,
              "a call into the enclave from inside its output callback",
              "Hand the message to another thread and return first"),
          words(
              Error.ERROR_BRIDGE_ABORTED,
              "the enclave aborted and never answers again",
              "Restart the host; the new replica joins by itself"),
          words(Error.ERROR_BRIDGE_CLOSED, "the enclave is closed", "Load a new enclave"),
          words(
              Error.ERROR_BRIDGE_OUT_OF_MEMORY,
              "the host process has no memory for the call",
              "Give the process more memory, or lower NumHeapPages"),
          words(
              Error.ERROR_BRIDGE_DEBUG_NOT_ALLOWED,
              "debug was asked of an image that forbids it",
              "Load without the debug flag, or use an image signed with Debug=1"));

  private ErrorText() {}

  /** What the error means: a phrase without capital and full stop. */
  public static String of(Error error) {
    return find(error).text();
  }

  /** What to do next: a sentence without full stop. */
  public static String hint(Error error) {
    return find(error).hint();
  }

  /** True when this class has words of its own for the error; a test asks for each. */
  static boolean knows(Error error) {
    return lookUp(error) != null;
  }

  private static Words find(Error error) {
    Words words = lookUp(error);
    return words != null ? words : new Words("error " + error.name(), BUG);
  }

  private static Words lookUp(Error error) {
    for (Map<Error, Words> range :
        List.of(
            GENERAL,
            CORE,
            CRYPTO_AND_NOISE,
            ATTESTATION,
            MINIMUMS_AND_CLOCK,
            DATABASE,
            RAFT,
            RAFT_BROKEN,
            MEMBERSHIP,
            SESSIONS,
            PLATFORM_AND_BRIDGE)) {
      Words words = range.get(error);
      if (words != null) {
        return words;
      }
    }
    return null;
  }

  private static Map.Entry<Error, Words> words(Error error, String text, String hint) {
    return entry(error, new Words(text, hint));
  }
}
