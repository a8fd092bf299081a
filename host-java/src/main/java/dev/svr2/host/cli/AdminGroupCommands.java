// SPDX-License-Identifier: Apache-2.0
//
// The commands of `svr2 admin` about the group: who belongs to it, who votes, who leads, and the
// peers.
package dev.svr2.host.cli;

import com.google.protobuf.ByteString;
import dev.svr2.host.cli.client.ExitCode;
import dev.svr2.proto.ChangeMembershipCall;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.GetHashCall;
import dev.svr2.proto.GetHashResult;
import dev.svr2.proto.GetPeersCall;
import dev.svr2.proto.GetPeersResult;
import dev.svr2.proto.JoinGroupCall;
import dev.svr2.proto.MembershipChangeKind;
import dev.svr2.proto.MinimumLimits;
import dev.svr2.proto.PingPeerCall;
import dev.svr2.proto.PingPeerResult;
import dev.svr2.proto.RaftGroupConfig;
import dev.svr2.proto.RaiseMinimumsCall;
import dev.svr2.proto.RelinquishLeadershipCall;
import dev.svr2.proto.ResetPeerCall;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The methods are commands; {@link AdminCommand} inherits them. */
abstract class AdminGroupCommands extends AdminConnection {
  /** Said before an order that can cost availability goes out. */
  private static final String FORCED =
      "warning: --force may take the group below min_voting_replicas; then it answers no client until"
          + " enough replicas vote again";

  @Command(
      name = "create-group",
      description = {
        "Founds a group of one with the group values of the host's configuration.",
        "Never run it to repair a group: it makes a new, empty one with another id."
      },
      mixinStandardHelpOptions = true)
  int createGroup() throws CommandException {
    RaftGroupConfig group =
        call(stub -> stub.createGroup(CreateGroupCall.getDefaultInstance())).getGroup();
    print(AdminText.describe(group));
    return ExitCode.DONE;
  }

  @Command(
      name = "join",
      description = {
        "Joins the group of the peers that the host knows, and returns when joining has begun.",
        "'svr2 admin status' tells how far it is. Never creates a group."
      },
      mixinStandardHelpOptions = true)
  int join() throws CommandException {
    var unused = call(stub -> stub.joinGroup(JoinGroupCall.getDefaultInstance()));
    print(Map.of("joining", true));
    return ExitCode.DONE;
  }

  @Command(
      name = "promote",
      aliases = "voting",
      description = {
        "Lets a member vote. Replicas are promoted by themselves while fewer than",
        "max_voting_replicas vote; this is for choosing which."
      },
      mixinStandardHelpOptions = true)
  int promote(
      @Parameters(paramLabel = "PEER", arity = "0..1", description = PEER_OR_SELF) String peer)
      throws CommandException {
    return change(MembershipChangeKind.MEMBERSHIP_CHANGE_PROMOTE, peer, false);
  }

  @Command(
      name = "demote",
      description = {
        "Lets a voter vote no more; it stays a member and serves clients.",
        "Refused when fewer than min_voting_replicas voters would be left."
      },
      mixinStandardHelpOptions = true)
  int demote(
      @Parameters(paramLabel = "PEER", arity = "0..1", description = PEER_OR_SELF) String peer,
      @Option(names = "--force", description = FORCE) boolean force)
      throws CommandException {
    return change(MembershipChangeKind.MEMBERSHIP_CHANGE_DEMOTE, peer, force);
  }

  @Command(
      name = "remove",
      description = {
        "Removes a member for good: its enclave stops and its id never returns.",
        "Refused when fewer than min_voting_replicas voters would be left. Each voter that is removed",
        "before a replacement votes brings the group closer to losing every secret."
      },
      mixinStandardHelpOptions = true)
  int remove(
      @Parameters(paramLabel = "PEER", arity = "0..1", description = PEER_OR_SELF) String peer,
      @Option(names = "--force", description = FORCE) boolean force)
      throws CommandException {
    return change(MembershipChangeKind.MEMBERSHIP_CHANGE_REMOVE, peer, force);
  }

  private static final String PEER_OR_SELF =
      "The replica, 64 hex digits; without it, the one of this host.";
  private static final String FORCE =
      "Also below min_voting_replicas. Only when what is removed is lost for good.";

  private int change(MembershipChangeKind kind, String peer, boolean force)
      throws CommandException {
    ChangeMembershipCall.Builder order =
        ChangeMembershipCall.newBuilder().setKind(kind).setForce(force);
    if (peer != null) {
      order.setPeerId(peerId(peer));
    }
    if (force) {
      spec.commandLine().getErr().println(FORCED);
      spec.commandLine().getErr().flush();
    }
    var unused = call(stub -> stub.changeMembership(order.build()));
    Map<String, Object> done = new LinkedHashMap<>();
    done.put("done", kind.name().replace("MEMBERSHIP_CHANGE_", "").toLowerCase(Locale.ROOT));
    done.put("peer", peer == null ? "this replica" : peer);
    print(done);
    return ExitCode.DONE;
  }

  @Command(
      name = "relinquish",
      description = {
        "Hands leadership over to another voter and returns when it leads.",
        "On a replica that does not lead there is nothing to do."
      },
      mixinStandardHelpOptions = true)
  int relinquish() throws CommandException {
    var unused =
        call(stub -> stub.relinquishLeadership(RelinquishLeadershipCall.getDefaultInstance()));
    print(Map.of("leading", false));
    return ExitCode.DONE;
  }

  @Command(
      name = "reset-peer",
      description = "Ends the session with another replica's enclave; a new one is made at once.",
      mixinStandardHelpOptions = true)
  int resetPeer(@Parameters(paramLabel = "PEER", description = PEER) String peer)
      throws CommandException {
    ByteString id = peerId(peer);
    var unused = call(stub -> stub.resetPeer(ResetPeerCall.newBuilder().setPeerId(id).build()));
    print(Map.of("reset", peer));
    return ExitCode.DONE;
  }

  private static final String PEER = "The replica, 64 hex digits.";

  @Command(
      name = "ping-peer",
      description = "Asks another replica's enclave for a sign of life, the whole way.",
      mixinStandardHelpOptions = true)
  int pingPeer(@Parameters(paramLabel = "PEER", description = PEER) String peer)
      throws CommandException {
    ByteString id = peerId(peer);
    PingPeerResult result;
    try {
      result = call(stub -> stub.pingPeer(PingPeerCall.newBuilder().setPeerId(id).build()));
    } catch (CommandException e) {
      // A ping changes nothing: there is no "may have been done".
      throw e.exitCode() == ExitCode.UNKNOWN
          ? new CommandException(ExitCode.FAILED, "no answer from " + peer, e)
          : e;
    }
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("peer", peer);
    fields.put("ticks", Integer.toUnsignedLong(result.getTicks()));
    fields.put("microseconds", result.getMicros());
    print(fields);
    return ExitCode.DONE;
  }

  @Command(
      name = "hash",
      description = {
        "Prints the keyed hash of the database. Replicas that applied the same index print the same,",
        "or their databases differ."
      },
      mixinStandardHelpOptions = true)
  int hash() throws CommandException {
    GetHashResult result = call(stub -> stub.getHash(GetHashCall.getDefaultInstance()));
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("applied_index", result.getAppliedIndex());
    fields.put("hash", AdminText.hex(result.getHash()));
    print(fields);
    return ExitCode.DONE;
  }

  @Command(
      name = "raise-minimums",
      aliases = "minimums",
      description = {
        "Raises or adds minimums that the evidence of every replica must meet, and prints all of them.",
        "They are never lowered or removed again. Refused when a connected member does not meet them."
      },
      mixinStandardHelpOptions = true)
  int raiseMinimums(
      @Parameters(
              paramLabel = "NAME=HEX",
              arity = "1..*",
              description = "For example sgx_tcb_evaluation_data_number=0000000000000011.")
          List<String> minimums)
      throws CommandException {
    MinimumLimits.Builder raise = MinimumLimits.newBuilder();
    for (String minimum : minimums) {
      int equals = minimum.indexOf('=');
      if (equals < 1) {
        throw new CommandException(ExitCode.USAGE, "'" + minimum + "' is not NAME=HEX");
      }
      raise.putLim(minimum.substring(0, equals), bytes(minimum.substring(equals + 1)));
    }
    MinimumLimits all =
        call(stub -> stub.raiseMinimums(RaiseMinimumsCall.newBuilder().setRaise(raise).build()))
            .getMinimums();
    print(Map.of("minimums", AdminText.describe(all)));
    return ExitCode.DONE;
  }

  @Command(
      name = "peers",
      description = "Prints the other hosts that this host knows, reachable or not.",
      mixinStandardHelpOptions = true)
  int peers() throws CommandException {
    GetPeersResult result = call(stub -> stub.getPeers(GetPeersCall.getDefaultInstance()));
    print(Map.of("peers", result.getPeersList().stream().map(AdminText::describe).toList()));
    return ExitCode.DONE;
  }

  private static ByteString peerId(String peer) throws CommandException {
    if (peer.length() != 64) {
      throw new CommandException(ExitCode.USAGE, "'" + peer + "' is no peer id: 64 hex digits");
    }
    return bytes(peer);
  }

  private static ByteString bytes(String hex) throws CommandException {
    try {
      return ByteString.copyFrom(HexFormat.of().parseHex(hex));
    } catch (IllegalArgumentException e) {
      throw new CommandException(ExitCode.USAGE, "'" + hex + "' is not hexadecimal", e);
    }
  }
}
